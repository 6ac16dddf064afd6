/**
 * Keys with a time: key ‖ time (int64) ‖ number (int32), big endian, in bytes as Kafka Streams writes them, and as text with a
 * character for each byte of the suffix, so that maps can have them.
 */
import { concatBytes } from '../../core/bytes.ts'
import type { TextNames } from './cell-store.ts'

/** Bytes, and characters, of time and number. */
export const suffixSize = 12

/** 2^32. */
const high = 4_294_967_296

export function timeKey(key: string, timeMs: number, sequence: number): string {
  return key + int32(Math.floor(timeMs / high)) + int32(timeMs % high) + int32(sequence)
}

export interface TimeKey {
  readonly key: string
  readonly timeMs: number
  readonly sequence: number
}

export function parseTimeKey(text: string): TimeKey {
  const at = text.length - suffixSize
  return {
    key: text.slice(0, at),
    timeMs: readInt32(text, at) * high + readInt32(text, at + 4),
    sequence: readInt32(text, at + 8),
  }
}

/** How keys with a time are written; `keys`: of the keys alone. */
export function timeNames(keys: TextNames): TextNames {
  return {
    toBytes(text) {
      const at = text.length - suffixSize
      const suffix = new Uint8Array(suffixSize)
      for (let i = 0; i < suffixSize; i++) suffix[i] = text.charCodeAt(at + i)
      return concatBytes([keys.toBytes(text.slice(0, at)), suffix])
    },
    fromBytes(bytes) {
      const at = bytes.length - suffixSize
      return keys.fromBytes(bytes.subarray(0, at)) + String.fromCharCode(...bytes.subarray(at))
    },
  }
}

function int32(value: number): string {
  return String.fromCharCode(
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  )
}

function readInt32(text: string, at: number): number {
  let value = 0
  for (let i = 0; i < 4; i++) value = value * 256 + text.charCodeAt(at + i)
  return value
}
