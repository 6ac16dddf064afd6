/**
 * The transactional producers of a client. Those without an id of the application's are kept and used again, one
 * transaction each at a time; with an id there is one, and transactions wait for their turn.
 */
import { delay } from '../../core/backoff.ts'
import { type Cluster, closedClient } from '../cluster.ts'
import type { Topic } from '../topic.ts'
import type { Transaction } from './transaction.ts'
import { isSameConfig, type ResolvedTransactionConfig } from './transaction-config.ts'
import { TransactionalProducer } from './transactional-producer.ts'

/** How long `close` lets transactions go on. Not for ever: one may be awaiting `close` itself. */
const closingGraceMs = 1000

/** More than so many that nobody uses are let go of, the oldest first: their configs may never come again. */
const idleMax = 100

interface Named {
  producer: TransactionalProducer
  last: Promise<unknown>
}

export class TransactionalProducers {
  readonly #cluster: Cluster
  readonly #all = new Set<TransactionalProducer>()
  #idle: TransactionalProducer[] = []
  readonly #named = new Map<string, Named>()
  readonly #running = new Set<Promise<void>>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  run<T>(
    config: ResolvedTransactionConfig,
    topic: Topic<unknown, unknown>,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    const { id } = config
    const run =
      id === undefined
        ? this.#runAny(config, topic, work)
        : this.#runInTurn(id, config, topic, work)
    const settled = run.then(noValue, noValue)
    this.#running.add(settled)
    void settled.then(() => this.#running.delete(settled))
    return run
  }

  /** Lets transactions under way finish within a second, then aborts them. */
  async close(): Promise<void> {
    const settled = Promise.all(this.#running)
    const grace = new AbortController()
    await Promise.race([
      settled,
      delay(this.#cluster.runtime, closingGraceMs, grace.signal).catch(noValue),
    ])
    grace.abort()
    for (const producer of this.#all) producer.abort(closedClient())
    await settled
    await Promise.all([...this.#all].map((producer) => producer.close()))
  }

  async #runAny<T>(
    config: ResolvedTransactionConfig,
    topic: Topic<unknown, unknown>,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    const at = this.#idle.findLastIndex((producer) => isSameConfig(producer.config, config))
    const [found] = at < 0 ? [] : this.#idle.splice(at, 1)
    const { runtime, config: client } = this.#cluster
    const producer = found ?? this.#make(config, `${client.clientId}-${runtime.uuid()}`)
    try {
      return await producer.run(work, topic)
    } finally {
      if (producer.isFenced) this.#release(producer)
      else this.#idle.push(producer)
      if (this.#idle.length > idleMax) this.#release(this.#idle.shift()!)
    }
  }

  #runInTurn<T>(
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
    const turn = named
    const run = turn.last.then(() => {
      // One that was fenced stays so, whatever the config: it may not take over again by itself.
      if (!turn.producer.isFenced && !isSameConfig(turn.producer.config, config)) {
        this.#release(turn.producer)
        turn.producer = this.#make(config, id)
      }
      return turn.producer.run(work, topic)
    })
    turn.last = run.catch(noValue)
    return run
  }

  #make(config: ResolvedTransactionConfig, id: string): TransactionalProducer {
    const producer = new TransactionalProducer(this.#cluster, config, id)
    this.#all.add(producer)
    return producer
  }

  /** Nothing of it is under way. */
  #release(producer: TransactionalProducer): void {
    this.#all.delete(producer)
    void producer.close()
  }
}

function noValue(): void {}
