/** The topics that a producer has written to, with a queue for each partition, and where records without a key go (KIP-480). */
import type { Runtime } from '../../core/runtime.ts'
import type { TopicInfo } from '../cluster.ts'
import { PartitionQueue, type QueueLimits } from './partition-queue.ts'
import { defaultPartition, defaultPartitioner, type Partitioner } from './partitioner.ts'
import type { OutgoingRecord } from './pending-batch.ts'

export interface KnownTopic {
  readonly name: string
  id: string
  /** By partition number. */
  readonly queues: PartitionQueue[]
  /** Where records without a key go at the moment. */
  sticky: number
}

export class TopicQueues {
  readonly #topics = new Map<string, KnownTopic>()
  readonly #limits: QueueLimits
  readonly #partitioner: Partitioner
  readonly #runtime: Runtime

  constructor(limits: QueueLimits, partitioner: Partitioner, runtime: Runtime) {
    this.#limits = limits
    this.#partitioner = partitioner
    this.#runtime = runtime
  }

  get(name: string): KnownTopic | undefined {
    return this.#topics.get(name)
  }

  *queues(): Iterable<PartitionQueue> {
    for (const { queues } of this.#topics.values()) yield* queues
  }

  /** Takes note of a topic as it was looked up. Partitions only ever get more. */
  learn({ name, id, partitions }: TopicInfo): void {
    const known = this.#topics.get(name)
    const queues = known?.queues ?? []
    for (let partition = queues.length; partition < partitions.length; partition++) {
      queues.push(new PartitionQueue(name, partition, this.#limits))
    }
    if (known) known.id = id
    else this.#topics.set(name, { name, id, queues, sticky: this.#random(queues.length) })
  }

  /** The queue of the record's own partition or of the partitioner's choice; undefined when there is no such partition. */
  choose(topic: KnownTopic, record: OutgoingRecord): PartitionQueue | undefined {
    const { name, queues, sticky } = topic
    if (record.partition !== undefined) return queues[record.partition]
    const key = record.partitionKey ?? record.key
    const partitionCount = queues.length
    if (this.#partitioner === defaultPartitioner) {
      return queues[defaultPartition(key, partitionCount, sticky)]
    }
    return queues[this.#partitioner({ topic: name, key, partitionCount, sticky })]
  }

  /** A batch of records without a key is full: the next goes to another partition. */
  moveSticky(topic: KnownTopic): void {
    const count = topic.queues.length
    if (count > 1) topic.sticky = (topic.sticky + 1 + this.#random(count - 1)) % count
  }

  #random(count: number): number {
    return Math.floor(this.#runtime.random() * count)
  }
}
