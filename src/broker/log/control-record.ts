/** Control records end transactions (KIP-98). Their key is version int16 and type int16: 0 abort, 1 commit. */
import { CorruptDataError } from '../../core/errors.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import type { BatchHeader } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'

export type ControlType = 'abort' | 'commit'

/** Who ends a transaction. */
export interface MarkerProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** A control batch that ends a producer's transaction. Its value is version int16 0 and the coordinator's epoch int32. */
export function buildMarker(
  { producerId, producerEpoch }: MarkerProducer,
  type: ControlType,
  coordinatorEpoch: number,
  timestampMs: number,
): Uint8Array {
  const key = new Uint8Array([0, 0, 0, type === 'commit' ? 1 : 0])
  const value = new Uint8Array(6)
  new DataView(value.buffer).setInt32(2, coordinatorEpoch)
  const builder = new BatchBuilder()
  builder.append(timestampMs, key, value)
  return builder.build({ producerId, producerEpoch, isTransactional: true, isControl: true })
}

/** The type of the one record of a control batch, which is never compressed. Throws `CorruptDataError`. */
export function readControlType(bytes: Uint8Array, header: BatchHeader): ControlType {
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
