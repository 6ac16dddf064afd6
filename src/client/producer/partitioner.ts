/**
 * Which partition a record goes to. With a key: Kafka's murmur2, so that the same key lands on the same
 * partition as with the Java client. Without: sticky (KIP-480), one partition until its batch is sent, which
 * makes fuller batches than going round.
 */
import { encodeUtf8, writeUtf8 } from '../../core/bytes.ts'

/**
 * Chooses a partition in [0, partitionCount). `sticky` is the partition that unkeyed records currently go
 * to. A result out of range is an error of the call that sent the record.
 */
export type Partitioner = (input: {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly partitionCount: number
  readonly sticky: number
}) => number

/**
 * As Kafka's own: murmur2 of the key, so the same key goes to the same partition as from the Java client; without a
 * key, the sticky partition of the batch.
 */
export const defaultPartitioner: Partitioner = ({ key, partitionCount, sticky }) =>
  defaultPartition(key, partitionCount, sticky)

/** What it gives, without an object to ask it with. */
export function defaultPartition(
  key: string | Uint8Array | null,
  partitionCount: number,
  sticky: number,
): number {
  return key === null ? sticky : (murmur2(key) & 0x7fffffff) % partitionCount
}

/** Up to this length a loop over ASCII characters is faster than a call out of JavaScript. */
const asciiLoopMax = 20

const multiplier = 0x5bd1e995
const scratch = new Uint8Array(1024)

/** Kafka's 32-bit murmur2 (seed 0x9747b28c) as a signed integer; a string is hashed as UTF-8. */
export function murmur2(key: string | Uint8Array): number {
  if (typeof key !== 'string') return murmur2Bytes(key, key.length)
  if (key.length <= asciiLoopMax && copyAscii(key)) return murmur2Bytes(scratch, key.length)
  if (3 * key.length <= scratch.length) return murmur2Bytes(scratch, writeUtf8(scratch, key, 0))
  const bytes = encodeUtf8(key)
  return murmur2Bytes(bytes, bytes.length)
}

/** Into `scratch`. False, with some of it copied, when there is more than ASCII. */
function copyAscii(key: string): boolean {
  let every = 0
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    every |= unit
    scratch[i] = unit
  }
  return every < 0x80
}

function murmur2Bytes(bytes: Uint8Array, length: number): number {
  let hash = 0x9747b28c ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const left = length - at
  if (left > 0) {
    if (left === 3) hash ^= bytes[at + 2]! << 16
    if (left >= 2) hash ^= bytes[at + 1]! << 8
    hash = Math.imul(hash ^ bytes[at]!, multiplier)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}
