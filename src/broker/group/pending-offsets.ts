/** Offsets that were committed in transactions which are not over (KIP-98): they count once those are committed. */
import type { CommittedOffset } from './offset-records.ts'

export interface PendingOffset {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly committed: CommittedOffset
}

export class PendingOffsets {
  /** By producer and then by what is committed; the last of each. */
  readonly #byProducer = new Map<bigint, Map<string, PendingOffset>>()

  add(producerId: bigint, pending: PendingOffset): void {
    let ofProducer = this.#byProducer.get(producerId)
    if (!ofProducer) {
      ofProducer = new Map()
      this.#byProducer.set(producerId, ofProducer)
    }
    ofProducer.set(nameOf(pending.group, pending.topic, pending.partition), pending)
  }

  /** Forgets the producer's offsets that stand in the log before `endOffset`, and returns them. */
  take(producerId: bigint, endOffset: bigint): PendingOffset[] {
    const ofProducer = this.#byProducer.get(producerId)
    const taken = [...(ofProducer ?? [])].filter(([, one]) => one.committed.logOffset < endOffset)
    for (const [name] of taken) ofProducer!.delete(name)
    if (ofProducer?.size === 0) this.#byProducer.delete(producerId)
    return taken.map(([, pending]) => pending)
  }

  /** Forgets what is pending for one partition: its deletion stands at `deletedAt` in the log, and it before that. */
  drop(group: string, topic: string, partition: number, deletedAt: bigint): void {
    const name = nameOf(group, topic, partition)
    for (const [producerId, ofProducer] of this.#byProducer) {
      const pending = ofProducer.get(name)
      if (!pending || pending.committed.logOffset >= deletedAt) continue
      ofProducer.delete(name)
      if (ofProducer.size === 0) this.#byProducer.delete(producerId)
    }
  }

  has(group: string, topic: string, partition: number): boolean {
    if (this.#byProducer.size === 0) return false
    const name = nameOf(group, topic, partition)
    for (const ofProducer of this.#byProducer.values()) if (ofProducer.has(name)) return true
    return false
  }

  /** What is pending for a group or a topic. */
  find(matches: (pending: PendingOffset) => boolean): PendingOffset[] {
    return [...this.#byProducer.values()].flatMap((ofProducer) =>
      [...ofProducer.values()].filter(matches),
    )
  }
}

/** Topic names hold no slash. */
function nameOf(group: string, topic: string, partition: number): string {
  return `${topic}/${partition}/${group}`
}
