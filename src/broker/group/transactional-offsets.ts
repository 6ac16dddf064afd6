/**
 * Offsets that are committed in transactions: durable when they are answered, they count once the transaction's marker
 * stands in the log behind them, and never when it aborts.
 */
import type { OffsetToCommit } from './group-offsets.ts'
import { type OffsetsParts, offsetRecords, type ProducerIdAndEpoch } from './offsets-log.ts'

export class TransactionalOffsets {
  readonly #parts: OffsetsParts

  constructor(parts: OffsetsParts) {
    this.#parts = parts
  }

  /** Durable when it resolves. Throws `StorageError`. */
  async commit(
    groupId: string,
    producer: ProducerIdAndEpoch,
    offsets: readonly OffsetToCommit[],
  ): Promise<void> {
    const committedAtMs = this.#parts.runtime.now()
    const records = offsetRecords(groupId, offsets, committedAtMs)
    const { baseOffset, durable } = this.#parts.log.appendInTransaction(records, producer)
    offsets.forEach(({ topic, partition, ...rest }, i) => {
      const committed = { ...rest, committedAtMs, logOffset: baseOffset + BigInt(i) }
      this.#parts.pending.add(producer.producerId, { group: groupId, topic, partition, committed })
    })
    await durable
  }

  /** A producer's transaction is over, before `endOffset` in the log: its offsets count from now on, or never did. */
  end(producerId: bigint, isCommit: boolean, endOffset: bigint): void {
    for (const { group, topic, partition, committed } of this.#parts.pending.take(
      producerId,
      endOffset,
    )) {
      if (isCommit) this.#parts.hosted.host(group).offsets.setIfNewer(topic, partition, committed)
    }
  }

  /** Whether a transaction that is under way may change this offset. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#parts.pending.has(groupId, topic, partition)
  }
}
