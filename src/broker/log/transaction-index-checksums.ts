/**
 * `txnindex-checksums`, one file in each partition's folder that has aborted transactions: what its `.txnindex` files held
 * when they were written beside a finished segment or at an orderly close. Kafka's format of those files has no checksum.
 *
 *   0 | number of lines | one line for each segment with entries: base offset, bytes, CRC-32C | CRC-32C of all before it
 *
 * It is written over in place: one that was half written counts as none, and the indexes are then made anew from the log.
 */
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import { writeWhole } from './index-file.ts'

export const transactionIndexChecksums = 'txnindex-checksums'

interface Sum {
  readonly bytes: number
  readonly crc: number
}

export class TransactionIndexChecksums {
  readonly #sums: ReadonlyMap<bigint, Sum>

  private constructor(sums: ReadonlyMap<bigint, Sum>) {
    this.#sums = sums
  }

  /** Undefined when the file is not there, or damaged. */
  static read(fileSystem: FileSystem, folder: string): TransactionIndexChecksums | undefined {
    const content = readWhole(fileSystem, pathIn(folder))
    if (!content) return undefined
    const match = /^(0\n(\d+)\n((?:\d+ \d+ \d+\n)*))(\d+)\n$/.exec(decodeUtf8(content))
    if (!match) return undefined
    const [, text, count, lines, crc] = match
    if (crc32c(encodeUtf8(text!)) !== Number(crc)) return undefined
    const sums = new Map<bigint, Sum>()
    for (const line of lines!.split('\n').slice(0, -1)) {
      const [base, bytes, sum] = line.split(' ')
      sums.set(BigInt(base!), { bytes: Number(bytes), crc: Number(sum) })
    }
    return sums.size === Number(count) ? new TransactionIndexChecksums(sums) : undefined
  }

  /** Whether this is what the index of the segment that begins at `baseOffset` held. */
  vouchesFor(baseOffset: bigint, content: Uint8Array): boolean {
    const sum = this.#sums.get(baseOffset)
    if (!sum) return content.length === 0
    return sum.bytes === content.length && sum.crc === crc32c(content)
  }

  /** The file as it would be if there were only segments that begin below `baseOffset`. */
  contentBelow(baseOffset: bigint): Uint8Array {
    return encode([...this.#sums].filter(([base]) => base < baseOffset))
  }
}

export function hasTransactionIndexChecksums(fileSystem: FileSystem, folder: string): boolean {
  return fileSystem.stat(pathIn(folder)) !== undefined
}

/** Writes it; returns the file for the caller to sync and close. */
export function writeTransactionIndexChecksums(
  fileSystem: FileSystem,
  folder: string,
  contents: Iterable<readonly [baseOffset: bigint, content: Uint8Array]>,
): File {
  const sums = [...contents].map(
    ([baseOffset, content]) =>
      [baseOffset, { bytes: content.length, crc: crc32c(content) }] as const,
  )
  return writeWhole(fileSystem, pathIn(folder), encode(sums))
}

function encode(sums: Iterable<readonly [baseOffset: bigint, sum: Sum]>): Uint8Array {
  const lines = [...sums].map(([baseOffset, { bytes, crc }]) => `${baseOffset} ${bytes} ${crc}\n`)
  const text = `0\n${lines.length}\n${lines.join('')}`
  return encodeUtf8(`${text}${crc32c(encodeUtf8(text))}\n`)
}

function pathIn(folder: string): string {
  return `${folder}/${transactionIndexChecksums}`
}
