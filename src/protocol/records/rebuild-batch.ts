/**
 * A batch with some of its records left out, as compaction makes it. Offsets, producer, base sequence, leader epoch and
 * flags stay what they were, so that lookups, the dedup window and transactions see the same batch; one that loses all
 * its records is a header alone. The records that stay are copied as they are encoded.
 */
import { allocateBytes, concatBytes } from '../../core/bytes.ts'
import type { Codec } from '../compression/codec.ts'
import {
  attributesOffset,
  type BatchHeader,
  batchOverheadBytes,
  batchPrefixBytes,
  compressionMask,
  deleteHorizonFlag,
  renewCrc,
  viewOf,
} from './record-batch.ts'
import { RecordCursor } from './record-reader.ts'
import { varintSize, writeDifference, writeVarint } from './varint.ts'

/**
 * Asks `keep` about each record of the batch at `header`. `codec` is needed when the batch is compressed.
 * `deleteHorizonMs` sets the delete horizon (KIP-534) of a batch that has none yet. Throws `CorruptDataError`.
 */
export function rebuildBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  codec: Codec | undefined,
  keep: (record: RecordCursor) => boolean,
  deleteHorizonMs?: number,
): { bytes: Uint8Array; keptCount: number } {
  const horizonMs = header.deleteHorizonMs === undefined ? deleteHorizonMs : undefined
  const cursor = new RecordCursor(bytes, header, codec)
  const kept: Uint8Array[] = []
  let maxTimestamp = Number.NEGATIVE_INFINITY
  while (cursor.next()) {
    if (!keep(cursor)) continue
    const record = cursor.recordBytes()
    kept.push(horizonMs === undefined ? record : rebase(record, cursor.timestampMs, horizonMs))
    maxTimestamp = Math.max(maxTimestamp, cursor.timestampMs)
  }
  const isCompressed = codec !== undefined && header.compression !== 'none' && kept.length > 0
  const records = concatBytes(kept)
  const content = isCompressed ? codec.compress(records) : records
  const batch = allocateBytes(batchOverheadBytes + content.length)
  batch.set(bytes.subarray(header.position, header.position + batchOverheadBytes))
  batch.set(content, batchOverheadBytes)
  const view = viewOf(batch)
  view.setInt32(8, batch.length - batchPrefixBytes)
  let { attributes } = header
  if (!isCompressed) attributes &= ~compressionMask
  if (horizonMs !== undefined) {
    attributes |= deleteHorizonFlag
    view.setBigInt64(27, BigInt(horizonMs))
  }
  view.setInt16(attributesOffset, attributes)
  // A lookup by time must not be sent to a batch for a record that is gone. An append time is the whole batch's.
  if (header.timestampType === 'create' && Number.isSafeInteger(maxTimestamp)) {
    view.setBigInt64(35, BigInt(maxTimestamp))
  }
  view.setInt32(57, kept.length)
  renewCrc(batch, 0)
  return { bytes: batch, keptCount: kept.length }
}

/** The record with its timestamp counted from `baseMs`. */
function rebase(record: Uint8Array, timestampMs: number, baseMs: number): Uint8Array {
  const attributesAt = skipVarint(record, 0)
  const rest = record.subarray(skipVarint(record, attributesAt + 1))
  const head = new Uint8Array(16)
  head[0] = record[attributesAt]!
  const headEnd = writeDifference(head, 1, timestampMs, baseMs)
  const size = headEnd + rest.length
  const rebased = allocateBytes(varintSize(size) + size)
  const at = writeVarint(rebased, 0, size)
  rebased.set(head.subarray(0, headEnd), at)
  rebased.set(rest, at + headEnd)
  return rebased
}

/** The position after the varint at `at`, which has been read before. */
function skipVarint(bytes: Uint8Array, at: number): number {
  let position = at
  while (bytes[position]! >= 0x80) position++
  return position + 1
}
