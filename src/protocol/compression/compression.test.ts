import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptDataError } from '../../core/errors.ts'
import { type Codec, loadCodec, loadedCodec } from './codec.ts'
import * as lz4 from './lz4.ts'
import * as snappy from './snappy.ts'
import * as zstd from './zstd.ts'

const mebibyte = 1024 * 1024
const portable: { readonly [name: string]: Codec } = {
  snappy: snappy.snappyCodec(await snappy.loadPortable()),
  lz4: lz4.lz4Codec(await lz4.loadPortable()),
  zstd: await zstd.loadPortable(),
}
const names = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const codecs = await Promise.all(names.map(loadCodec))
const everyCodec = [
  ...codecs.map((codec) => [codec.name, codec] as const),
  ...Object.entries(portable).map(([name, codec]) => [`portable ${name}`, codec] as const),
]
/** Repetitive and random parts, so that both literals and matches occur. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => new Uint8Array(2000).fill(bytes[0] ?? 0)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => new Uint8Array(parts.flatMap((part) => [...part])))

test('a loaded codec is there synchronously', () => {
  expect(loadedCodec('gzip')).toBe(codecs[0])
})

describe.each(everyCodec)('%s', (_, codec) => {
  test('gives back what it was given', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        expect(
          Buffer.from(codec.decompress(codec.compress(bytes), 4 * mebibyte)).equals(
            Buffer.from(bytes),
          ),
        ).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('compresses repetition', () => {
    expect(codec.compress(new Uint8Array(100_000).fill(65)).length).toBeLessThan(10_000)
  })
})

describe.each(Object.entries(portable))('the portable and the preferred %s', (name, codec) => {
  const preferred = codecs.find((other) => other.name === name)!
  test('read each other', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        expect(
          Buffer.from(preferred.decompress(codec.compress(bytes), 4 * mebibyte)).equals(
            Buffer.from(bytes),
          ),
        ).toBe(true)
        expect(
          Buffer.from(codec.decompress(preferred.compress(bytes), 4 * mebibyte)).equals(
            Buffer.from(bytes),
          ),
        ).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})

describe.each(codecs.map((codec) => [codec.name, codec] as const))(
  '%s of hostile bytes',
  (_, codec) => {
    test('is a CorruptDataError', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
          expectCorruptOrBytes(codec, bytes)
        }),
      )
    })

    test('of damaged data is a CorruptDataError or other bytes within the limit', () => {
      fc.assert(
        fc.property(content, fc.nat(), fc.nat(255), (bytes, at, flip) => {
          const compressed = codec.compress(bytes).slice()
          compressed[at % compressed.length]! ^= flip
          expectCorruptOrBytes(codec, compressed)
        }),
        { numRuns: 200 },
      )
    })

    test('is refused when it unfolds past the limit', () => {
      const bomb = codec.compress(new Uint8Array(8 * mebibyte))
      expect(() => codec.decompress(bomb, mebibyte)).toThrow(CorruptDataError)
    })
  },
)

function expectCorruptOrBytes(codec: Codec, bytes: Uint8Array): void {
  try {
    expect(codec.decompress(bytes, mebibyte).length).toBeLessThanOrEqual(mebibyte)
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptDataError)
  }
}
