/**
 * UTF-8 and byte helpers that run in any JavaScript runtime. Where Node's `Buffer` exists its string
 * methods are used: for short strings they are several times faster than TextEncoder and TextDecoder.
 */

const NodeBuffer = (globalThis as { Buffer?: typeof Buffer }).Buffer
/** What Buffer's `toString` and `write` call: these take any Uint8Array, so none needs to be wrapped first (half the time). */
const { utf8Slice, utf8Write } = (NodeBuffer?.prototype ?? {}) as {
  utf8Slice?: (this: Uint8Array, start: number, end: number) => string
  utf8Write?: (this: Uint8Array, text: string, at: number) => number
}
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
  if (utf8Slice) return utf8Slice.call(bytes, start, end)
  return decoder.decode(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
}

/** Writes `text` at `at` and returns the number of bytes written; the caller has made room. */
export function writeUtf8(target: Uint8Array, text: string, at: number): number {
  if (utf8Write) return utf8Write.call(target, text, at)
  return encoder.encodeInto(text, target.subarray(at)).written
}

/**
 * A new array of `size` bytes whose contents are arbitrary; write all of it before reading. A plain Uint8Array, not a
 * Buffer, whose `slice` would share memory.
 */
export function allocateBytes(size: number): Uint8Array {
  return NodeBuffer ? new Uint8Array(NodeBuffer.allocUnsafeSlow(size).buffer) : new Uint8Array(size)
}

/** The same memory as a plain Uint8Array: a Buffer's `slice` shares memory where that of a Uint8Array copies. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  if (!NodeBuffer || !(bytes instanceof NodeBuffer)) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
