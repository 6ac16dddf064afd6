/**
 * Batches that Kafka's own Java client (4.3.1) wrote, with all five compressions. `testdata/java-batches.json` was made
 * with its MemoryRecordsBuilder: what each batch holds is written out here.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadCodec } from '../compression/codec.ts'
import { BatchBuilder } from './batch-builder.ts'
import { rebuildBatch } from './rebuild-batch.ts'
import { type BatchHeader, readBatches, verifyBatch } from './record-batch.ts'
import { RecordCursor } from './record-reader.ts'

const file = new URL('testdata/java-batches.json', import.meta.url)
const batches: { readonly [name: string]: string } = JSON.parse(readFileSync(file, 'utf8'))
const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

async function open(
  name: string,
): Promise<{ bytes: Uint8Array; header: BatchHeader; cursor: RecordCursor }> {
  const bytes = Buffer.from(batches[name]!, 'base64')
  const found = [...readBatches(bytes)]
  expect(found.length).toBe(1)
  const header = found[0]!
  expect(header.sizeInBytes).toBe(bytes.length)
  expect(verifyBatch(bytes, header)).toBe(true)
  return {
    bytes,
    header,
    cursor: new RecordCursor(bytes, header, await loadCodec(header.compression)),
  }
}

function all(cursor: RecordCursor): unknown[] {
  const records: unknown[] = []
  while (cursor.next()) {
    const { offset, timestampMs } = cursor
    records.push([offset, timestampMs, cursor.keyBytes(), cursor.valueBytes(), cursor.headers()])
  }
  return records
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const empty = new Uint8Array(0)
const baseOffset = 1_234_567_890_123n
const variedRecords = [
  [1_700_000_000_000, utf8('key'), utf8('value'), []],
  [
    1_699_999_999_000,
    null,
    utf8('grüße 日本語 🚀'),
    [
      ['trace', utf8('abc')],
      ['nö', null],
      ['empty', empty],
    ],
  ],
  [4_102_444_800_000, empty, null, []],
  [0, Uint8Array.of(0, 0xff, 0x80), empty, []],
  [1_700_000_000_001, utf8('long'), utf8('x'.repeat(200)), []],
] as const
const variedHeader = {
  baseOffset,
  lastOffset: baseOffset + 4n,
  partitionLeaderEpoch: 9,
  producerId: 77n,
  producerEpoch: 3,
  baseSequence: 41,
  isTransactional: true,
  isControl: false,
  timestampType: 'create',
  deleteHorizonMs: undefined,
}

test.each(names)('a batch of varied records, compressed with %s', async (name) => {
  const { header, cursor } = await open(`varied ${name}`)
  expect(header).toMatchObject({
    ...variedHeader,
    compression: name,
    recordCount: 5,
    baseTimestamp: 1_700_000_000_000n,
    maxTimestamp: 4_102_444_800_000n,
  })
  expect(all(cursor)).toEqual(variedRecords.map((record, i) => [baseOffset + BigInt(i), ...record]))
})

test.each(names.slice(1))('a batch of several blocks, compressed with %s', async (name) => {
  const { header, cursor } = await open(`repeated ${name}`)
  expect(header).toMatchObject({
    compression: name,
    recordCount: 1500,
    producerId: -1n,
    baseSequence: -1,
  })
  for (let i = 0; i < 1500; i++) {
    expect(cursor.next()).toBe(true)
    const { offset, timestampMs } = cursor
    const value = `an event that repeats itself, number ${i % 10}`
    expect([offset, timestampMs, cursor.keyText(), cursor.valueText()]).toEqual([
      BigInt(i),
      1_700_000_000_000 + i,
      `k${i % 7}`,
      value,
    ])
  }
  expect(cursor.next()).toBe(false)
})

test('a batch with the time at which it was appended', async () => {
  const { header, cursor } = await open('append time')
  expect(header).toMatchObject({
    timestampType: 'append',
    maxTimestamp: 1_700_000_000_777n,
    baseOffset: 5n,
  })
  expect(all(cursor)).toEqual([
    [5n, 1_700_000_000_777, utf8('a'), utf8('1'), []],
    [6n, 1_700_000_000_777, utf8('b'), utf8('2'), []],
  ])
})

test.each([
  ['abort marker', 11n, 0],
  ['commit marker', 10n, 1],
])('an %s', async (name, offset, type) => {
  const { header, cursor } = await open(name)
  expect(header).toMatchObject({
    isControl: true,
    isTransactional: true,
    producerId: 77n,
    baseSequence: -1,
  })
  // Key: version 0 and type. Value: version 0 and the coordinator's epoch.
  const marker = [Uint8Array.of(0, 0, 0, type), Uint8Array.of(0, 0, 0, 0, 0, 6)]
  expect(all(cursor)).toEqual([[offset, 1_700_000_000_000, ...marker, []]])
})

test.each(['none', 'lz4'] as const)(
  'a batch that was compacted, compressed with %s, and ours',
  async (name) => {
    const { header, cursor } = await open(`compacted ${name}`)
    const original = await open(`varied ${name}`)
    const keptRecords = [1, 3].map((i) => [baseOffset + BigInt(i), ...variedRecords[i]!])
    expect(header).toMatchObject({
      ...variedHeader,
      compression: name,
      recordCount: 2,
      maxTimestamp: 1_699_999_999_000n,
    })
    expect(all(cursor)).toEqual(keptRecords)
    const keepEven = ({ offset }: RecordCursor) => offset % 2n === 0n
    const ours = rebuildBatch(
      original.bytes,
      original.header,
      await loadCodec(name),
      keepEven,
    ).bytes
    const [oursHeader] = [...readBatches(ours)]
    // Java counts the timestamps from the first record that is left.
    const { baseTimestamp: _, ...same } = { ...header, crc: 0, sizeInBytes: 0 }
    expect({ ...oursHeader!, crc: 0, sizeInBytes: 0 }).toMatchObject(same)
  },
)

test('a batch that lost all its records, and ours', async () => {
  const { header, cursor } = await open('emptied')
  expect(header).toMatchObject({ ...variedHeader, compression: 'none', recordCount: 0 })
  expect(all(cursor)).toEqual([])
  const original = await open('varied gzip')
  const ours = rebuildBatch(
    original.bytes,
    original.header,
    await loadCodec('gzip'),
    () => false,
  ).bytes
  const [oursHeader] = [...readBatches(ours)]
  const { baseTimestamp: _, ...same } = { ...header, crc: 0 }
  expect({ ...oursHeader!, crc: 0 }).toMatchObject(same)
})

test('what is not compressed is built byte for byte as Java builds it', async () => {
  const { bytes } = await open('varied none')
  const builder = new BatchBuilder()
  for (const [timestampMs, key, value, headers] of variedRecords)
    builder.append(timestampMs, key, value, headers)
  const ours = builder.build({
    baseOffset,
    producerId: 77n,
    producerEpoch: 3,
    baseSequence: 41,
    isTransactional: true,
  })
  new DataView(ours.buffer).setInt32(12, 9)
  expect(Buffer.compare(ours, bytes)).toBe(0)
})
