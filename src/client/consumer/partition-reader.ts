/** Reads partitions as they are fetched, without decoding a record: for those who read records in another way than a consumer. */
import type { Cluster } from '../cluster.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import { Fetcher } from './fetcher.ts'
import { Offset } from './offset.ts'
import { PartitionConsumption } from './partition-consumption.ts'
import { Patience } from './patience.ts'

export interface ReaderEvents {
  /** Something may be readable now, or an end may be known. */
  news(): void
  /** It cannot go on. */
  failed(error: unknown): void
}

/** A partition to read, from an offset or from where `start` says. */
export interface PartitionToRead extends TopicPartition {
  readonly from: bigint | Offset
}

export class PartitionReader {
  readonly #cluster: Cluster
  readonly #config: ResolvedConsumerConfig
  readonly #fetcher: Fetcher
  readonly #partitions = new Set<PartitionConsumption>()

  constructor(cluster: Cluster, config: ResolvedConsumerConfig, events: ReaderEvents) {
    this.#cluster = cluster
    this.#config = config
    const patience = new Patience({
      runtime: cluster.runtime,
      giveUpAfterMs: config.giveUpAfter,
      group: config.group,
    })
    this.#fetcher = new Fetcher(cluster, config, patience, {
      onRecords: () => events.news(),
      onError: (error) => events.failed(error),
      onGone: () => false,
    })
  }

  /** Begins to read; what is read is taken with `advance()`, and `pump()` is called when some has been. */
  add(wanted: readonly PartitionToRead[]): PartitionConsumption[] {
    const group = this.#config.group ?? ''
    const added = wanted.map(({ topic, partition, from }) => {
      const isOffset = typeof from === 'bigint'
      const one = new PartitionConsumption(topic, partition, {
        start: isOffset ? Offset.earliest : from,
        committer: undefined,
        autoCommit: false,
        consumed: this.#cluster.metrics.consumedRecords.at(topic, group),
      })
      if (isOffset) one.seek(from)
      one.isHeld = false
      this.#partitions.add(one)
      return one
    })
    this.#fetcher.add(added)
    return added
  }

  remove(partitions: readonly PartitionConsumption[]): void {
    for (const one of partitions) {
      one.revoke()
      this.#partitions.delete(one)
    }
    this.#fetcher.remove(partitions)
  }

  /** Something has been taken: there may be room for more. */
  pump(): void {
    this.#fetcher.taken()
  }

  /** Places have changed: what is under way is of no use. */
  interrupt(): void {
    this.#fetcher.interrupt()
  }

  close(): void {
    this.#fetcher.close()
    this.#partitions.clear()
  }
}
