/**
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4), the checksum of record batches. Small inputs use tables (slicing by
 * eight), large ones the native add-on where it is installed: its call costs more than it saves on a few bytes.
 */

const polynomial = 0x82f63b78
/** Below this many bytes the tables are faster than a call of the add-on (`npm run bench -- records`). */
const nativeFrom = 1024

const tables = buildTables()
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]
const native = await loadNative()

/** The checksum of `bytes[start, end)` as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (native && end - start >= nativeFrom) return native(bytes.subarray(start, end))
  return portableCrc32c(bytes, start, end)
}

/** The same without the add-on. */
export function portableCrc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffffffff
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    const low =
      crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function buildTables(): Uint32Array[] {
  const first = new Uint32Array(256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    first[i] = crc >>> 0
  }
  const built = [first]
  for (let k = 1; k < 8; k++) {
    const before = built[k - 1]!
    built.push(before.map((crc) => (first[crc & 0xff]! ^ (crc >>> 8)) >>> 0))
  }
  return built
}

async function loadNative(): Promise<((bytes: Uint8Array) => number) | undefined> {
  try {
    const { crc32c: nativeCrc } = await import('@node-rs/crc32')
    return (bytes) => nativeCrc(bytes as Buffer)
  } catch {
    return undefined
  }
}
