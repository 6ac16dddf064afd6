/** What `kafka-do bench` measures, one after the other. */
import type { Consumer } from '../../client/consumer/consumer.ts'
import { Offset } from '../../client/consumer/offset.ts'
import type { Producer } from '../../client/producer/producer.ts'
import type { ProducerConfig } from '../../client/producer/producer-config.ts'
import { bytes } from '../../client/serializer.ts'
import { topic as topicOf } from '../../client/topic.ts'
import { delay } from '../../core/backoff.ts'
import type { Client } from '../../entry/client.ts'
import { CommandError } from '../shell/command-error.ts'
import { exitCode } from '../shell/exit-code.ts'
import type { Io } from '../shell/io.ts'
import { Latencies, type Percentiles } from '../shell/latencies.ts'
import type { Progress } from '../shell/progress.ts'

export interface Load {
  readonly topic: string
  readonly durationMs: number
  readonly valueBytes: number
  readonly inFlight: number
  /** Records a second, where latency is measured. */
  readonly rate: number
  readonly producer: ProducerConfig
}

export interface Measured {
  readonly phase: 'produce' | 'consume' | 'latency'
  readonly records: number
  readonly bytes: number
  readonly seconds: number
  /** Milliseconds; undefined where nothing is waited for. */
  readonly latency: Percentiles | undefined
}

/** A record that is missing this long after the last was sent will not come. */
const straggleMs = 10_000
/** Different contents, so that nothing is compressed away. */
const poolSize = 64

export class Bench {
  readonly #client: Client
  readonly #load: Load
  readonly #io: Io
  readonly #progress: Progress
  readonly #topic

  constructor(client: Client, load: Load, io: Io, progress: Progress) {
    this.#client = client
    this.#load = load
    this.#io = io
    this.#progress = progress
    this.#topic = topicOf<Uint8Array>(load.topic, { value: bytes })
  }

  /** As many as go, `inFlight` unanswered at a time; latency is until a record is acknowledged. */
  async produce(): Promise<Measured> {
    const { durationMs, inFlight, valueBytes } = this.#load
    const pool = Array.from({ length: poolSize }, () => this.#value())
    const latencies = new Latencies()
    let sent = 0
    let open = 0
    let failure: unknown
    let wake: (() => void) | undefined
    const settled = () => {
      open--
      wake?.()
    }
    await using producer = this.#producer()
    const begunAt = this.#now()
    while (this.#now() - begunAt < durationMs && failure === undefined) {
      this.#io.signal.throwIfAborted()
      while (open < inFlight) {
        open++
        const sentAt = this.#now()
        producer.send(pool[sent++ % poolSize]!).then(
          () => {
            latencies.add(this.#now() - sentAt)
            this.#seen(valueBytes)
            settled()
          },
          (error: unknown) => {
            failure ??= error
            settled()
          },
        )
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    await producer.flush()
    if (failure !== undefined) throw failure
    return this.#measured('produce', latencies.count, begunAt, latencies.percentiles())
  }

  /** Everything that is in the topic, from the beginning. */
  async consume(): Promise<Measured | undefined> {
    const { topic, valueBytes } = this.#load
    const [begins, ends] = await Promise.all([
      this.#client.admin.listOffsets(topic, Offset.earliest),
      this.#client.admin.listOffsets(topic, Offset.latest),
    ])
    const total = ends.reduce((sum, { offset }, i) => sum + Number(offset - begins[i]!.offset), 0)
    if (total === 0) return undefined
    const begunAt = this.#now()
    let count = 0
    let size = 0
    const consumer: Consumer<Uint8Array> = this.#client.consumer(this.#topic, {
      offset: Offset.earliest,
      isolation: 'read_uncommitted',
      signal: this.#io.signal,
    })
    await consumer.take(total).forEach(({ value }) => {
      count++
      size += value?.length ?? 0
      this.#seen(valueBytes)
    })
    this.#io.signal.throwIfAborted()
    return { ...this.#measured('consume', count, begunAt, undefined), bytes: size }
  }

  /**
   * `rate` records a second; latency is from when a record was to be sent until it was read. So a stall counts for all that
   * it has held up.
   */
  async latency(): Promise<Measured> {
    const { durationMs, rate, valueBytes } = this.#load
    const { signal } = this.#io
    const total = Math.max(1, Math.floor((durationMs / 1000) * rate))
    const latencies = new Latencies()
    const ended = new AbortController()
    const consumer: Consumer<Uint8Array> = this.#client.consumer(this.#topic, {
      offset: Offset.latest,
      isolation: 'read_uncommitted',
      signal: AbortSignal.any([signal, ended.signal]),
    })
    await consumer.ready()
    await using producer = this.#producer()
    const dueAt = new Float64Array(total)
    const read = consumer.take(total).forEach(({ value }) => {
      const index = new DataView(value.buffer, value.byteOffset).getUint32(0)
      latencies.add(this.#now() - dueAt[index]!)
      this.#seen(valueBytes)
    })
    const begunAt = this.#now()
    const failures: unknown[] = []
    for (let i = 0; i < total && failures.length === 0; i++) {
      dueAt[i] = begunAt + (i * 1000) / rate
      const leftMs = dueAt[i]! - this.#now()
      if (leftMs > 0) await delay(this.#io.runtime, leftMs, signal)
      const value = this.#value()
      new DataView(value.buffer, value.byteOffset).setUint32(0, i)
      producer.send(value).catch((error: unknown) => failures.push(error))
    }
    await producer.flush()
    const limit = this.#io.runtime.setTimer(straggleMs, () => ended.abort(), { background: true })
    if (failures.length > 0) ended.abort()
    await read
    limit.cancel()
    signal.throwIfAborted()
    if (failures.length > 0) throw failures[0]
    if (latencies.count < total)
      throw new CommandError(
        `${total - latencies.count} of ${total} records were not read within ${straggleMs / 1000} s`,
        { code: 'REQUEST_TIMED_OUT', exitCode: exitCode.timedOut },
      )
    return this.#measured('latency', total, begunAt, latencies.percentiles())
  }

  #producer(): Producer<Uint8Array> {
    return this.#client.producer(this.#topic, this.#load.producer)
  }

  #measured(
    phase: Measured['phase'],
    records: number,
    begunAt: number,
    latency: Percentiles | undefined,
  ): Measured {
    const seconds = (this.#now() - begunAt) / 1000
    return { phase, records, bytes: records * this.#load.valueBytes, seconds, latency }
  }

  #seen(size: number): void {
    this.#progress.records++
    this.#progress.bytes += size
  }

  #value(): Uint8Array {
    const { runtime } = this.#io
    return Uint8Array.from({ length: this.#load.valueBytes }, () =>
      Math.floor(runtime.random() * 256),
    )
  }

  #now(): number {
    return this.#io.runtime.monotonicNow()
  }
}
