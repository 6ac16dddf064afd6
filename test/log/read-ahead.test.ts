/** Reading ahead changes nothing of what readers get, only what the disk has to do while they wait. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReadAhead } from '../../src/broker/log/read-ahead.ts'
import { CacheBudget } from '../../src/broker/log/tail-cache.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { openLog, recordsIn, settle, values } from './log-fixture.ts'

/** Ten batches of a record each, behind one another; tells which offsets were read from the disk. */
function tenBatches(budgetBytes = 1_000_000) {
  const batches = Array.from({ length: 10 }, (_, i) => {
    const batch = values(`value ${i}`).slice()
    new DataView(batch.buffer).setBigInt64(0, BigInt(i))
    return batch
  })
  const size = batches[0]!.length
  const reads: number[] = []
  const budget = new CacheBudget(budgetBytes)
  const read = async (offset: bigint, maxBytes: number, upTo: bigint) => {
    reads.push(Number(offset))
    const end = Math.min(Number(offset) + Math.floor(maxBytes / size), Number(upTo))
    return Buffer.concat(batches.slice(Number(offset), end))
  }
  const ahead = new ReadAhead(budget, read)
  /** As a partition's log reads. */
  const next = async (offset: bigint, maxBytes = size * 2, upTo = 10n) => {
    const bytes = (await ahead.take(offset, maxBytes, upTo)) ?? (await read(offset, maxBytes, upTo))
    ahead.given(offset, bytes, maxBytes, upTo)
    await settle()
    return bytes.length / size
  }
  return { reads, next, budget, size, ahead }
}

test('the third piece and those after it are there before they are asked for', async () => {
  const { reads, next, budget } = tenBatches()
  expect(await next(0n)).toBe(2)
  expect(reads).toEqual([0])
  expect(await next(2n)).toBe(2)
  expect(reads).toEqual([0, 2, 4])
  expect(budget.usedBytes).toBeGreaterThan(0)
  expect(await next(4n)).toBe(2)
  expect(await next(6n)).toBe(2)
  expect(await next(8n)).toBe(2)
  expect(reads).toEqual([0, 2, 4, 6, 8])
  expect(budget.usedBytes).toBe(0)
})

test('a reader who jumps causes no reading', async () => {
  const { reads, next } = tenBatches()
  for (const offset of [0n, 6n, 2n, 8n, 4n]) await next(offset)
  expect(reads).toEqual([0, 6, 2, 8, 4])
})

test('a reader who may see less, or takes less, gets no more', async () => {
  const { next, size } = tenBatches()
  await next(0n)
  await next(2n)
  expect(await next(4n, size * 2, 5n)).toBe(1)
  await next(0n)
  await next(2n)
  expect(await next(4n, size)).toBe(1)
})

test('what is held counts for the budget, and goes when others need it', async () => {
  const { next, budget, reads } = tenBatches(0)
  await next(0n)
  await next(2n)
  expect(budget.usedBytes).toBe(0)
  await next(4n)
  expect(reads).toEqual([0, 2, 4, 4, 6])
})

test('a read that fails ahead fails nobody: who asks reads again', async () => {
  let fails = false
  const ahead = new ReadAhead(new CacheBudget(1000), async () => {
    if (fails) throw new Error('the disk')
    return values('a')
  })
  const batch = values('a')
  ahead.given(0n, batch, batch.length, 9n)
  fails = true
  ahead.given(1n, batch, batch.length, 9n)
  await settle()
  expect(await ahead.take(1n, batch.length, 9n)).toBeUndefined()
})

test('readers of a log get the same with it, in whatever order they read', async () => {
  const step = fc.record({
    reader: fc.nat({ max: 2 }),
    jump: fc.option(fc.nat({ max: 59 }), { freq: 8 }),
    maxBytes: fc.constantFrom(100, 400, 400, 400, 2000),
    appends: fc.nat({ max: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const log = await openLog(createMemoryFileSystem(), { log: { segmentBytes: 3000 } })
      for (let n = 0; n < 60; n++) log.append(values(`${n}`))
      await log.whenSynced()
      const at = [0, 20, 40]
      for (const { reader, jump, maxBytes, appends } of steps) {
        for (let i = 0; i < appends; i++) log.append(values(`${log.logEndOffset}`))
        await log.whenSynced()
        if (jump !== null) at[reader] = jump
        const bytes = await log.read(BigInt(at[reader]!), maxBytes, true, log.highWatermark)
        const read = bytes ? recordsIn(bytes) : []
        expect(read.map(({ value }) => value)).toEqual(read.map((_, i) => `${at[reader]! + i}`))
        if (BigInt(at[reader]!) < log.highWatermark) expect(read.length).toBeGreaterThan(0)
        at[reader]! += read.length
      }
      await log.close()
    }),
    { numRuns: 50 },
  )
})
