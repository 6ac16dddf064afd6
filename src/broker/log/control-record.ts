/** Control records end transactions (KIP-98). Their key is version int16 and type int16: 0 abort, 1 commit. */
import { CorruptDataError } from '../../core/errors.ts'
import type { BatchHeader } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'

/** The type of the one record of a control batch, which is never compressed. Throws `CorruptDataError`. */
export function readControlType(bytes: Uint8Array, header: BatchHeader): 'abort' | 'commit' {
  const cursor = new RecordCursor(bytes, header)
  const key = cursor.next() ? cursor.keyBytes() : null
  const type = key && key.length >= 4 ? (key[2]! << 8) | key[3]! : -1
  if (type === 0) return 'abort'
  if (type === 1) return 'commit'
  throw new CorruptDataError(
    `The control batch at offset ${header.baseOffset} has unknown type ${type}`,
    {
      code: 'CORRUPT_MESSAGE',
    },
  )
}
