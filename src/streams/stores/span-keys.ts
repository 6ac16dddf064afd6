/** How entries that belong to a stretch of time are called in the changelog: as Kafka Streams calls them. */
export interface SpanKeys {
  /** How many bytes are behind the key's. */
  readonly suffixSize: number
  /** Writes them: `bytes` is the key and room for them. */
  finish(bytes: Uint8Array, startMs: number, endMs: number): Uint8Array
  toBytes(key: Uint8Array, startMs: number, endMs: number): Uint8Array
  fromBytes(bytes: Uint8Array): {
    readonly key: Uint8Array
    readonly startMs: number
    readonly endMs: number
  }
}

/** key ‖ end ‖ start, int64 big endian both. */
export const sessionKeys: SpanKeys = {
  suffixSize: 16,
  finish(bytes, startMs, endMs) {
    writeInt64(bytes, bytes.length - 16, endMs)
    writeInt64(bytes, bytes.length - 8, startMs)
    return bytes
  },
  toBytes: (key, startMs, endMs) => sessionKeys.finish(withRoom(key, 16), startMs, endMs),
  fromBytes(bytes) {
    const at = bytes.length - 16
    return {
      key: bytes.subarray(0, at),
      startMs: readInt64(bytes, at + 8),
      endMs: readInt64(bytes, at),
    }
  },
}

/** key ‖ start (int64) ‖ 0 (int32). The end follows from the window's size: here it is the start. */
export const windowKeys: SpanKeys = {
  suffixSize: 12,
  finish(bytes, startMs) {
    writeInt64(bytes, bytes.length - 12, startMs)
    return bytes
  },
  toBytes: (key, startMs, endMs) => windowKeys.finish(withRoom(key, 12), startMs, endMs),
  fromBytes(bytes) {
    const at = bytes.length - 12
    const startMs = readInt64(bytes, at)
    return { key: bytes.subarray(0, at), startMs, endMs: startMs }
  },
}

function withRoom(key: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(key.length + size)
  bytes.set(key)
  return bytes
}

/** Of a safe integer; without a BigInt, which takes as long as all else. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32)
  const low = (value - high * 2 ** 32) | 0
  bytes[at] = high >> 24
  bytes[at + 1] = high >> 16
  bytes[at + 2] = high >> 8
  bytes[at + 3] = high
  bytes[at + 4] = low >> 24
  bytes[at + 5] = low >> 16
  bytes[at + 6] = low >> 8
  bytes[at + 7] = low
}

export function readInt64(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at) * 2 ** 32 + (int32At(bytes, at + 4) >>> 0)
}

function int32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
