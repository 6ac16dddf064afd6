/**
 * Record batches without a client or broker: building, reading, checksums, compression. Every figure is per core.
 * The sizes at which crc32c.ts and batch-builder.ts change their method were chosen with these.
 */

import { measure } from './measure.js'
import { loadCodec } from './modules/protocol/compression/codec.js'
import { BatchBuilder } from './modules/protocol/records/batch-builder.js'
import { crc32c, portableCrc32c } from './modules/protocol/records/crc32c.js'
import { readBatchHeader, verifyBatch } from './modules/protocol/records/record-batch.js'
import { RecordCursor } from './modules/protocol/records/record-reader.js'

const batchRecords = 150
const startMs = 1_700_000_000_000

/** `count` different JSON texts of exactly `size` bytes, as a serializer leaves them: flat strings. */
function events(count, size) {
  return Array.from({ length: count }, (_, i) => {
    const head = `{"orderId":"order-${i}","customer":"customer-${i % 97}","note":"`
    return Buffer.from(`${head.padEnd(size - 2, 'x').slice(0, size - 2)}"}`).toString('latin1')
  })
}

/** Records a second of `once`, which handles `records` of them; enough repetitions for about 0.2 s. */
function rate(records, once) {
  const rounds = Math.max(1, Math.round(600_000 / records))
  return async () => {
    const start = performance.now()
    for (let round = 0; round < rounds; round++) once()
    return (records * rounds * 1000) / (performance.now() - start)
  }
}

const builder = new BatchBuilder()
function build(values, key) {
  for (let i = 0; i < values.length; i++)
    builder.append(startMs + i, key ? key(i) : null, values[i])
  return builder.build()
}

const unit = 'records/s'
for (const [size, atLeast] of [
  [100, 4e6],
  [1024, 1e6],
]) {
  const texts = events(batchRecords, size)
  const bytes = texts.map((text) => new TextEncoder().encode(text))
  await measure(
    `build, ${size} B text`,
    { unit, atLeast },
    rate(batchRecords, () => build(texts)),
  )
  await measure(
    `build, ${size} B bytes`,
    { unit },
    rate(batchRecords, () => build(bytes)),
  )
}
const texts = events(batchRecords, 100)
const keys = texts.map((_, i) => `order-${i}`)
await measure(
  'build, 100 B text, 8 B keys',
  { unit },
  rate(batchRecords, () => build(texts, (i) => keys[i])),
)
const accented = texts.map((text) => text.replace('note', 'nöte').slice(0, 99))
await measure(
  'build, 100 B text, not ASCII',
  { unit },
  rate(batchRecords, () => build(accented)),
)

const batch = build(texts, (i) => keys[i])
const header = readBatchHeader(batch)
function read(part) {
  const cursor = new RecordCursor(batch, header)
  let size = 0
  while (cursor.next()) size += part(cursor)
  return size
}
await measure(
  'read, nothing decoded',
  { unit, atLeast: 5e6 },
  rate(batchRecords, () => read(() => 1)),
)
await measure(
  'read, value bytes',
  { unit },
  rate(batchRecords, () => read((cursor) => cursor.valueBytes().length)),
)
await measure(
  'read, value text',
  { unit },
  rate(batchRecords, () => read((cursor) => cursor.valueText().length)),
)
await measure(
  'verify and read, key and value text',
  { unit },
  rate(batchRecords, () => {
    if (!verifyBatch(batch, readBatchHeader(batch))) throw new Error('damaged')
    read((cursor) => cursor.keyText().length + cursor.valueText().length)
  }),
)

/** Megabytes a second of `once`, which handles `bytes`; about `totalMegabytes` a run. */
function throughput(bytes, totalMegabytes, once) {
  const rounds = Math.ceil((totalMegabytes * 1e6) / bytes)
  return async () => {
    const start = performance.now()
    for (let round = 0; round < rounds; round++) once()
    return (bytes * rounds) / 1000 / (performance.now() - start)
  }
}

const noise = new Uint8Array(1024 * 1024).map((_, i) => (i * 31) ^ (i >> 7))
for (const size of [256, 512, 1024, 16_384, 1024 * 1024]) {
  await measure(
    `crc32c, ${size} B`,
    { unit: 'MB/s' },
    throughput(size, 100, () => crc32c(noise, 0, size)),
  )
  await measure(
    `crc32c, ${size} B, tables`,
    { unit: 'MB/s' },
    throughput(size, 100, () => portableCrc32c(noise, 0, size)),
  )
}

const plain = new TextEncoder().encode(events(1000, 100).join('\n'))
for (const name of ['gzip', 'snappy', 'lz4', 'zstd']) {
  const codec = await loadCodec(name)
  const packed = codec.compress(plain)
  const share = Math.round((100 * packed.length) / plain.length)
  await measure(
    `compress, ${name} (to ${share} %)`,
    { unit: 'MB/s' },
    throughput(plain.length, 10, () => codec.compress(plain)),
  )
  await measure(
    `decompress, ${name}`,
    { unit: 'MB/s' },
    throughput(plain.length, 30, () => codec.decompress(packed, plain.length)),
  )
}
