/** Topics that every process reads whole: read to their ends before the application runs, and kept up to date from then on. */
import type { Cluster } from '../../client/cluster.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import type { FetchedRecords } from '../../client/consumer/fetched-records.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import type { PartitionConsumption } from '../../client/consumer/partition-consumption.ts'
import { PartitionReader } from '../../client/consumer/partition-reader.ts'
import { nextTurn } from '../../core/turn.ts'
import { openStore } from '../stores/open-store.ts'
import { restoreRecord, type Store } from '../stores/store.ts'
import { BatchOrigin } from '../stream-record.ts'
import { toProcessingError } from '../task/processing-failure.ts'
import { asRead, refusalOf } from '../task/read-record.ts'
import type { StreamErrorPolicy } from '../task/stream-error-policy.ts'
import { Undo } from '../task/undo.ts'
import type { Topology } from '../topology/topology.ts'

/** Entries that are taken before the event loop has a turn. */
const entriesPerTurn = 2000

interface Followed {
  readonly store: Store
  readonly onError: StreamErrorPolicy
  readonly consumption: PartitionConsumption
  /** Where it ended when the application started. */
  readonly end: bigint
}

export class GlobalStores {
  readonly stores = new Map<string, Store>()
  readonly #cluster: Cluster
  readonly #topology: Topology
  readonly #reader: PartitionReader
  readonly #failed: (error: unknown) => void
  readonly #onError: StreamErrorPolicy
  #followed: Followed[] = []
  #taking: Promise<void> | undefined
  #hasNews = false
  #isClosed = false
  #caughtUp: () => void = () => undefined

  /** `onError`: what becomes of records that cannot be read. */
  constructor(
    cluster: Cluster,
    config: ResolvedConsumerConfig,
    topology: Topology,
    onError: StreamErrorPolicy,
    failed: (error: unknown) => void,
  ) {
    this.#onError = onError
    this.#cluster = cluster
    this.#topology = topology
    this.#failed = failed
    this.#reader = new PartitionReader(cluster, config, { news: () => this.#news(), failed })
    for (const source of topology.globals) {
      const spec = topology.storeOf(source)
      this.stores.set(spec.name, openStore(spec, new Undo()))
    }
  }

  /** Resolves when all that was there when it was called has been read, or it was closed. */
  async start(): Promise<void> {
    const { globals } = this.#topology
    if (globals.length === 0) return
    const found = await this.#cluster.ensureTopics(globals.map(({ topic }) => topic))
    const wanted = globals.flatMap((source) =>
      found.get(source.topic)!.partitions.map(({ index }) => ({
        onError: source.onError ?? this.#onError,
        store: this.stores.get(this.#topology.storeOf(source).name)!,
        topic: source.topic,
        partition: index,
      })),
    )
    const options = { isolation: 'read_committed', create: false } as const
    const ends = await lookUpOffsets(this.#cluster, wanted, Offset.latest, options)
    const added = this.#reader.add(wanted.map((one) => ({ ...one, from: Offset.earliest })))
    this.#followed = wanted.map(({ store, onError }, i) => ({
      store,
      onError,
      consumption: added[i]!,
      end: ends[i]!,
    }))
    await new Promise<void>((resolve) => {
      this.#caughtUp = resolve
      this.#news()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#reader.close()
    this.#caughtUp()
  }

  #news(): void {
    this.#hasNews = true
    this.#taking ??= this.#take()
      .catch((error: unknown) => {
        this.#failed(error)
        this.#caughtUp()
      })
      .finally(() => {
        this.#taking = undefined
        if (this.#hasNews && !this.#isClosed) this.#news()
      })
  }

  #restore(
    { store, onError, consumption }: Followed,
    { baseOffset, cursor }: FetchedRecords,
  ): void {
    const { topic, partition } = consumption
    const origin = new BatchOrigin(topic, partition, baseOffset, cursor!.offsetDelta)
    const refused = refusalOf(store.spec, origin, cursor!)
    if (!refused) return restoreRecord(store, cursor!)
    const error = toProcessingError(origin, refused)
    // Dead letters would be as many as there are processes, all of which read it.
    if (onError(error, () => asRead(origin, cursor!)).finally === 'stop') throw error
    this.#cluster.runtime.logger.warn(
      { topic, partition, offset: String(origin.offset), err: error.cause },
      'a record of a global table cannot be read and is passed over',
    )
  }

  async #take(): Promise<void> {
    this.#hasNews = false
    let taken = 0
    for (const followed of this.#followed) {
      const { consumption } = followed
      for (let records = consumption.advance(); records; records = consumption.advance()) {
        this.#restore(followed, records)
        if (++taken % entriesPerTurn === 0) await nextTurn()
        if (this.#isClosed) return
      }
    }
    this.#reader.pump()
    const isBehind = this.#followed.some(
      ({ consumption: { position }, end }) =>
        end > 0n && (position === undefined || position < end),
    )
    if (!isBehind) this.#caughtUp()
  }
}
