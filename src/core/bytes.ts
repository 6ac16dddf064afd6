/**
 * UTF-8 and byte helpers that run in any JavaScript runtime. Where Node's `Buffer` exists its string
 * methods are used: for short strings they are several times faster than TextEncoder and TextDecoder.
 */

const NodeBuffer = (globalThis as { Buffer?: typeof Buffer }).Buffer
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export const emptyBytes = new Uint8Array(0)

/** Length in bytes of `text` in UTF-8. */
export const utf8Length: (text: string) => number = NodeBuffer
  ? (text) => NodeBuffer.byteLength(text, 'utf8')
  : (text) => encoder.encode(text).length

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Decodes `bytes[start, end)`; malformed sequences become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (NodeBuffer) return asBuffer(bytes).toString('utf8', start, end)
  return decoder.decode(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
}

/** Writes `text` at `at` and returns the number of bytes written; the caller has made room. */
export function writeUtf8(target: Uint8Array, text: string, at: number): number {
  if (NodeBuffer) return asBuffer(target).write(text, at, 'utf8')
  return encoder.encodeInto(text, target.subarray(at)).written
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A new array of `size` bytes whose contents are arbitrary; write all of it before reading. */
export function allocateBytes(size: number): Uint8Array {
  return NodeBuffer ? NodeBuffer.allocUnsafeSlow(size) : new Uint8Array(size)
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  let size = 0
  for (const part of parts) size += part.length
  const out = allocateBytes(size)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
