/** What stands beside a log file, byte for byte as Kafka has it. */
import { expect, test } from 'vitest'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import {
  batchOf,
  contentOf,
  folder,
  headersIn,
  marker,
  openLog,
  producerBatch,
  segmentPath,
  startMs,
  values,
} from './log-fixture.ts'

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

test('an offset index entry names the last offset of a batch and where it begins', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, { log: { indexIntervalBytes: 100 } })
  for (let i = 0; i < 10; i++) log.append(values('x'.repeat(20), 3))
  await log.close()
  const batches = headersIn(contentOf(fileSystem, segmentPath(0n)))
  const index = contentOf(fileSystem, segmentPath(0n, 'index'))
  expect(index.length % 8).toBe(0)
  expect(index.length).toBeGreaterThan(16)
  const view = viewOf(index)
  for (let at = 0; at < index.length; at += 8) {
    const batch = batches.find(({ position }) => position === view.getInt32(at + 4))
    expect(view.getInt32(at)).toBe(Number(batch!.lastOffset))
  }
})

test('offsets in the index of a later segment are relative to it', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, { log: { indexIntervalBytes: 0, segmentBytes: 400 } })
  for (let i = 0; i < 12; i++) log.append(values('x', 2))
  const base = log.segments.at(-1)!.baseOffset
  await log.close()
  const index = viewOf(contentOf(fileSystem, segmentPath(base, 'index')))
  expect(base).toBeGreaterThan(0n)
  expect(index.getInt32(0)).toBeLessThan(10)
})

test('the time index ends with the largest timestamp, at the batch that brought it', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, { log: { indexIntervalBytes: 0 } })
  for (const after of [10, 30, 20]) log.append(batchOf([{ timestampMs: startMs + after }]))
  await log.close()
  const index = contentOf(fileSystem, segmentPath(0n, 'timeindex'))
  const view = viewOf(index)
  const last = index.length - 12
  expect(index.length % 12).toBe(0)
  expect(view.getBigInt64(last)).toBe(BigInt(startMs + 30))
  expect(view.getInt32(last + 8)).toBe(1)
})

test('both indexes ascend', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, { log: { indexIntervalBytes: 0 } })
  const jumps = [5, 1, 9, 9, 3, 12, 0, 40]
  for (const jump of jumps) log.append(batchOf([{ timestampMs: startMs + jump }]))
  await log.close()
  const times = viewOf(contentOf(fileSystem, segmentPath(0n, 'timeindex')))
  for (let at = 12; at < times.byteLength; at += 12) {
    expect(times.getBigInt64(at)).toBeGreaterThan(times.getBigInt64(at - 12))
    expect(times.getInt32(at + 8)).toBeGreaterThan(times.getInt32(at - 4))
  }
})

test('a transaction index entry is version, producer, first, last and last stable offset', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem)
  log.append(values('before'))
  log.append(producerBatch(0, 2, { producerId: 77n, isTransactional: true }))
  log.append(marker(false, 77n), 'broker')
  await log.close()
  const view = viewOf(contentOf(fileSystem, segmentPath(0n, 'txnindex')))
  expect(view.byteLength).toBe(34)
  expect(view.getInt16(0)).toBe(0)
  expect([2, 10, 18, 26].map((at) => view.getBigInt64(at))).toEqual([77n, 1n, 3n, 4n])
})

test('files are named by base offset in 20 digits', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, { log: { segmentBytes: 200 } })
  for (let i = 0; i < 4; i++) log.append(values('x'.repeat(50)))
  await log.close()
  const names = fileSystem.list(folder).filter((name) => name.endsWith('.log'))
  expect(names.length).toBeGreaterThan(1)
  for (const name of names) expect(name).toMatch(/^\d{20}\.log$/)
})

test('a log file is the batches as they came, with offsets and leader epoch', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem)
  const sent = [values('a', 2), values('b', 3)]
  for (const bytes of sent) log.append(bytes.slice())
  await log.close()
  const headers = headersIn(contentOf(fileSystem, segmentPath(0n)))
  expect(headers.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
    [0n, 1n],
    [2n, 4n],
  ])
  expect(headers.map(({ crc }) => crc)).toEqual(sent.map((bytes) => headersIn(bytes)[0]!.crc))
})
