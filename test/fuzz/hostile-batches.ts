/**
 * Record batches that somebody careless or malicious would send. Those whose checksum is made right again get past the
 * first check, so that counts, sizes, producers and what is compressed are looked at too.
 */
import {
  type CompressionName,
  compressionNames,
  loadCodec,
} from '../../src/protocol/compression/codec.ts'
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'
import {
  attributesOffset,
  batchOverheadBytes,
  renewCrc,
  viewOf,
} from '../../src/protocol/records/record-batch.ts'
import type { SeededRandom } from '../simulation/random.ts'
import { damagedCopy, joined, pick, randomBytes } from './mutations.ts'

export interface HostileBatch {
  readonly kind: string
  readonly bytes: Uint8Array
}

const compressed = compressionNames.filter((name) => name !== 'none')
const bombBytes = 16 * 1024 * 1024
const extremes = [0n, 1n, -1n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 63n - 1n, -(2n ** 63n)]

/** A proper batch. */
export function batchOf(random: SeededRandom, records: number): Uint8Array {
  return builderOf(random, records).build()
}

function builderOf(random: SeededRandom, records: number): BatchBuilder {
  const builder = new BatchBuilder()
  for (let i = 0; i < records; i++) {
    const key = random.chance(0.5) ? `key ${random.below(10)}` : null
    const value = random.chance(0.9) ? 'value '.repeat(1 + random.below(20)) : null
    builder.append(1_700_000_000_000 + random.below(1000), key, value, [['header', 'x']])
  }
  return builder
}

type Make = (random: SeededRandom) => Uint8Array | Promise<Uint8Array>

const kinds: { readonly [kind: string]: Make } = {
  'as it should be': (random) => batchOf(random, 1 + random.below(5)),
  'damaged, checksum wrong': (random) => damagedCopy(random, batchOf(random, 3)),
  'damaged, checksum right': (random) => withCrc(damagedCopy(random, batchOf(random, 3))),
  'counts that lie': (random) => {
    const batch = batchOf(random, 3)
    const view = viewOf(batch)
    view.setInt32(23, Number(BigInt.asIntN(32, pick(random, extremes))))
    view.setInt32(57, Number(BigInt.asIntN(32, pick(random, extremes))))
    return withCrc(batch)
  },
  'a length that lies': (random) => {
    const batch = batchOf(random, 3)
    viewOf(batch).setInt32(8, Number(BigInt.asIntN(32, pick(random, extremes))))
    return batch
  },
  'offsets and times at the edge': (random) => {
    const batch = batchOf(random, 3)
    const view = viewOf(batch)
    view.setBigInt64(0, pick(random, extremes))
    view.setBigInt64(27, pick(random, extremes))
    view.setBigInt64(35, pick(random, extremes))
    return withCrc(batch)
  },
  'producers at the edge': (random) => {
    const batch = batchOf(random, 3)
    const view = viewOf(batch)
    view.setBigInt64(43, pick(random, extremes))
    view.setInt16(51, pick(random, [-1, 0, 1, 32_767, -32_768]))
    view.setInt32(53, pick(random, [-1, 0, 1, 2 ** 31 - 1, -(2 ** 31)]))
    return withCrc(batch)
  },
  'attributes at random': (random) => {
    const batch = batchOf(random, 3)
    viewOf(batch).setInt16(attributesOffset, random.below(65_536) - 32_768)
    return withCrc(batch)
  },
  'of another magic': (random) => {
    const batch = batchOf(random, 3)
    batch[16] = pick(random, [0, 1, 3, 127, 255])
    return batch
  },
  'control records': (random) =>
    builderOf(random, 1).build({ isControl: true, isTransactional: random.chance(0.5) }),
  'transactional without a transaction': (random) =>
    builderOf(random, 2).build({
      isTransactional: true,
      producerId: BigInt(random.below(5)),
      producerEpoch: 0,
      baseSequence: 0,
    }),
  'sequences out of order': (random) =>
    builderOf(random, 2).build({
      producerId: BigInt(random.below(5)),
      producerEpoch: random.below(3),
      baseSequence: random.below(10),
    }),
  'several, one after the other': (random) =>
    joined(batchOf(random, 1), batchOf(random, 2), batchOf(random, 1)),
  'cut short': (random) => {
    const batch = batchOf(random, 3)
    return batch.slice(0, random.below(batch.length))
  },
  'trailing bytes': (random) =>
    joined(batchOf(random, 2), randomBytes(random, 1 + random.below(80))),
  'garbage where compressed data should be': (random) => {
    const batch = batchOf(random, 3)
    viewOf(batch).setInt16(attributesOffset, 1 + random.below(4))
    return withCrc(batch)
  },
  'damaged compressed data': async (random) => {
    const codec = await loadCodec(pick(random, compressed))
    const batch = builderOf(random, 20).build({ codec })
    const records = damagedCopy(random, batch.subarray(batchOverheadBytes))
    return resized(batch, records)
  },
  'compressed far beyond all limits': async (random) => bomb(pick(random, compressed)),
  'random bytes': (random) => randomBytes(random, random.below(300)),
  nothing: () => new Uint8Array(0),
}

const kindNames = Object.keys(kinds)

export async function hostileBatch(random: SeededRandom): Promise<HostileBatch> {
  const kind = pick(random, kindNames)
  return { kind, bytes: await kinds[kind]!(random) }
}

const bombs = new Map<CompressionName, Promise<Uint8Array>>()

/** A proper batch of a few kilobytes, which is one record of 16 MiB of zeros when it is decompressed. */
async function bomb(name: CompressionName): Promise<Uint8Array> {
  let made = bombs.get(name)
  if (!made) {
    made = loadCodec(name).then((codec) => {
      const builder = new BatchBuilder()
      builder.append(0, 'key', new Uint8Array(bombBytes))
      return builder.build({ codec })
    })
    bombs.set(name, made)
  }
  return Uint8Array.from(await made)
}

/** The batch with other content, its length and checksum right. */
function resized(batch: Uint8Array, records: Uint8Array): Uint8Array {
  const whole = joined(batch.subarray(0, batchOverheadBytes), records)
  viewOf(whole).setInt32(8, whole.length - 12)
  return withCrc(whole)
}

/** Its length too where damage has changed that: else the checksum has no place. */
function withCrc(batch: Uint8Array): Uint8Array {
  if (batch.length < batchOverheadBytes) return batch
  viewOf(batch).setInt32(8, batch.length - 12)
  renewCrc(batch, 0)
  return batch
}
