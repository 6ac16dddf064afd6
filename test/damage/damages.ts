/** The ways in which a trial damages one file of a data folder. */
import { readBatches } from '../../src/protocol/records/record-batch.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { isLong } from '../amount.ts'
import { contentOf, overwrite } from '../log/log-fixture.ts'
import type { SeededRandom } from '../simulation/random.ts'

export interface Damage {
  /** What is done to which file; names the trial. */
  readonly name: string
  readonly path: string
  apply(files: FileSystem): void
}

/** A byte of each field of a batch header (see record-batch.ts), and one of its records. */
const batchFields = {
  baseOffset: 7,
  batchLength: 11,
  'batchLength, high': 9,
  partitionLeaderEpoch: 15,
  magic: 16,
  crc: 20,
  attributes: 22,
  'lastOffsetDelta, high': 23,
  lastOffsetDelta: 26,
  baseTimestamp: 34,
  maxTimestamp: 42,
  producerId: 50,
  producerEpoch: 52,
  baseSequence: 56,
  recordCount: 60,
  records: 66,
} as const

const bits = isLong ? [0x01, 0x10, 0x40, 0x80] : [0x40]
const zeroedBytes = 64

/** Every damage of every file of the folder. */
export function damagesOf(files: FileSystem): Damage[] {
  const found: Damage[] = []
  for (const name of files.list('')) {
    if (!files.stat(name)!.isDirectory) {
      found.push(...ofFile(files, name))
      continue
    }
    found.push(removal(name), emptied(name))
    for (const inner of files.list(name)) found.push(...ofFile(files, `${name}/${inner}`))
  }
  return found
}

/** A bit, a block or the end of any file, anywhere. */
export function randomDamage(files: FileSystem, random: SeededRandom): Damage {
  const paths = files
    .list('')
    .flatMap((name) =>
      files.stat(name)!.isDirectory ? files.list(name).map((inner) => `${name}/${inner}`) : [name],
    )
    .filter((path) => files.stat(path)!.size > 0)
  const path = paths[random.below(paths.length)]!
  const { size } = files.stat(path)!
  const at = random.below(size)
  const kind = random.below(6)
  if (kind === 0) return cut(path, at)
  const length = 1 + random.below(200)
  if (kind === 1) return zeroed(path, at, length)
  if (kind === 2)
    return overwritten(
      path,
      at,
      Uint8Array.from({ length }, () => random.below(256)),
    )
  return flip(path, at, 1 << random.below(8), `byte ${at}`)
}

function ofFile(files: FileSystem, path: string): Damage[] {
  const content = contentOf(files, path)
  const damages: Damage[] = [removal(path)]
  if (content.length === 0) return damages
  damages.push(cut(path, 0), cut(path, content.length >> 1), cut(path, content.length - 1))
  if (path.endsWith('.log')) return [...damages, ...ofLog(path, content)]
  damages.push(zeroed(path, 0, content.length))
  const step = Math.max(1, Math.floor(content.length / (isLong ? 64 : 6)))
  for (let at = 0; at < content.length; at += step) {
    for (const bit of bits) damages.push(flip(path, at, bit, `byte ${at}`))
  }
  return damages
}

function ofLog(path: string, content: Uint8Array): Damage[] {
  const damages: Damage[] = []
  const batches = [...readBatches(content)]
  const last = batches.length - 1
  const chosen = isLong
    ? batches
    : batches.filter((_, i) => i === 0 || i === last >> 1 || i === last)
  for (const { position, baseOffset } of chosen) {
    for (const [field, at] of Object.entries(batchFields)) {
      for (const bit of bits) {
        damages.push(flip(path, position + at, bit, `${field} of the batch at ${baseOffset}`))
      }
    }
    damages.push(zeroed(path, position, zeroedBytes), cut(path, position), cut(path, position + 30))
    // Over the border of two batches, into the base offset of the second one.
    if (position > 0) damages.push(zeroed(path, position - 4, 12), zeroed(path, position - 2, 9))
  }
  return damages
}

function flip(path: string, at: number, bit: number, what: string): Damage {
  return changing(path, `${what} xor 0x${bit.toString(16)}`, (bytes) => {
    bytes[at]! ^= bit
    return bytes
  })
}

function zeroed(path: string, at: number, length: number): Damage {
  return changing(path, `${length} zeros at ${at}`, (bytes) => bytes.fill(0, at, at + length))
}

function overwritten(path: string, at: number, by: Uint8Array): Damage {
  return changing(path, `${by.length} random bytes at ${at}`, (bytes) => {
    bytes.set(by.subarray(0, bytes.length - at), at)
    return bytes
  })
}

function cut(path: string, length: number): Damage {
  return changing(path, `cut to ${length} bytes`, (bytes) => bytes.slice(0, length))
}

function removal(path: string): Damage {
  return { path, name: `${path} removed`, apply: (files) => files.remove(path) }
}

function emptied(path: string): Damage {
  const apply = (files: FileSystem) => {
    for (const name of files.list(path)) files.remove(`${path}/${name}`)
  }
  return { path, name: `${path} emptied`, apply }
}

function changing(path: string, what: string, change: (bytes: Uint8Array) => Uint8Array): Damage {
  return {
    path,
    name: `${path}: ${what}`,
    apply: (files) => overwrite(files, path, change(contentOf(files, path))),
  }
}
