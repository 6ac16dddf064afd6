import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Codec, loadCodec } from '../compression/codec.ts'
import { BatchBuilder } from './batch-builder.ts'
import { rebuildBatch } from './rebuild-batch.ts'
import {
  assignOffsets,
  type BatchHeader,
  readBatchHeader,
  setAppendTime,
  verifyBatch,
} from './record-batch.ts'
import { RecordCursor } from './record-reader.ts'

const codecs = await Promise.all((['gzip', 'snappy', 'lz4', 'zstd'] as const).map(loadCodec))
const anyCodec = fc.constantFrom<Codec | undefined>(undefined, ...codecs)
const timestamps = fc.array(fc.integer({ min: -1, max: 2_000_000_000_000 }), {
  minLength: 1,
  maxLength: 30,
})

/** A transactional batch of records named by their number, at offsets two apart. */
function batchOf(times: readonly number[], codec: Codec | undefined): Uint8Array {
  const builder = new BatchBuilder()
  times.forEach((timestampMs, i) => {
    const headers = i % 3 === 0 ? ([['number', `${i}`]] as const) : undefined
    builder.append(
      timestampMs,
      `key ${i}`,
      i % 4 === 0 ? null : `value ${i}`.repeat(i),
      headers,
      2 * i,
    )
  })
  const producer = { producerId: 7n, producerEpoch: 3, baseSequence: 40, isTransactional: true }
  const bytes = builder.build({ ...(codec && { codec }), ...producer })
  assignOffsets(bytes, 0, 1000n, 5)
  return bytes
}

function recordsOf(bytes: Uint8Array, codec: Codec | undefined): unknown[] {
  const records: unknown[] = []
  const cursor = new RecordCursor(bytes, readBatchHeader(bytes), codec)
  while (cursor.next()) {
    const { offset, timestampMs } = cursor
    records.push([offset, timestampMs, cursor.keyText(), cursor.valueText(), cursor.headers()])
  }
  return records
}

/** What is to stay as it is in every rebuilt batch. */
function identityOf(header: BatchHeader): Partial<BatchHeader> {
  const { baseOffset, lastOffset, partitionLeaderEpoch, producerId, producerEpoch, baseSequence } =
    header
  const { isTransactional, isControl, timestampType } = header
  const flags = { isTransactional, isControl, timestampType }
  return {
    baseOffset,
    lastOffset,
    partitionLeaderEpoch,
    producerId,
    producerEpoch,
    baseSequence,
    ...flags,
  }
}

describe('a rebuilt batch', () => {
  test('holds the records that were kept, at their offsets and times, and keeps its identity', () => {
    const horizon = fc.option(fc.nat(2_000_000_000_000), { nil: undefined })
    fc.assert(
      fc.property(
        timestamps,
        anyCodec,
        fc.infiniteStream(fc.boolean()),
        horizon,
        (times, codec, choices, horizonMs) => {
          const original = batchOf(times, codec)
          const kept = times.map(() => choices.next().value as boolean)
          const header = readBatchHeader(original)
          const rebuilt = rebuildBatch(
            original,
            header,
            codec,
            ({ offsetDelta }) => kept[offsetDelta / 2]!,
            horizonMs,
          )
          const after = readBatchHeader(rebuilt.bytes)
          expect(verifyBatch(rebuilt.bytes, after)).toBe(true)
          expect(recordsOf(rebuilt.bytes, codec)).toEqual(
            recordsOf(original, codec).filter((_, i) => kept[i]),
          )
          expect(rebuilt.keptCount).toBe(kept.filter(Boolean).length)
          expect(identityOf(after)).toEqual(identityOf(header))
          expect(after.deleteHorizonMs).toBe(
            horizonMs === undefined ? undefined : BigInt(horizonMs),
          )
          const keptTimes = rebuilt.keptCount > 0 ? times.filter((_, i) => kept[i]) : times
          expect(after.maxTimestamp).toBe(BigInt(Math.max(...keptTimes)))
          expect(after.compression).toBe(rebuilt.keptCount > 0 ? header.compression : 'none')
        },
      ),
      { numRuns: 200 },
    )
  })

  test('is a header alone when nothing was kept', () => {
    const original = batchOf([1, 2, 3], codecs[0])
    const { bytes } = rebuildBatch(original, readBatchHeader(original), codecs[0], () => false)
    expect(bytes.length).toBe(61)
    expect(recordsOf(bytes, undefined)).toEqual([])
  })

  test('keeps the delete horizon that it got first, through further rebuilds', () => {
    let bytes = batchOf([5, 6, 7, 8], codecs[2])
    for (const horizonMs of [1000, 2000, 3000]) {
      const keepAllButOne = ({ timestampMs }: RecordCursor) => timestampMs !== 5 + horizonMs / 1000
      bytes = rebuildBatch(bytes, readBatchHeader(bytes), codecs[2], keepAllButOne, horizonMs).bytes
    }
    expect(readBatchHeader(bytes).deleteHorizonMs).toBe(1000n)
    expect(recordsOf(bytes, codecs[2])).toHaveLength(1)
  })

  test('keeps the time at which it was appended', () => {
    const original = batchOf([1, 2, 3], undefined)
    setAppendTime(original, 0, 9000)
    const { bytes } = rebuildBatch(
      original,
      readBatchHeader(original),
      undefined,
      ({ offsetDelta }) => offsetDelta > 0,
    )
    expect(readBatchHeader(bytes)).toMatchObject({
      timestampType: 'append',
      maxTimestamp: 9000n,
      recordCount: 2,
    })
  })

  test('does not share memory with the original', () => {
    const original = batchOf([1], undefined)
    const { bytes } = rebuildBatch(original, readBatchHeader(original), undefined, () => true)
    original.fill(0)
    expect(recordsOf(bytes, undefined)).toHaveLength(1)
  })
})
