import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amount } from '../../../test/amount.ts'
import { concatBytes } from '../../core/bytes.ts'
import { CorruptDataError, KafkaError } from '../../core/errors.ts'
import { type Codec, loadCodec, loadedCodec } from '../compression/codec.ts'
import { BatchBuilder, type RecordHeaders } from './batch-builder.ts'
import {
  assignOffsets,
  assignProducer,
  type BatchHeader,
  readBatches,
  readBatchHeader,
  renewCrc,
  setAppendTime,
  verifyBatch,
} from './record-batch.ts'
import { RecordCursor } from './record-reader.ts'

const codecs = await Promise.all((['gzip', 'snappy', 'lz4', 'zstd'] as const).map(loadCodec))
const anyCodec = fc.constantFrom<Codec | undefined>(undefined, ...codecs)

/** Bytes are in hexadecimal here: much faster to compare than arrays. */
interface PlainRecord {
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

type Field = Uint8Array | string | null
type Input = readonly [
  timestampMs: number,
  key: Field,
  value: Field,
  headers: RecordHeaders,
  gap: number,
]

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.string({ unit: 'binary', maxLength: 100 }),
  // Around the lengths at which a length takes one byte more, and where text is counted first.
  fc
    .tuple(
      fc.constantFrom('a', 'é', '日', '🚀'),
      fc.constantFrom(20, 21, 60, 63, 64, 65, 2730, 4096, 8191, 9000),
    )
    .map(([letter, length]) => letter.repeat(length)),
)
const field = fc.oneof(fc.constant(null), anyText, fc.uint8Array({ maxLength: 200 }))
const timestamp = fc.oneof(
  fc.integer({ min: 1_600_000_000_000, max: 1_600_000_100_000 }),
  fc.maxSafeInteger(),
  fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
)
const headers = fc.array(fc.tuple(anyText, field), { maxLength: 4 })
const gap = fc.oneof(fc.constant(0), fc.nat(1000))
const input: fc.Arbitrary<Input> = fc.tuple(timestamp, field, field, headers, gap)
const inputs = fc.array(input, { minLength: 1, maxLength: 20 })

function build(records: readonly Input[], codec?: Codec, builder = new BatchBuilder()): Uint8Array {
  let delta = -1
  for (const [timestampMs, key, value, recordHeaders, skipped] of records) {
    delta += 1 + skipped
    builder.append(
      timestampMs,
      key,
      value,
      recordHeaders.length > 0 ? recordHeaders : undefined,
      delta,
    )
  }
  return builder.build({ ...(codec && { codec }) })
}

function read(bytes: Uint8Array, header = readBatchHeader(bytes)): PlainRecord[] {
  const codec = header.compression === 'none' ? undefined : loadedCodec(header.compression)
  const cursor = new RecordCursor(bytes, header, codec)
  const records: PlainRecord[] = []
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: hexOf(cursor.keyBytes()),
      value: hexOf(cursor.valueBytes()),
      headers: cursor.headers().map(([name, value]) => [name, hexOf(value)] as const),
    })
  }
  expect(cursor.next()).toBe(false)
  return records
}

function expected(records: readonly Input[], baseOffset = 0n): PlainRecord[] {
  let offset = baseOffset - 1n
  return records.map(([timestampMs, key, value, recordHeaders, skipped]) => {
    offset += BigInt(1 + skipped)
    return {
      offset,
      timestampMs,
      key: hexOf(key),
      value: hexOf(value),
      // What is not well-formed text comes back with U+FFFD in its place.
      headers: recordHeaders.map(
        ([name, content]) => [Buffer.from(name).toString(), hexOf(content)] as const,
      ),
    }
  })
}

function hexOf(field: Field): string | null {
  if (field === null) return null
  const bytes = typeof field === 'string' ? new TextEncoder().encode(field) : field
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

describe('a batch', () => {
  test('gives back the records that were put in, with every compression', () => {
    fc.assert(
      fc.property(inputs, anyCodec, (records, codec) => {
        const bytes = build(records, codec)
        const header = readBatchHeader(bytes)
        expect(verifyBatch(bytes, header)).toBe(true)
        expect(read(bytes)).toEqual(expected(records))
        const { timestampType, compression, recordCount, maxTimestamp, baseTimestamp } = header
        expect({ timestampType, compression, recordCount, maxTimestamp, baseTimestamp }).toEqual({
          timestampType: 'create',
          compression: codec?.name ?? 'none',
          recordCount: records.length,
          baseTimestamp: BigInt(records[0]![0]),
          maxTimestamp: BigInt(Math.max(...records.map(([timestampMs]) => timestampMs))),
        })
      }),
      { numRuns: amount(100, 1000) },
    )
  })

  test('gives keys and values as text', () => {
    const builder = new BatchBuilder()
    builder.append(1, 'schlüssel', null, [['a', null]])
    builder.append(2, null, '値')
    const bytes = builder.build()
    const cursor = new RecordCursor(bytes, readBatchHeader(bytes))
    cursor.next()
    expect([cursor.keyText(), cursor.valueText(), cursor.hasHeaders]).toEqual([
      'schlüssel',
      null,
      true,
    ])
    cursor.next()
    expect([cursor.keyText(), cursor.valueText(), cursor.hasHeaders]).toEqual([null, '値', false])
  })

  test('is the same whatever the builder built before, and stays as it is', () => {
    fc.assert(
      fc.property(inputs, inputs, anyCodec, (before, records, codec) => {
        const builder = new BatchBuilder()
        const first = build(before, undefined, builder)
        const copy = Uint8Array.from(first)
        expect(hexOf(build(records, codec, builder))).toBe(hexOf(build(records, codec)))
        expect(hexOf(first)).toBe(hexOf(copy))
      }),
      { numRuns: 50 },
    )
  })

  test('is as large as the builder said, and a record no larger than its bound', () => {
    fc.assert(
      fc.property(inputs, (records) => {
        const builder = new BatchBuilder()
        for (const [timestampMs, key, value, recordHeaders] of records) {
          const before = builder.sizeInBytes
          const bound = BatchBuilder.recordSizeMax(key, value, recordHeaders)
          builder.append(timestampMs, key, value, recordHeaders)
          expect(builder.sizeInBytes - before).toBeLessThanOrEqual(bound)
        }
        const { sizeInBytes, recordCount } = builder
        const bytes = builder.build()
        expect([bytes.length, readBatchHeader(bytes).recordCount]).toEqual([
          sizeInBytes,
          recordCount,
        ])
      }),
      { numRuns: 100 },
    )
  })

  test('can be empty', () => {
    const bytes = new BatchBuilder().build({ codec: codecs[0]!, producerId: 5n })
    expect(read(bytes)).toEqual([])
  })

  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    'refuses %d as a timestamp',
    (timestampMs) => {
      const builder = new BatchBuilder()
      builder.append(1, 'a', 'b')
      expect(() => builder.append(timestampMs, 'a', 'b')).toThrow(KafkaError)
      expect(read(builder.build())).toHaveLength(1)
    },
  )
})

describe('several batches', () => {
  test('are read one after the other, up to one that is cut short', () => {
    fc.assert(
      fc.property(
        fc.array(inputs, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.boolean(),
        (batches, cut, asBuffer) => {
          const built = batches.map((records) => build(records))
          const last = built.at(-1)!
          const whole = concatBytes([...built, last.subarray(0, cut % last.length)])
          // Somewhere in a larger array, as what comes from a socket is.
          const apart = new Uint8Array([1, 2, 3, ...whole, 4]).subarray(3, -1)
          const bytes = asBuffer ? Buffer.from(apart.buffer, 3, apart.length) : apart
          const found = [...readBatches(bytes)]
          expect(found.map(({ sizeInBytes }) => sizeInBytes)).toEqual(
            built.map(({ length }) => length),
          )
          expect(found.map((header) => read(bytes, header))).toEqual(
            batches.map((records) => expected(records)),
          )
          expect(found.every((header) => verifyBatch(bytes, header))).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })

  test('that are not record batches of magic 2 are a CorruptDataError', () => {
    const bytes = build([[1, 'a', 'b', [], 0]])
    bytes[16] = 1
    expect(() => [...readBatches(bytes)]).toThrow('has magic 1')
  })
})

describe('changed in place, a batch', () => {
  const records: readonly Input[] = [
    [100, 'a', 'b', [], 0],
    [200, 'c', 'd', [], 0],
  ]

  test('takes offsets and leader epoch without a new checksum', () => {
    const bytes = concatBytes([build(records), build(records)])
    const [, second] = [...readBatches(bytes)]
    assignOffsets(bytes, second!.position, 2n ** 62n, 7)
    const header = readBatchHeader(bytes, second!.position)
    expect(header).toEqual({
      ...second!,
      baseOffset: 2n ** 62n,
      lastOffset: 2n ** 62n + 1n,
      partitionLeaderEpoch: 7,
    })
    expect(verifyBatch(bytes, header)).toBe(true)
    expect(read(bytes, header)).toEqual(expected(records, 2n ** 62n))
  })

  test('takes the time at which it was appended', () => {
    const bytes = build(records, codecs[2])
    setAppendTime(bytes, 0, 5000)
    const header = readBatchHeader(bytes)
    expect([header.timestampType, header.maxTimestamp, header.compression]).toEqual([
      'append',
      5000n,
      'lz4',
    ])
    expect(verifyBatch(bytes, header)).toBe(true)
    expect(read(bytes).map(({ timestampMs }) => timestampMs)).toEqual([5000, 5000])
  })

  test('takes a producer, and keeps the rest', () => {
    const bytes = build(records)
    const before = readBatchHeader(bytes)
    assignProducer(bytes, 0, 2n ** 40n, 12, 345)
    const after = readBatchHeader(bytes)
    const producer = { producerId: 2n ** 40n, producerEpoch: 12, baseSequence: 345 }
    expect(after).toEqual({ ...before, ...producer, crc: after.crc })
    assignProducer(bytes, 0, 2n ** 40n, 12, 345, true)
    expect(readBatchHeader(bytes)).toMatchObject({
      ...producer,
      isTransactional: true,
      attributes: 16,
    })
    assignProducer(bytes, 0, 2n ** 40n, 12, 345, false)
    expect(readBatchHeader(bytes)).toEqual(after)
    expect(verifyBatch(bytes, after)).toBe(true)
  })
})

describe('damage', () => {
  test('to any bit behind the checksum is noticed', () => {
    fc.assert(
      fc.property(inputs, anyCodec, fc.nat(), fc.nat(7), (records, codec, at, bit) => {
        const bytes = build(records, codec)
        bytes[21 + (at % (bytes.length - 21))]! ^= 1 << bit
        let header: BatchHeader
        try {
          header = readBatchHeader(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptDataError)
          return
        }
        expect(verifyBatch(bytes, header)).toBe(false)
      }),
      { numRuns: amount(100, 1000) },
    )
  })

  test('with a right checksum is a CorruptDataError or other records', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(inputs, anyCodec, changes, (records, codec, flips) => {
        const bytes = build(records, codec)
        for (const [at, flip] of flips) bytes[16 + (at % (bytes.length - 16))]! ^= flip
        renewCrc(bytes, 0)
        expectCorruptOrRecords(bytes)
      }),
      { numRuns: amount(300, 5000) },
    )
  })

  test('in the form of any bytes as records is a CorruptDataError or records', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (content, count) => {
        const bytes = concatBytes([new BatchBuilder().build(), content])
        const view = new DataView(bytes.buffer)
        view.setInt32(8, bytes.length - 12)
        view.setInt32(23, 20)
        view.setInt32(57, count)
        expectCorruptOrRecords(bytes)
      }),
      { numRuns: amount(300, 5000) },
    )
  })

  test('in the form of any bytes as batches is a CorruptDataError or batches', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        if (bytes.length > 16) bytes[16] = 2
        expectCorruptOrRecords(bytes)
      }),
      { numRuns: amount(300, 5000) },
    )
  })

  test('of counts is found before anything is allocated for them', () => {
    const bytes = build([[1, 'a', 'b', [], 0]])
    const view = new DataView(bytes.buffer)
    view.setInt32(57, 2_000_000_000)
    view.setInt32(23, 2_000_000_000)
    expect(() => read(bytes)).toThrow(CorruptDataError)
  })

  test('of a header count is found before anything is allocated for it', () => {
    const bytes = build([[1, 'a', 'b', [['h', 'v']], 0]])
    // The count of headers stands before the header's five bytes.
    bytes[bytes.length - 5] = 126
    expect(() => read(bytes)).toThrow(CorruptDataError)
  })

  test('cannot make a batch decompress past the limit', () => {
    const bytes = build([[1, null, new Uint8Array(1_000_000), [], 0]], codecs[3])
    const open = () => new RecordCursor(bytes, readBatchHeader(bytes), codecs[3], 999_999)
    expect(open).toThrow(CorruptDataError)
  })

  test('is told apart from a codec that is not there', () => {
    const bytes = build([[1, 'a', 'b', [], 0]], codecs[1])
    expect(() => new RecordCursor(bytes, readBatchHeader(bytes))).toThrow('compressed with snappy')
  })
})

function expectCorruptOrRecords(bytes: Uint8Array): void {
  try {
    for (const header of readBatches(bytes)) read(bytes, header)
  } catch (error) {
    if (!(error instanceof CorruptDataError)) throw error
  }
}
