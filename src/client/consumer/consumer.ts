/** The public consumer: an async sequence of records, with or without a group. */
import { invalid } from '../../core/options.ts'
import type { Cluster } from '../cluster.ts'
import type { Topic } from '../topic.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import { Consumption } from './consumption.ts'
import type { ConsumerRecord } from './record.ts'
import { RecordStream } from './record-stream.ts'

export class Consumer<V = unknown, K = string> extends RecordStream<ConsumerRecord<V, K>> {
  readonly topics: readonly string[]
  readonly group: string | undefined
  readonly #running: { consumption: Consumption<V, K> | undefined }

  /** Not for direct use: `kafka.consumer(topic, config)` makes one. */
  constructor(cluster: Cluster, topics: readonly Topic<V, K>[], config: ResolvedConsumerConfig) {
    const byName = new Map(topics.map((topic) => [topic.name, topic]))
    const running: { consumption: Consumption<V, K> | undefined } = { consumption: undefined }
    super(() => {
      if (running.consumption) {
        throw invalid(
          'This consumer is being read already; make another with kafka.consumer() to read in parallel',
        )
      }
      running.consumption = new Consumption(cluster, byName, config, () => {
        running.consumption = undefined
      })
      return running.consumption
    })
    this.topics = [...byName.keys()]
    this.group = config.group
    this.#running = running
  }

  /**
   * Finishes: loops over this consumer end, what was handled is committed, and the group is left so that others
   * take over at once. Idempotent; the consumer can be read again afterwards.
   */
  async close(): Promise<void> {
    await this.#running.consumption?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
