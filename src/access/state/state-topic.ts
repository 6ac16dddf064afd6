/**
 * A compacted topic of one partition that a server remembers something in: what is written is read again, by this process
 * and by all others that follow the same topic, in the same order. On our own log and on another cluster alike.
 *
 *   write ─ Produce (acks=all) ─ log ─ Fetch (long poll) ─ apply ─ write resolves
 *
 * Whoever has written sees what it wrote: `write` resolves once it has come back. A follower that fell behind what is kept
 * (OFFSET_OUT_OF_RANGE) begins anew, with `reset`.
 */
import { delay } from '../../core/backoff.ts'
import { TimeoutError } from '../../core/errors.ts'
import type { Timer } from '../../core/runtime.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'
import {
  closedTopic,
  type StateRecord,
  TopicWriter,
  type TopicWriterOptions,
} from './topic-writer.ts'

export type { StateRecord }

export interface StateTopicOptions extends TopicWriterOptions {
  /** In the order of the log, also what this process has written. */
  readonly apply: (records: readonly StateRecord[]) => void
  /** All that was applied is forgotten; it comes again. */
  readonly reset: () => void
}

/** Whoever wrote and has not seen it yet. */
interface Waiting {
  readonly offset: bigint
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The newest version that names topics by name. */
const fetchVersion = 12
const waitMs = 30_000
const answerTimeoutMs = 30_000
const fetchBytesMax = 4 * 1024 * 1024
const pauseMs = 1000
/** Somebody waits for what is written, and is told about as soon as with other calls that the cluster is down. */
const unreachableMs = 3000
/** So long after it was stored whoever wrote is told that it has not come back. */
const seenMs = 15_000

export class StateTopic {
  readonly #options: StateTopicOptions
  readonly #writer: TopicWriter
  readonly #closing = new AbortController()
  readonly #lane: string
  /** Everything before it is applied. */
  #nextOffset = 0n
  readonly #waiting = new Set<Waiting>()
  #following: Promise<void> | undefined

  constructor(options: StateTopicOptions) {
    this.#options = options
    this.#writer = new TopicWriter(options)
    this.#lane = `${options.topic} ${options.runtime.uuid()}`
  }

  /** Makes the topic where it is missing, and reads all that it holds. Rejects with `KafkaError` when it cannot be had. */
  async open(): Promise<void> {
    await this.#writer.ensure([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
    ])
    let isEnd = false
    while (!isEnd) isEnd = await this.#writer.tried('read', () => this.#fetch(0))
    this.#following = this.#follow()
  }

  /**
   * Stores the records as one, all or none, and resolves when they are applied here. Rejects with `KafkaError`, whose
   * `outcome` says whether they may have been stored all the same.
   */
  async write(records: readonly StateRecord[]): Promise<void> {
    if (records.length === 0) return
    const offset = await this.#writer.append(records, { unreachableMs })
    if (this.#nextOffset >= offset) return
    if (this.#writer.isClosed) throw closedTopic(this.#options.topic)
    await this.#seen(offset)
  }

  /** Rejects where it takes too long: the cluster may be gone between what is written and what is read. */
  async #seen(offset: bigint): Promise<void> {
    const { runtime, topic } = this.#options
    let timer: Timer | undefined
    let entry: Waiting | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        entry = { offset, resolve, reject }
        this.#waiting.add(entry)
        timer = runtime.setTimer(seenMs, () => reject(notSeen(topic)), { background: true })
      })
    } finally {
      timer?.cancel()
      if (entry) this.#waiting.delete(entry)
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const reason = closedTopic(this.#options.topic)
    this.#closing.abort(reason)
    await this.#writer.close()
    for (const { reject } of this.#waiting) reject(reason)
    this.#waiting.clear()
    await this.#following
    this.#options.connection.releaseLane(this.#lane)
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted)
      try {
        await this.#writer.tried('follow', () => this.#fetch(waitMs), {
          patienceMs: Number.POSITIVE_INFINITY,
        })
      } catch (error) {
        if (signal.aborted) return
        const { runtime, topic } = this.#options
        runtime.logger.error({ err: error, topic }, 'a topic of the server cannot be followed')
        await delay(runtime, pauseMs, signal).catch(() => undefined)
      }
  }

  /** Applies what there is; true when nothing was left to apply. */
  async #fetch(maxWaitMs: number): Promise<boolean> {
    const { topic, apply, reset } = this.#options
    const partition = createFetchRequestFetchPartition({
      partition: 0,
      fetchOffset: this.#nextOffset,
      partitionMaxBytes: fetchBytesMax,
    })
    const request = createFetchRequest({
      maxWaitMs,
      minBytes: 1,
      maxBytes: fetchBytesMax,
      sessionEpoch: -1,
      topics: [createFetchRequestFetchTopic({ topic, partitions: [partition] })],
    })
    const nodeId = await this.#writer.leader()
    const response = await this.#writer.exchange(fetch, request, {
      ...{ nodeId, maxVersion: fetchVersion, lane: this.#lane },
      timeoutMs: maxWaitMs + answerTimeoutMs,
    })
    if (response.errorCode !== 0) throw errorFrom(response.errorCode, { topic })
    const answer = response.responses[0]?.partitions[0]
    if (!answer) return true
    if (errorName(answer.errorCode) === 'OFFSET_OUT_OF_RANGE') {
      reset()
      this.#nextOffset = answer.logStartOffset > 0n ? answer.logStartOffset : 0n
      return false
    }
    if (answer.errorCode !== 0) throw errorFrom(answer.errorCode, { topic })
    const { records } = answer
    if (!records || records.length === 0) return this.#nextOffset >= answer.highWatermark
    apply(this.#read(records))
    for (const entry of this.#waiting) {
      if (entry.offset > this.#nextOffset) continue
      this.#waiting.delete(entry)
      entry.resolve()
    }
    return false
  }

  #read(bytes: Uint8Array): StateRecord[] {
    const found: StateRecord[] = []
    for (const header of readBatches(bytes)) {
      if (!header.isControl) {
        const cursor = new RecordCursor(bytes, header)
        while (cursor.next()) {
          if (cursor.offset < this.#nextOffset) continue
          found.push({ key: cursor.keyText(), value: cursor.valueText() })
        }
      }
      this.#nextOffset = header.baseOffset + BigInt(header.lastOffsetDelta) + 1n
    }
    return found
  }
}

function notSeen(topic: string): TimeoutError {
  return new TimeoutError(
    `It is stored in '${topic}', but this server has not read it back within ${seenMs / 1000} s; it holds once it has`,
    { code: 'REQUEST_TIMED_OUT', retriable: true, outcome: 'unknown' },
  )
}
