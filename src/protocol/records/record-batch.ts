/**
 * Record batches, magic 2 (KIP-98): the header, verification, and the few fields that may be changed in place.
 *
 *   0 baseOffset int64 | 8 batchLength int32 | 12 partitionLeaderEpoch int32 | 16 magic int8 | 17 crc uint32 |
 *   21 attributes int16 | 23 lastOffsetDelta int32 | 27 baseTimestamp int64 | 35 maxTimestamp int64 |
 *   43 producerId int64 | 51 producerEpoch int16 | 53 baseSequence int32 | 57 recordCount int32 | 61 records
 *
 * `batchLength` counts from byte 12. The CRC covers everything from `attributes` on, so base offset and leader epoch
 * can be changed without a new one. Attributes: bits 0–2 compression, 3 timestamp type, 4 transactional, 5 control,
 * 6 delete horizon (KIP-534): `baseTimestamp` is then the time from which compaction may drop tombstones and markers.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { type CompressionName, compressionNames } from '../compression/codec.ts'
import { crc32c } from './crc32c.ts'

export const batchOverheadBytes = 61
/** Bytes before the part that `batchLength` counts. */
export const batchPrefixBytes = 12
export const crcOffset = 17
export const attributesOffset = 21

export const compressionMask = 7
const appendTimeFlag = 8
export const transactionalFlag = 16
export const controlFlag = 32
export const deleteHorizonFlag = 64

export interface BatchHeader {
  /** Where the batch begins in the bytes it was read from. */
  readonly position: number
  /** The whole batch with its prefix. */
  readonly sizeInBytes: number
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly partitionLeaderEpoch: number
  readonly magic: number
  readonly crc: number
  readonly attributes: number
  readonly compression: CompressionName
  readonly timestampType: 'create' | 'append'
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly lastOffsetDelta: number
  /** Record timestamps are counted from here. */
  readonly baseTimestamp: bigint
  /** Epoch milliseconds from which compaction may drop the batch's tombstones and markers, once it has set that. */
  readonly deleteHorizonMs: bigint | undefined
  readonly maxTimestamp: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Reads the header at `position`. Throws `CorruptDataError` when it cannot be one, or the batch is cut short. */
export function readBatchHeader(bytes: Uint8Array, position = 0): BatchHeader {
  if (position + batchOverheadBytes > bytes.length) {
    throw corrupt('is cut short in its header', position)
  }
  const view = viewOf(bytes)
  const batchLength = view.getInt32(position + 8)
  const sizeInBytes = batchPrefixBytes + batchLength
  if (sizeInBytes < batchOverheadBytes)
    throw corrupt(`has an impossible length (${batchLength})`, position)
  const magic = view.getInt8(position + 16)
  if (magic !== 2) throw corrupt(`has magic ${magic}; only 2 is supported`, position)
  if (position + sizeInBytes > bytes.length) throw corrupt('is cut short', position)
  const attributes = view.getInt16(position + attributesOffset)
  const compression = compressionNames[attributes & compressionMask]
  if (!compression) {
    throw corrupt(
      `names compression ${attributes & compressionMask}, which does not exist`,
      position,
    )
  }
  const baseOffset = view.getBigInt64(position)
  const baseTimestamp = view.getBigInt64(position + 27)
  const lastOffsetDelta = view.getInt32(position + 23)
  const recordCount = view.getInt32(position + 57)
  if (
    baseOffset < 0n ||
    lastOffsetDelta < 0 ||
    recordCount < 0 ||
    recordCount > lastOffsetDelta + 1
  ) {
    throw corrupt(
      `claims ${recordCount} records over ${lastOffsetDelta + 1} offsets from ${baseOffset}`,
      position,
    )
  }
  return {
    position,
    sizeInBytes,
    baseOffset,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    partitionLeaderEpoch: view.getInt32(position + 12),
    magic,
    crc: view.getUint32(position + crcOffset),
    attributes,
    compression,
    timestampType: attributes & appendTimeFlag ? 'append' : 'create',
    isTransactional: (attributes & transactionalFlag) !== 0,
    isControl: (attributes & controlFlag) !== 0,
    lastOffsetDelta,
    baseTimestamp,
    deleteHorizonMs: attributes & deleteHorizonFlag ? baseTimestamp : undefined,
    maxTimestamp: view.getBigInt64(position + 35),
    producerId: view.getBigInt64(position + 43),
    producerEpoch: view.getInt16(position + 51),
    baseSequence: view.getInt32(position + 53),
    recordCount,
  }
}

/** The whole batches in `bytes`, one after the other. A batch that is cut short at the end is left out. */
export function* readBatches(bytes: Uint8Array): Generator<BatchHeader, undefined> {
  for (let position = 0; hasWholeBatch(bytes, position); ) {
    const header = readBatchHeader(bytes, position)
    yield header
    position += header.sizeInBytes
  }
  return undefined
}

function hasWholeBatch(bytes: Uint8Array, position: number): boolean {
  if (position + batchOverheadBytes > bytes.length) return false
  const batchLength = viewOf(bytes).getInt32(position + 8)
  // An impossible length is for readBatchHeader to report.
  return batchLength < 0 || position + batchPrefixBytes + batchLength <= bytes.length
}

/** Whether the batch's content is what its CRC-32C says. */
export function verifyBatch(bytes: Uint8Array, header: BatchHeader): boolean {
  const { position, sizeInBytes, crc } = header
  return crc32c(bytes, position + attributesOffset, position + sizeInBytes) === crc
}

/** Sets base offset and leader epoch in place; the CRC does not cover them. */
export function assignOffsets(
  bytes: Uint8Array,
  position: number,
  baseOffset: bigint,
  leaderEpoch: number,
): void {
  const view = viewOf(bytes)
  view.setBigInt64(position, baseOffset)
  view.setInt32(position + 12, leaderEpoch)
}

/** Marks the batch as stamped by the broker (`LogAppendTime`), in place, with a new CRC. */
export function setAppendTime(bytes: Uint8Array, position: number, timestampMs: number): void {
  const view = viewOf(bytes)
  view.setInt16(
    position + attributesOffset,
    view.getInt16(position + attributesOffset) | appendTimeFlag,
  )
  view.setBigInt64(position + 35, BigInt(timestampMs))
  renewCrc(bytes, position)
}

/** Sets the producer's identity and the base sequence (and whether it is in a transaction) in place, with a new CRC. */
export function assignProducer(
  bytes: Uint8Array,
  position: number,
  producerId: bigint,
  producerEpoch: number,
  baseSequence: number,
  isTransactional?: boolean,
): void {
  const view = viewOf(bytes)
  if (isTransactional !== undefined) {
    const attributes = view.getInt16(position + attributesOffset) & ~transactionalFlag
    view.setInt16(
      position + attributesOffset,
      isTransactional ? attributes | transactionalFlag : attributes,
    )
  }
  view.setBigInt64(position + 43, producerId)
  view.setInt16(position + 51, producerEpoch)
  view.setInt32(position + 53, baseSequence)
  renewCrc(bytes, position)
}

/** Computes the CRC anew after a change to what it covers. */
export function renewCrc(bytes: Uint8Array, position: number): void {
  const view = viewOf(bytes)
  const end = position + batchPrefixBytes + view.getInt32(position + 8)
  view.setUint32(position + crcOffset, crc32c(bytes, position + attributesOffset, end))
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function corrupt(what: string, position: number): CorruptDataError {
  return new CorruptDataError(`The record batch at byte ${position} ${what}`, {
    code: 'CORRUPT_MESSAGE',
  })
}
