/**
 * An entry of a store as its files have it: CRC-32C (of the key and of all that follows) ‖ what kind ‖ time ‖ value. The database
 * checks its blocks only when it rewrites them, so a bit that fell over would be taken for a value.
 */
import { utf8Length, writeUtf8 } from '../../core/bytes.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import { deletedData } from '../stores/value-codec.ts'

const headerSize = 13
const aValue = 0
/** `deletedData`, which stands for no value. */
const noValue = 1

export function encodeEntry(
  key: Uint8Array,
  data: string | Uint8Array,
  timestampMs: number,
): Uint8Array {
  const size = typeof data === 'string' ? utf8Length(data) : data.length
  const bytes = new Uint8Array(headerSize + size)
  const view = new DataView(bytes.buffer)
  bytes[4] = data === deletedData ? noValue : aValue
  view.setFloat64(5, timestampMs)
  if (typeof data !== 'string') bytes.set(data, headerSize)
  else if (size > 0) writeUtf8(bytes, data, headerSize)
  view.setUint32(0, checksum(key, bytes))
  return bytes
}

/** Undefined when it is damaged. The data is part of `bytes`. */
export function decodeEntry(
  key: Uint8Array,
  bytes: Uint8Array,
): { data: Uint8Array; timestampMs: number } | undefined {
  if (bytes.length < headerSize) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0) !== checksum(key, bytes)) return undefined
  const data = bytes[4] === noValue ? deletedData : bytes.subarray(headerSize)
  return { data, timestampMs: view.getFloat64(5) }
}

function checksum(key: Uint8Array, entry: Uint8Array): number {
  return (crc32c(entry, 4) ^ crc32c(key)) >>> 0
}
