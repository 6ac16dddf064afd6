/** The committed offsets of one group, in memory. */
import type { CommittedOffset } from './offset-records.ts'

export class CommittedOffsets {
  readonly #byTopic = new Map<string, Map<number, CommittedOffset>>()

  get isEmpty(): boolean {
    return this.#byTopic.size === 0
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#byTopic.get(topic)?.get(partition)
  }

  set(topic: string, partition: number, committed: CommittedOffset): void {
    let ofTopic = this.#byTopic.get(topic)
    if (!ofTopic) {
      ofTopic = new Map()
      this.#byTopic.set(topic, ofTopic)
    }
    ofTopic.set(partition, committed)
  }

  delete(topic: string, partition: number): void {
    const ofTopic = this.#byTopic.get(topic)
    ofTopic?.delete(partition)
    if (ofTopic?.size === 0) this.#byTopic.delete(topic)
  }

  *entries(): Generator<[topic: string, partition: number, committed: CommittedOffset], undefined> {
    for (const [topic, ofTopic] of this.#byTopic) {
      for (const [partition, committed] of ofTopic) yield [topic, partition, committed]
    }
    return undefined
  }
}
