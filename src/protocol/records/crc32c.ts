/**
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4), the checksum of record batches. Large inputs use the
 * native add-on where it is installed; its call costs more than it saves on a few bytes, so small ones
 * use tables (slicing by 16).
 */
import { requirePackage } from '../optional-package.ts'

const polynomial = 0x82f63b78
/**
 * From this many bytes the add-on is faster. `npm run bench -- records`, MB/s with tables and with the
 * add-on: at 256 bytes 1440 and 1330, at 512 1470 and 2050, at 1 KiB 1480 and 3190, at 16 KiB 1500 and 5800.
 */
const nativeFrom = 384

/** Table k at k × 256: the CRC of each byte with k zero bytes after it. */
const tables = /* @__PURE__ */ buildTables()

type Checksum = (bytes: Uint8Array) => number
/** Null until it is first wanted: whoever imports this module to no use pays for nothing. */
let native: Checksum | undefined | null = null

/** The checksum of `bytes[start, end)` as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start >= nativeFrom) {
    if (native === null) native = loadNative()
    if (native) return native(bytes.subarray(start, end))
  }
  return portableCrc32c(bytes, start, end)
}

/** The same without the add-on. */
export function portableCrc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const t = tables
  const b = bytes
  let crc = -1
  let at = start
  for (const last = end - 15; at < last; at += 16) {
    const low = crc ^ (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24))
    crc =
      t[3840 + (low & 0xff)]! ^
      t[3584 + ((low >>> 8) & 0xff)]! ^
      t[3328 + ((low >>> 16) & 0xff)]! ^
      t[3072 + (low >>> 24)]! ^
      t[2816 + b[at + 4]!]! ^
      t[2560 + b[at + 5]!]! ^
      t[2304 + b[at + 6]!]! ^
      t[2048 + b[at + 7]!]! ^
      t[1792 + b[at + 8]!]! ^
      t[1536 + b[at + 9]!]! ^
      t[1280 + b[at + 10]!]! ^
      t[1024 + b[at + 11]!]! ^
      t[768 + b[at + 12]!]! ^
      t[512 + b[at + 13]!]! ^
      t[256 + b[at + 14]!]! ^
      t[b[at + 15]!]!
  }
  for (; at < end; at++) crc = t[(crc ^ b[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

function buildTables(): Int32Array {
  const built = new Int32Array(16 * 256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    built[i] = crc
  }
  for (let i = 256; i < built.length; i++) {
    const before = built[i - 256]!
    built[i] = built[before & 0xff]! ^ (before >>> 8)
  }
  return built
}

/**
 * Required, not imported: a top-level await would make `require('kafka-do')` impossible, and a bundler that follows an
 * `import()` stops at the add-on's binary, which it cannot take in. A bundle finds the add-on where it is installed
 * beside it, and has the tables elsewhere.
 */
function loadNative(): Checksum | undefined {
  try {
    const addOn = requirePackage('@node-rs/crc32') as typeof import('@node-rs/crc32') | undefined
    if (!addOn) return undefined
    // Named, so that a profile tells what checksums cost.
    const nativeCrc32c: Checksum = (bytes) => addOn.crc32c(bytes as Buffer)
    return nativeCrc32c
  } catch {
    return undefined
  }
}
