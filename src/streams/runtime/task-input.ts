/** A partition that a task reads: what has been fetched of it, or handed over by tasks of this process, and how far the task has come. */
import type { FetchedRecords } from '../../client/consumer/fetched-records.ts'
import type { PartitionConsumption } from '../../client/consumer/partition-consumption.ts'
import { noHeaders } from '../../client/consumer/record-headers.ts'
import { decodeUtf8 } from '../../core/bytes.ts'
import { Fifo } from '../../core/fifo.ts'
import { BatchOrigin, type Origin } from '../stream-record.ts'
import type { RecordData } from '../task/record-data.ts'

interface EarlyRecord {
  readonly origin: Origin
  readonly data: RecordData
}

/** What handed records have instead of an offset. */
const noOffset = -1n

export class TaskInput {
  readonly topic: string
  readonly partition: number
  readonly consumption: PartitionConsumption
  /** Written by the application itself. */
  readonly isInternal: boolean
  /** At the next record to process. */
  #head: FetchedRecords | undefined
  readonly #handed = new Fifo<RecordData>()
  /** Read before their turn, because something is started ahead; before the head. */
  readonly #early = new Fifo<EarlyRecord>()
  /** Of those that were started, by record. */
  readonly #origins = new WeakMap<RecordData, Origin>()
  /** How many of those first in the queue were started. */
  #startedHanded = 0
  #startedEarly = 0
  /** One of all partitions of a topic that each task reads whole: its place is kept with the task's state. */
  readonly isBroadcast: boolean
  /** The place that the commit under way keeps; of a broadcast. */
  committing: bigint | undefined
  /** Of the last record that was taken; -1 before the first. */
  lastTimestampMs = -1
  /** Where the log was last seen to end by whoever asked. */
  #knownEnd = 0n
  /** As of the last commit; before the first, where it began, once that is known. */
  committed: bigint | undefined

  constructor(
    consumption: PartitionConsumption,
    options: {
      readonly committed: bigint | undefined
      readonly isInternal: boolean
      readonly isBroadcast?: boolean
    },
  ) {
    this.topic = consumption.topic
    this.partition = consumption.partition
    this.consumption = consumption
    this.committed = options.committed
    this.isInternal = options.isInternal
    this.isBroadcast = options.isBroadcast ?? false
  }

  /** The next record; undefined while there is none. Good until `shift`. */
  get head(): RecordData | undefined {
    if (this.#handed.length > 0) return this.#handed.peek()
    const early = this.#early.peek()
    if (early) return early.data
    this.committed ??= this.consumption.position
    this.#head ??= this.consumption.advance()
    return this.#head?.cursor
  }

  /** Where the head was read; its offset is -1n when it was handed over. */
  headOrigin(): Origin {
    const { topic, partition } = this
    const handed = this.#handed.peek()
    if (handed) return this.#origins.get(handed) ?? { topic, partition, offset: noOffset }
    const early = this.#early.peek()
    if (early) return early.origin
    const { baseOffset, cursor } = this.#head!
    return new BatchOrigin(topic, partition, baseOffset, cursor!.offsetDelta)
  }

  /** Everything that could be read when the broker was last asked has been. */
  get isDrained(): boolean {
    const { position, readableEnd } = this.consumption
    return position !== undefined && readableEnd >= 0n && position >= readableEnd
  }

  /**
   * As far as is known here, there is nothing left in the log, nor anything of a transaction that is not over yet. What came
   * after the last answer is not known.
   */
  get isEmpty(): boolean {
    const { highWatermark } = this.consumption
    const { next } = this
    return (
      next !== undefined && highWatermark >= 0n && next >= highWatermark && next >= this.#knownEnd
    )
  }

  /** Whether the log ends before the next record to process; `end`: as the broker says. */
  endsAt(end: bigint): boolean {
    this.#knownEnd = end
    return (this.next ?? this.committed ?? 0n) >= end
  }

  /** Records that were handed over and wait. */
  get handed(): number {
    return this.#handed.length
  }

  /** The offset of the next record to process; undefined until it is known where to start. */
  get next(): bigint | undefined {
    const early = this.#early.peek()
    if (early) return early.origin.offset
    return this.#head ? this.#head.position - 1n : this.consumption.position
  }

  /** Takes a record as if it had been read. */
  hand(record: RecordData): void {
    this.#handed.push(record)
  }

  /** Gives the next `records` to `start`, as far as they are there: each once, in their order. */
  startAhead(records: number, start: (origin: Origin, data: RecordData) => void): void {
    const { topic, partition } = this
    if (this.#handed.length > 0) {
      const end = Math.min(records, this.#handed.length)
      for (; this.#startedHanded < end; this.#startedHanded++) {
        const data = this.#handed.at(this.#startedHanded)!
        const origin = { topic, partition, offset: noOffset }
        this.#origins.set(data, origin)
        start(origin, data)
      }
      return
    }
    while (this.#early.length < records && this.#readEarly());
    const end = Math.min(records, this.#early.length)
    for (; this.#startedEarly < end; this.#startedEarly++) {
      const { origin, data } = this.#early.at(this.#startedEarly)!
      start(origin, data)
    }
  }

  /** The head has been processed. */
  shift(): void {
    if (this.#handed.length > 0) {
      this.#handed.shift()
      if (this.#startedHanded > 0) this.#startedHanded--
    } else if (this.#early.length > 0) {
      this.#early.shift()
      if (this.#startedEarly > 0) this.#startedEarly--
    } else this.#head = undefined
  }

  /** Back to what was committed last; to where it started when there was no commit. */
  rewind(): void {
    while (this.#handed.length > 0) this.#handed.shift()
    this.#early.drain()
    this.#startedHanded = 0
    this.#startedEarly = 0
    this.#head = undefined
    const start = this.committed
    if (start !== undefined) this.consumption.seek(start)
    else this.consumption.restart()
  }

  #readEarly(): boolean {
    const head = this.#head ?? this.consumption.advance()
    this.#head = undefined
    if (!head) return false
    const { topic, partition } = this
    const cursor = head.cursor!
    this.#early.push({
      origin: new BatchOrigin(topic, partition, head.baseOffset, cursor.offsetDelta),
      data: copyOf(cursor),
    })
    return true
  }
}

/** A cursor is good until it moves on. */
function copyOf(cursor: RecordData): RecordData {
  const [key, value] = [cursor.keyBytes()?.slice() ?? null, cursor.valueBytes()?.slice() ?? null]
  const headers = cursor.hasHeaders
    ? cursor.headers().map(([name, bytes]) => [name, bytes?.slice() ?? null] as const)
    : noHeaders
  return {
    timestampMs: cursor.timestampMs,
    hasHeaders: cursor.hasHeaders,
    keyBytes: () => key,
    keyText: () => key && decodeUtf8(key),
    valueBytes: () => value,
    valueText: () => value && decodeUtf8(value),
    headers: () => headers,
  }
}
