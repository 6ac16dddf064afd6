/**
 * Reads partitions for tasks. Several tasks may read one partition, each from a place of its own, which one fetch cannot ask for:
 * what is read a second time is read by another reader.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import type { PartitionConsumption } from '../../client/consumer/partition-consumption.ts'
import {
  PartitionReader,
  type PartitionToRead,
  type ReaderEvents,
} from '../../client/consumer/partition-reader.ts'

interface Reader {
  readonly reader: PartitionReader
  readonly partitions: Set<PartitionConsumption>
}

export class PartitionReaders {
  readonly #newReader: () => PartitionReader
  readonly #readers: Reader[] = []

  constructor(cluster: Cluster, config: ResolvedConsumerConfig, events: ReaderEvents) {
    this.#newReader = () => new PartitionReader(cluster, config, events)
  }

  /** As of `PartitionReader`. */
  add(wanted: readonly PartitionToRead[]): PartitionConsumption[] {
    const added = new Map<PartitionToRead, PartitionConsumption>()
    for (let i = 0; added.size < wanted.length; i++) {
      const one = this.#readerAt(i)
      const free = wanted.filter((place) => !added.has(place) && !isRead(one, place))
      one.reader.add(free).forEach((consumption, at) => {
        one.partitions.add(consumption)
        added.set(free[at]!, consumption)
      })
    }
    return wanted.map((place) => added.get(place)!)
  }

  remove(partitions: readonly PartitionConsumption[]): void {
    for (const { reader, partitions: own } of this.#readers) {
      const gone = partitions.filter((one) => own.delete(one))
      if (gone.length > 0) reader.remove(gone)
    }
  }

  pump(): void {
    for (const { reader } of this.#readers) reader.pump()
  }

  interrupt(): void {
    for (const { reader } of this.#readers) reader.interrupt()
  }

  close(): void {
    for (const { reader } of this.#readers) reader.close()
  }

  #readerAt(index: number): Reader {
    this.#readers[index] ??= { reader: this.#newReader(), partitions: new Set() }
    return this.#readers[index]
  }
}

function isRead({ partitions }: Reader, { topic, partition }: PartitionToRead): boolean {
  for (const one of partitions) if (one.partition === partition && one.topic === topic) return true
  return false
}
