/**
 * Fills stores from their changelogs. All changelogs of all tasks are read together, in large pieces; values are taken as
 * they are, and decoded when they are first asked for.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import type { PartitionConsumption } from '../../client/consumer/partition-consumption.ts'
import { delay } from '../../core/backoff.ts'
import { ClosedError } from '../../core/errors.ts'
import { nextTurn } from '../../core/turn.ts'
import type { TaskFiles } from '../state-dir/task-files.ts'
import { restoreRecord, type Store } from '../stores/store.ts'
import { PartitionReaders } from './partition-readers.ts'

/** A store and where its entries are. */
export interface Restoration extends TopicPartition {
  readonly store: Store
  /** Entries from here on are no part of it: of a topic that is also a source, where the task goes on. Undefined: to the end. */
  readonly until?: bigint | undefined
  /** What came before is there already. Default: nothing is. */
  readonly from?: bigint | undefined
  /** Where the store is, if not in memory. */
  readonly files?: TaskFiles | undefined
}

interface Running {
  readonly store: Store
  readonly consumption: PartitionConsumption
  readonly end: bigint
  readonly files: TaskFiles | undefined
}

/** Milliseconds between two looks whether a transaction is over. */
const pendingLookMs = 20
/** Entries that are taken before the event loop has a turn. */
const entriesPerTurn = 2000

export class Restorer {
  readonly #cluster: Cluster
  readonly #closing: AbortSignal
  /** A task that was taken away is still being restored when it comes back: then a changelog is read twice at once. */
  readonly #reader: PartitionReaders
  readonly #running = new Set<Running>()
  #failure: { readonly error: unknown } | undefined
  /** Told when something has been read, or the end has come. */
  #waiting: (() => void)[] = []
  /** Entries that were read since the start. */
  restored = 0

  constructor(cluster: Cluster, config: ResolvedConsumerConfig, closing: AbortSignal) {
    this.#cluster = cluster
    this.#closing = closing
    this.#reader = new PartitionReaders(cluster, config, {
      news: () => this.#wake(),
      failed: (error) => {
        this.#failure = { error }
        this.#wake()
      },
    })
    closing.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** Changelog entries that are still to be read, as far as that is known. */
  get remaining(): number {
    let remaining = 0n
    for (const { consumption, end } of this.#running) {
      const at = consumption.position
      if (at !== undefined && at < end) remaining += end - at
    }
    return Number(remaining)
  }

  /**
   * Resolves when the stores are as at the last commit, with how many entries were read. Rejects when they cannot be, or when `closing`
   * aborts.
   */
  async restore(wanted: readonly Restoration[]): Promise<number> {
    if (wanted.length === 0) return 0
    let count = 0
    const ends = await this.#ends(wanted)
    const full = wanted.flatMap((one, i) => (ends[i]! > 0n ? [{ ...one, end: ends[i]! }] : []))
    const added = this.#reader.add(
      full.map(({ topic, partition, from }) => ({
        topic,
        partition,
        from: from ?? Offset.earliest,
      })),
    )
    const running = full.map(({ store, end, files }, i) => {
      return { store, end, files, consumption: added[i]! }
    })
    for (const one of running) this.#running.add(one)
    try {
      for (const one of running) count += await this.#read(one)
      return count
    } finally {
      for (const one of running) this.#running.delete(one)
      this.#reader.remove(added)
    }
  }

  close(): void {
    this.#reader.close()
  }

  async #read({ store, consumption, end, files }: Running): Promise<number> {
    let count = 0
    let baseOffset = -1n
    /** Of the batch at hand; offsets as BigInts for each of a million entries take a good part of the time. */
    let deltaEnd = 0
    this.#check()
    for (;;) {
      const records = consumption.advance()
      if (!records) {
        if (consumption.position !== undefined && consumption.position >= end) break
        await this.#news()
        this.#check()
        continue
      }
      if (records.baseOffset !== baseOffset) {
        baseOffset = records.baseOffset
        deltaEnd = Number(end - baseOffset)
      }
      const cursor = records.cursor!
      if (cursor.offsetDelta >= deltaEnd) break
      restoreRecord(store, cursor)
      this.restored++
      if (consumption.bufferedAnswers === 1) this.#reader.pump()
      if (++count % entriesPerTurn !== 0) continue
      await nextTurn()
      this.#check()
      if (!files?.isFull) continue
      const { position } = consumption
      if (position !== undefined && position <= end) files.note(store.spec.name, position)
      await files.write()
    }
    files?.note(store.spec.name, end)
    return count
  }

  /**
   * What has to be read. A transaction of the task's last owner may still be open, or its end may not have reached the changelog:
   * it is waited for, since the offsets that the task goes on from may be part of it.
   */
  async #ends(wanted: readonly Restoration[]): Promise<bigint[]> {
    const open = wanted.filter(({ until }) => until === undefined)
    const written = await this.#offsets(open, 'read_uncommitted')
    let stable = await this.#offsets(open, 'read_committed')
    while (stable.some((offset, i) => offset < written[i]!)) {
      await delay(this.#cluster.runtime, pendingLookMs, this.#closing)
      stable = await this.#offsets(open, 'read_committed')
    }
    const byOpen = new Map(open.map((one, i) => [one, written[i]!]))
    return wanted.map((one) => one.until ?? byOpen.get(one)!)
  }

  async #offsets(
    partitions: readonly TopicPartition[],
    isolation: 'read_committed' | 'read_uncommitted',
  ): Promise<bigint[]> {
    if (partitions.length === 0) return []
    return lookUpOffsets(this.#cluster, partitions, Offset.latest, { isolation, create: false })
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#reader.pump()
    })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const tell of waiting) tell()
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error
    if (this.#closing.aborted) {
      throw new ClosedError('The application was closed while its state was restored', {
        code: 'STREAM_CLOSED',
      })
    }
  }
}
