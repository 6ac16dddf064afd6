/**
 * What a consumer reads: topics by name, and those whose names match a pattern. Patterns are matched against the cluster's
 * topics, without its internal ones, at the start and whenever `refresh` is called.
 */
import type { CallOptions, Cluster } from '../cluster.ts'
import { type Topic, topic } from '../topic.ts'

export class Subscription<V = unknown, K = string> {
  readonly #cluster: Cluster
  readonly #named: ReadonlyMap<string, Topic<V, K, never>>
  readonly #patterns: readonly RegExp[]
  #matched: ReadonlySet<string> = new Set()

  constructor(cluster: Cluster, wanted: readonly (Topic<V, K, never> | RegExp)[]) {
    this.#cluster = cluster
    const topics = wanted.filter((one): one is Topic<V, K, never> => !(one instanceof RegExp))
    this.#named = new Map(topics.map((one) => [one.name, one]))
    // Global and sticky ones remember where they were.
    this.#patterns = wanted
      .filter((one) => one instanceof RegExp)
      .map(({ source, flags }) => new RegExp(source, flags.replaceAll(/[gy]/g, '')))
  }

  /** Those that were given by name. */
  get named(): readonly string[] {
    return [...this.#named.keys()]
  }

  /** All of them, as of the last refresh. */
  get topics(): readonly string[] {
    return [...new Set([...this.#named.keys(), ...this.#matched])]
  }

  get hasPatterns(): boolean {
    return this.#patterns.length > 0
  }

  /** Whether a topic is wanted for its name's sake only: it may come and go. */
  isMatched(name: string): boolean {
    return !this.#named.has(name) && this.#patterns.some((pattern) => pattern.test(name))
  }

  /** How to read a topic's records. */
  topic(name: string): Topic<V, K, never> {
    return this.#named.get(name) ?? topic<V, K>(name)
  }

  /** Asks for the cluster's topics; true when others match than before. */
  async refresh(options: CallOptions = {}): Promise<boolean> {
    if (!this.hasPatterns) return false
    const listed = await this.#cluster.listTopics(options)
    const matched = new Set(listed.map(({ name }) => name).filter((name) => this.isMatched(name)))
    const before = this.#matched
    this.#matched = matched
    for (const name of before) if (!matched.has(name)) this.#cluster.invalidateTopic(name)
    return matched.size !== before.size || [...matched].some((name) => !before.has(name))
  }
}
