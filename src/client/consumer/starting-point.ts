/** Where a consumer starts in a partition for which nothing is committed. */
import { Offset } from './offset.ts'

/**
 * `offset` is about what was there when the consumer began. What has come since, partitions and topics that a pattern
 * found, is read from its beginning, or records would be lost that came before it was found.
 */
export class StartingPoint {
  readonly #offset: Offset
  /** Partitions of each topic, when the consumer began. */
  readonly #counts = new Map<string, number>()
  #hasBegun = false

  constructor(offset: Offset) {
    this.#offset = offset
  }

  /** There were these when the consumer began. */
  begin(
    topics: Iterable<{ readonly name: string; readonly partitions: readonly unknown[] }>,
  ): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    for (const { name, partitions } of topics) this.#counts.set(name, partitions.length)
  }

  of(topic: string, partition: number): Offset {
    const isOld = partition < (this.#counts.get(topic) ?? 0)
    // A time means the same in what is new.
    if (isOld || this.#offset.kind === 'timestamp') return this.#offset
    return Offset.earliest
  }
}
