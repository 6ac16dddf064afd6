/**
 * The transactional producers of a client. Those without an id of the application's are kept and used again, one
 * transaction each at a time; with an id there is one, and transactions wait for their turn.
 */
import type { Cluster } from '../cluster.ts'
import type { Topic } from '../topic.ts'
import type { Transaction } from './transaction.ts'
import { isSameConfig, type ResolvedTransactionConfig } from './transaction-config.ts'
import { TransactionalProducer } from './transactional-producer.ts'

interface Named {
  readonly producer: TransactionalProducer
  last: Promise<unknown>
}

export class TransactionalProducers {
  readonly #cluster: Cluster
  readonly #all = new Set<TransactionalProducer>()
  #idle: TransactionalProducer[] = []
  readonly #named = new Map<string, Named>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async run<T>(
    config: ResolvedTransactionConfig,
    topic: Topic<unknown, unknown>,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    if (config.id !== undefined) return this.#inTurn(config.id, config, topic, work)
    const found = this.#idle.find((producer) => isSameConfig(producer.config, config))
    if (found) this.#idle = this.#idle.filter((producer) => producer !== found)
    const { runtime, config: client } = this.#cluster
    const producer = found ?? this.#make(config, `${client.clientId}-${runtime.uuid()}`)
    try {
      return await producer.run(work, topic)
    } finally {
      if (producer.isFenced) this.#all.delete(producer)
      else this.#idle.push(producer)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((producer) => producer.close()))
  }

  #inTurn<T>(
    id: string,
    config: ResolvedTransactionConfig,
    topic: Topic<unknown, unknown>,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    let named = this.#named.get(id)
    if (!named) {
      named = { producer: this.#make(config, id), last: Promise.resolve() }
      this.#named.set(id, named)
    }
    const { producer } = named
    const run = named.last.then(() => producer.run(work, topic))
    named.last = run.catch(() => undefined)
    return run
  }

  #make(config: ResolvedTransactionConfig, id: string): TransactionalProducer {
    const producer = new TransactionalProducer(this.#cluster, config, id)
    this.#all.add(producer)
    return producer
  }
}
