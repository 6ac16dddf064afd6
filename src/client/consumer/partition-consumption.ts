/**
 * One assigned partition of a consumer: what has been fetched, how far it was delivered, and what may be committed.
 *
 * Three marks, in this order: `committed` ≤ `committable` ≤ `position`. A record is pending from its delivery until
 * it is done: handled, or committed by hand. `committable` never passes a pending record. With automatic commits it
 * follows the records that are done; by hand it goes no further than the last record that was committed.
 */
import { ConfigError, RebalanceInProgressError } from '../../core/errors.ts'
import { Fifo } from '../../core/fifo.ts'
import type { Series } from '../../core/metrics.ts'
import type { FetchedRecords } from './fetched-records.ts'
import type { Offset } from './offset.ts'
import { ConsumerRecord, type RecordSource } from './record.ts'

export interface Committer {
  readonly groupId: string
  /** Commits what is committable; resolves when it is durable. */
  commitNow(): Promise<void>
  /** The same, however long the coordinator is away: as long as the consumer waits, and is not closing. */
  commitPatiently(): Promise<void>
  /** As what the group's offsets are committed now. */
  membership(): Promise<Membership>
}

export interface Membership {
  readonly groupId: string
  readonly generation: {
    readonly generationId: number
    readonly memberId: string
    readonly groupInstanceId: string | null
    /** The coordinator no longer accepts it: there will be another. */
    expire(): void
  }
}

export interface PartitionOptions {
  /** Where to start, unless something else is sought first. */
  readonly start: Offset
  /** Undefined without a group. */
  readonly committer: Committer | undefined
  readonly autoCommit: boolean
  /** Counts what is handed out. */
  readonly consumed: Series
}

export class PartitionConsumption implements RecordSource {
  readonly topic: string
  readonly partition: number
  /** Next offset to fetch; undefined until it is known where to start. */
  fetchOffset: bigint | undefined
  readonly start: Offset
  /** Nothing is fetched yet: the application is being told of it. */
  isHeld = true
  /** The application was told of it. */
  isAnnounced = false
  /** No more deliveries: the partition is being given up. */
  isRevoking = false
  isLost = false
  isPaused = false
  /** A fetch that names this partition is under way. */
  isFetching = false
  /** Monotonic milliseconds before which it is not fetched again, after an error. */
  retryAt = 0
  failures = 0
  committed = -1n
  highWatermark = -1n
  /** The offset up to which the last answer could have given records; -1n before the first. */
  readableEnd = -1n
  /** Counts what is handed out. */
  readonly consumed: Series
  /** Undefined without a group. */
  readonly committer: Committer | undefined
  readonly #autoCommit: boolean
  #committedByHand = -1n
  #fetched: FetchedRecords[] = []
  #consumed: bigint | undefined
  #pending = new Fifo<ConsumerRecord>()
  #inHand = 0
  #handledListeners: (() => void)[] = []
  #placedListeners: (() => void)[] = []
  /** Its topic is not there any more. */
  #isRemoved = false

  constructor(topic: string, partition: number, options: PartitionOptions) {
    this.topic = topic
    this.partition = partition
    this.start = options.start
    this.committer = options.committer
    this.#autoCommit = options.autoCommit
    this.consumed = options.consumed
  }

  get bufferedBytes(): number {
    return this.#fetched.reduce((sum, records) => sum + records.sizeInBytes, 0)
  }

  get bufferedAnswers(): number {
    return this.#fetched.length
  }

  /** The offset after the last record delivered; undefined until it is known where to start. */
  get position(): bigint | undefined {
    return this.#fetched[0]?.position ?? this.#consumed
  }

  /** Where the group may go on after a restart. */
  get committable(): bigint | undefined {
    const limit = this.#pending.peek()?.offset ?? this.position
    if (this.#autoCommit || limit === undefined) return limit
    const byHand = this.#committedByHand
    return limit < byHand ? limit : byHand
  }

  /** Starts, or starts anew, at `offset`, dropping what was fetched. */
  seek(offset: bigint): void {
    this.#fetched = []
    this.fetchOffset = offset
    this.#consumed = offset
    this.#wakePlaced()
  }

  /** As if it had just been assigned: where to start has to be found. */
  restart(): void {
    this.#fetched = []
    this.fetchOffset = undefined
    this.#consumed = undefined
    this.readableEnd = -1n
  }

  /** Resolves when it is known where to start, or that nothing is to be read of it. */
  async whenPlaced(): Promise<void> {
    while (this.fetchOffset === undefined && !this.isRevoking && !this.#isRemoved) {
      await new Promise<void>((resolve) => this.#placedListeners.push(resolve))
    }
  }

  /** Its topic is gone: there is no place to start, unless it comes again. */
  markGone(): void {
    this.#isRemoved = true
    this.#wakePlaced()
  }

  add(records: FetchedRecords, nextFetchOffset: bigint): void {
    this.#fetched.push(records)
    this.fetchOffset = nextFetchOffset
  }

  /** Moves to the next record and returns where it can be read; undefined when nothing is buffered. */
  advance(): FetchedRecords | undefined {
    for (;;) {
      const records = this.#fetched[0]
      if (!records) return undefined
      if (records.next()) return records
      this.#consumed = records.position
      this.#fetched.shift()
    }
  }

  /** Whom a record came from. */
  static of(record: ConsumerRecord): PartitionConsumption {
    const source = ConsumerRecord.sourceOf(record)
    if (source instanceof PartitionConsumption) return source
    throw new TypeError('not a record from a consumer')
  }

  /** The record goes out to the application. */
  delivered(record: ConsumerRecord): void {
    this.#pending.push(record)
    this.#inHand++
  }

  /** The application has let go of a delivered record. Unless `isHandled`, nothing is ever committed past it. */
  released(record: ConsumerRecord, isHandled: boolean): void {
    if (isHandled) this.#markDone(record)
    if (--this.#inHand > 0 || this.#handledListeners.length === 0) return
    const listeners = this.#handledListeners
    this.#handledListeners = []
    for (const listener of listeners) listener()
  }

  /** Resolves when no delivered record is in the application's hands. */
  async whenHandled(): Promise<void> {
    while (this.#inHand > 0) {
      await new Promise<void>((resolve) => this.#handledListeners.push(resolve))
    }
  }

  /** Stops deliveries for good; what was fetched ahead is dropped. */
  revoke(): void {
    const { position } = this
    this.isRevoking = true
    this.#fetched = []
    this.#consumed = position
    this.#wakePlaced()
  }

  /** The group has given the partition to another: nothing more can be committed. */
  lose(): void {
    this.revoke()
    this.isLost = true
  }

  async commit(record: ConsumerRecord): Promise<void> {
    this.checkCommittable(record)
    this.#markDone(record)
    if (record.offset >= this.#committedByHand) this.#committedByHand = record.offset + 1n
    await this.committer!.commitPatiently()
    if (this.isLost && this.committed <= record.offset) throw this.#lostError(record)
  }

  /** Throws `ConfigError` without a group, `RebalanceInProgressError` when the partition has gone to another member. */
  checkCommittable(record: ConsumerRecord): void {
    if (!this.committer) {
      throw new ConfigError(
        'A commit needs a group; pass { group: … } to consumer() or consume()',
        { code: 'INVALID_CONFIG' },
      )
    }
    if (this.isLost) throw this.#lostError(record)
  }

  /** As `checkCommittable`, for a commit that is part of a transaction. */
  checkCommittableInTransaction(record: ConsumerRecord): void {
    this.checkCommittable(record)
    if (this.#autoCommit && record.isDone) {
      throw new ConfigError(
        `Offset ${record.offset} of ${this.topic}-${this.partition} has been handled already, so the consumer may have committed it before the transaction. Call commitOffsets while the record is being handled, or pass { autoCommit: false } to the consumer`,
        { code: 'INVALID_CONFIG' },
      )
    }
  }

  #wakePlaced(): void {
    const listeners = this.#placedListeners
    this.#placedListeners = []
    for (const listener of listeners) listener()
  }

  #markDone(record: ConsumerRecord): void {
    record.isDone = true
    while (this.#pending.peek()?.isDone) this.#pending.shift()
  }

  #lostError(record: ConsumerRecord): RebalanceInProgressError {
    return new RebalanceInProgressError(
      `${this.topic}-${this.partition} now belongs to another member of the group, so offset ${record.offset} cannot be committed here; the record will be delivered again there`,
      { code: 'ILLEGAL_GENERATION' },
    )
  }
}
