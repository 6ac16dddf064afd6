/** A cursor over a batch's records, with the codec it needs loaded. */
import { loadCodec } from '../../protocol/compression/codec.ts'
import type { BatchHeader } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'

export async function openBatch(bytes: Uint8Array, header: BatchHeader): Promise<RecordCursor> {
  const codec = header.compression === 'none' ? undefined : await loadCodec(header.compression)
  return new RecordCursor(bytes, header, codec)
}
