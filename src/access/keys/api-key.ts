/**
 * The text of an API key: `kd_<id>_<secret>_<checksum>`. The id may be logged. The secret has 256 random bits; what is kept
 * of it is its SHA-256. The checksum finds a key that was mistyped or cut off without looking anything up.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { encodeUtf8 } from '../../core/bytes.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idBytes = 9
const secretBytes = 32
const checksumLength = 6
const shape = /^kd_([0-9A-Za-z]{8,16})_([0-9A-Za-z]{32,64})_([0-9A-Za-z]{6})$/
export const keyPrefix = 'kd_'

export interface ParsedKey {
  readonly id: string
  readonly secret: string
}

export function newKeyId(): string {
  return inBase62(randomBytes(idBytes)).padStart(12, '0').slice(-12)
}

export function newSecret(): string {
  return inBase62(randomBytes(secretBytes)).padStart(43, '0')
}

export function formatKey({ id, secret }: ParsedKey): string {
  const start = `${keyPrefix}${id}_${secret}`
  return `${start}_${checksumOf(start)}`
}

/** Undefined for a text that is no key, or one that was mistyped or cut off. */
export function parseKey(text: string): ParsedKey | undefined {
  const match = shape.exec(text)
  if (!match) return undefined
  const [, id, secret, checksum] = match
  return checksum === checksumOf(`${keyPrefix}${id}_${secret}`)
    ? { id: id!, secret: secret! }
    : undefined
}

/** What is kept of a secret, in hexadecimal. Secrets are random, so that a plain hash is as good as a slow one. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex')
}

/** In constant time. */
export function isSecretOf(secret: string, hash: string): boolean {
  const given = createHash('sha256').update(secret, 'utf8').digest()
  const kept = Buffer.from(hash, 'hex')
  return kept.length === given.length && timingSafeEqual(given, kept)
}

function checksumOf(start: string): string {
  const sum = crc32c(encodeUtf8(start))
  return inBase62(Uint8Array.of(sum >>> 24, sum >>> 16, sum >>> 8, sum)).padStart(
    checksumLength,
    '0',
  )
}

function inBase62(bytes: Uint8Array): string {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  let text = ''
  for (; value > 0n; value /= 62n) text = digits[Number(value % 62n)] + text
  return text
}
