/** What is appended to `__consumer_offsets`, and how: the parts of the coordinator write through this and no other way. */
import type { Runtime } from '../../core/runtime.ts'
import type { OffsetToCommit } from './group-offsets.ts'
import type { HostedGroups } from './hosted-groups.ts'
import { encodeOffsetKey, encodeOffsetValue } from './offset-records.ts'
import type { PendingOffsets } from './pending-offsets.ts'

export interface OffsetsRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Who commits offsets in a transaction. */
export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface OffsetsLog {
  /** Durable when it resolves, with the offset of the first record. */
  readonly append: (records: readonly OffsetsRecord[]) => Promise<bigint>
  /**
   * Resolves when all that was appended is durable. Rejects with `StorageError` when a sync has failed: what was appended last
   * may come back at the next start, or not.
   */
  readonly whenDurable: () => Promise<void>
  /** The same as part of a producer's transaction; also gives the offset before it is durable. */
  readonly appendInTransaction: (
    records: readonly OffsetsRecord[],
    producer: ProducerIdAndEpoch,
  ) => { baseOffset: bigint; durable: Promise<void> }
}

/** What the committed offsets, and those in transactions, are kept with. */
export interface OffsetsParts {
  readonly runtime: Runtime
  readonly log: OffsetsLog
  readonly hosted: HostedGroups
  readonly pending: PendingOffsets
}

export function offsetRecords(
  groupId: string,
  offsets: readonly OffsetToCommit[],
  committedAtMs: number,
): OffsetsRecord[] {
  return offsets.map(({ topic, partition, ...rest }) => ({
    key: encodeOffsetKey(groupId, topic, partition),
    value: encodeOffsetValue({ ...rest, committedAtMs }),
  }))
}

export function tombstones(
  groupId: string,
  partitions: Iterable<readonly [topic: string, partition: number, ...unknown[]]>,
): OffsetsRecord[] {
  return [...partitions].map(([topic, partition]) => ({
    key: encodeOffsetKey(groupId, topic, partition),
    value: null,
  }))
}
