import fc from 'fast-check'
import * as lz4Native from 'lz4-napi'
import * as snappyNative from 'snappy'
import { describe, expect, test } from 'vitest'
import { amount } from '../../../test/amount.ts'
import { CorruptDataError } from '../../core/errors.ts'
import { type Codec, guard, loadCodec, loadedCodec } from './codec.ts'
import { loadPortableGzip } from './gzip.ts'
import { compressLz4Block, lz4BlockBound } from './lz4-block.ts'
import { loadPortableZstd } from './zstd.ts'

const mebibyte = 1024 * 1024
const [gzip, snappy, lz4, zstd] = await Promise.all([
  loadCodec('gzip'),
  loadCodec('snappy'),
  loadCodec('lz4'),
  loadCodec('zstd'),
])
const portableGzip = guard(await loadPortableGzip())
const portableZstd = guard(await loadPortableZstd())
const codecs: readonly (readonly [name: string, codec: Codec])[] = [
  ['gzip', gzip],
  ['portable gzip', portableGzip],
  ['snappy', snappy],
  ['lz4', lz4],
  ['zstd', zstd],
  ['portable zstd', portableZstd],
]

/** Repetitive and random parts, so that literals and matches, long and short, occur, over several blocks at times. */
const part = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.nat(255), fc.nat(40_000)).map(([byte, size]) => new Uint8Array(size).fill(byte)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.nat(3000))
    .map(([bytes, times]) =>
      Uint8Array.from({ length: times }, (_, i) => bytes[i % bytes.length]!),
    ),
)
const content = fc
  .array(part, { maxLength: 12 })
  .map((parts) => new Uint8Array(Buffer.concat([...parts, ...parts.slice(0, 3)])))

test('a loaded codec is there synchronously', () => {
  expect(loadedCodec('gzip')).toBe(gzip)
})

describe.each(codecs)('%s', (_, codec) => {
  test('gives back what it was given', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        expectSame(codec.decompress(codec.compress(bytes), mebibyte), bytes)
      }),
      { numRuns: amount(40, 400) },
    )
  })

  test('gives plain arrays, not Buffers', () => {
    const packed = codec.compress(Buffer.from('abc'))
    expect(packed.constructor).toBe(Uint8Array)
    expect(codec.decompress(packed, 3).constructor).toBe(Uint8Array)
  })

  test('compresses repetition', () => {
    expect(codec.compress(new Uint8Array(100_000).fill(65)).length).toBeLessThan(10_000)
  })

  test('barely grows what cannot be compressed', () => {
    const noise = Uint8Array.from({ length: 200_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 13)
    expect(codec.compress(noise).length).toBeLessThan(201_000)
  })

  test('takes output of just the allowed size, and refuses one byte more', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        const packed = codec.compress(bytes)
        expect(codec.decompress(packed, bytes.length).length).toBe(bytes.length)
        if (bytes.length === 0) return
        expect(() => codec.decompress(packed, bytes.length - 1)).toThrow(CorruptDataError)
      }),
      { numRuns: 40 },
    )
  })

  test('refuses what unfolds far past the limit', () => {
    const bomb = codec.compress(new Uint8Array(8 * mebibyte))
    expect(() => codec.decompress(bomb, mebibyte)).toThrow(CorruptDataError)
  })

  test('of any bytes is a CorruptDataError or bytes within the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => expectCorruptOrBytes(codec, bytes)),
      { numRuns: amount(150, 2000) },
    )
  })

  test('of damaged data is a CorruptDataError or bytes within the limit', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(content, damage, (bytes, changes) => {
        const packed = Uint8Array.from(codec.compress(bytes))
        for (const [at, flip] of changes) packed[at % packed.length]! ^= flip
        expectCorruptOrBytes(codec, packed)
      }),
      { numRuns: amount(150, 2000) },
    )
  })

  test('of data that is cut short is a CorruptDataError', () => {
    const packed = codec.compress(
      new TextEncoder().encode('some text, some text, some text'.repeat(40)),
    )
    for (let size = 0; size < packed.length; size++) {
      // Framed Snappy does not say where it ends: cut after a whole block, it is whole.
      if (codec === snappy && size === 16) continue
      expect(() => codec.decompress(packed.subarray(0, size), mebibyte), `${size}`).toThrow(
        CorruptDataError,
      )
    }
  })
})

test('portable zstd works in every copy of this module that the process has', async () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 13)
  for (let copy = 0; copy < 4; copy++) {
    // Not by `vi.resetModules`, after which each later file of the worker loads its modules anew.
    const url = new URL(`zstd.ts?copy=${copy}`, import.meta.url).pathname
    const { loadPortableZstd: loadOfCopy } = await import(/* @vite-ignore */ url)
    const zstd = await loadOfCopy()
    expectSame(zstd.decompress(zstd.compress(bytes), bytes.length), bytes)
  }
})

describe('another implementation', () => {
  const others: readonly (readonly [string, Codec, Codec])[] = [
    ['snappy', snappy, rawNativeSnappy()],
    ['lz4', lz4, nativeLz4()],
    ['gzip', gzip, portableGzip],
    ['zstd', zstd, portableZstd],
  ]
  test.each(others)('of %s reads and writes the same', (_, ours, other) => {
    fc.assert(
      fc.property(content, (bytes) => {
        expectSame(other.decompress(ours.compress(bytes), mebibyte), bytes)
        expectSame(ours.decompress(other.compress(bytes), mebibyte), bytes)
      }),
      { numRuns: amount(25, 250) },
    )
  })
})

test.each([
  ['gzip', gzip],
  ['portable gzip', portableGzip],
])('%s reads several members', (_, codec) => {
  const member = gzip.compress(new TextEncoder().encode('some text '))
  const members = new Uint8Array([...member, ...member, ...member])
  expect(Buffer.from(codec.decompress(members, 30)).toString()).toBe(
    'some text some text some text ',
  )
})

describe('snappy', () => {
  test('without the framing is read too', () => {
    const raw = snappyNative.compressSync(Buffer.from('abcabcabcabcabcabc'))
    expect(Buffer.from(snappy.decompress(raw, 100)).toString()).toBe('abcabcabcabcabcabc')
  })

  test('that claims a length beyond what its bytes can hold allocates nothing for it', () => {
    const claim = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 65)
    expect(() => snappy.decompress(claim, 2 ** 33)).toThrow('claim to hold 4294967295')
  })

  test('with a negative length, which sends snappyjs into an endless loop, is damaged', () => {
    const packed = Uint8Array.of(4, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0)
    expect(() => snappy.decompress(packed, 100)).toThrow(CorruptDataError)
  })
})

describe('lz4', () => {
  const sample = new TextEncoder().encode('abcdefgh'.repeat(20))
  const block = new Uint8Array(lz4BlockBound(sample.length))
  const blockSize = compressLz4Block(sample, 0, sample.length, block, 0)

  /** A frame of two blocks that refer to nothing outside themselves, with every optional field. */
  function frame(flags: number, blocks: readonly Uint8Array[]): Uint8Array {
    const size = (n: number) => [n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, n >>> 24]
    const head = [0x04, 0x22, 0x4d, 0x18, 0x40 | flags, 0x40]
    if (flags & 8) head.push(...size(320), 0, 0, 0, 0)
    head.push(0)
    const body = blocks.flatMap((bytes) => [
      ...size(bytes.length),
      ...bytes,
      ...(flags & 16 ? [1, 2, 3, 4] : []),
    ])
    return Uint8Array.from([...head, ...body, 0, 0, 0, 0, ...(flags & 4 ? [1, 2, 3, 4] : [])])
  }

  test.each([0x20, 0x20 | 4, 0x20 | 8, 0x20 | 16, 0x20 | 4 | 8 | 16, 0])(
    'with frame flags %i reads the blocks',
    (flags) => {
      const whole = block.subarray(0, blockSize)
      expectSame(
        lz4.decompress(frame(flags, [whole, whole]), 1000),
        new Uint8Array([...sample, ...sample]),
      )
    },
  )

  test('reads matches into the block before where blocks are linked, and nowhere else', () => {
    // One literal, then a match of 4 from 8 back, then the last literals.
    const linked = Uint8Array.of(0x10, 65, 8, 0, 0x10, 66)
    const whole = block.subarray(0, blockSize)
    const text = Buffer.from(lz4.decompress(frame(0, [whole, linked]), 1000)).toString()
    expect(text.slice(-6)).toBe('AbcdeB')
    expect(() => lz4.decompress(frame(0x20, [whole, linked]), 1000)).toThrow(CorruptDataError)
  })
})

describe('zstd', () => {
  test.each([
    ['zstd', zstd],
    ['portable zstd', portableZstd],
  ])('%s reads several frames, skippable ones among them', (_, codec) => {
    const one = codec.compress(new TextEncoder().encode('one '))
    const skipped = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9)
    const frames = new Uint8Array([...one, ...skipped, ...one])
    expect(Buffer.from(codec.decompress(frames, 8)).toString()).toBe('one one ')
    expect(() => codec.decompress(frames, 7)).toThrow(CorruptDataError)
  })

  test.each([
    ['zstd', zstd],
    ['portable zstd', portableZstd],
  ])('%s that claims more than its blocks can hold allocates nothing for it', (_, codec) => {
    // Single segment, content size in 8 bytes, one raw block of 1 byte.
    const claim = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 65)
    expect(() => codec.decompress(claim, 2 ** 33)).toThrow(CorruptDataError)
  })
})

function rawNativeSnappy(): Codec {
  return {
    name: 'snappy',
    compress: (bytes) => snappyNative.compressSync(Buffer.from(bytes)),
    // Ours is framed: blocks of the native library's, each after its length.
    decompress(bytes) {
      const framed = Buffer.from(bytes)
      const blocks: Uint8Array[] = []
      for (let at = 16; at < framed.length; at += 4 + framed.readInt32BE(at)) {
        const block = framed.subarray(at + 4, at + 4 + framed.readInt32BE(at))
        blocks.push(snappyNative.uncompressSync(block, { asBuffer: true }) as Buffer)
      }
      return Buffer.concat(blocks)
    },
  }
}

function nativeLz4(): Codec {
  return {
    name: 'lz4',
    compress: (bytes) => lz4Native.compressFrameSync(Buffer.from(bytes)),
    decompress: (bytes) => lz4Native.decompressFrameSync(Buffer.from(bytes)),
  }
}

function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0)
}

function expectCorruptOrBytes(codec: Codec, bytes: Uint8Array): void {
  try {
    expect(codec.decompress(bytes, mebibyte).length).toBeLessThanOrEqual(mebibyte)
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptDataError)
  }
}
