/** A batch with fewer records, as compaction makes it: same offsets, producer fields and attributes. */
import type { Codec } from '../compression/codec.ts'
import { BatchBuilder } from './batch-builder.ts'
import { attributesOffset, type BatchHeader, renewCrc, viewOf } from './record-batch.ts'
import { RecordCursor } from './record-reader.ts'

/** Asks `keep` about each record; with none kept the batch is a header that still holds its producer's sequence. */
export function rebuildBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  codec: Codec | undefined,
  keep: (cursor: RecordCursor) => boolean,
): { bytes: Uint8Array; keptCount: number } {
  const builder = new BatchBuilder()
  const cursor = new RecordCursor(bytes, header, codec)
  while (cursor.next()) {
    if (!keep(cursor)) continue
    const headers = cursor.hasHeaders ? cursor.headers() : undefined
    builder.append(
      cursor.timestampMs,
      cursor.keyBytes(),
      cursor.valueBytes(),
      headers,
      cursor.offsetDelta,
    )
  }
  const keptCount = builder.recordCount
  const rebuilt = builder.build({
    ...(codec && keptCount > 0 && { codec }),
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    baseOffset: header.baseOffset,
  })
  const view = viewOf(rebuilt)
  view.setInt32(12, header.partitionLeaderEpoch)
  view.setInt16(attributesOffset, keptCount > 0 ? header.attributes : header.attributes & ~7)
  view.setInt32(23, header.lastOffsetDelta)
  if (keptCount === 0) view.setBigInt64(27, header.baseTimestamp)
  view.setBigInt64(35, header.maxTimestamp)
  renewCrc(rebuilt, 0)
  return { bytes: rebuilt, keptCount }
}
