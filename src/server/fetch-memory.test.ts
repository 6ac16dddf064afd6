import { beforeEach, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/broker/manual-runtime.ts'
import { FetchMemory } from './fetch-memory.ts'
import { MemoryBudget } from './memory-budget.ts'

const mebibyte = 1024 * 1024

let runtime: ManualRuntime
let budget: MemoryBudget
beforeEach(() => {
  runtime = new ManualRuntime()
  budget = new MemoryBudget(runtime, {
    queuedMaxRequestBytes: 64 * mebibyte,
    memoryWaitTimeout: 1000,
    slowConnectionGrace: 1000,
  })
})

function memory(bytesMax = mebibyte): FetchMemory {
  return new FetchMemory({ budget, bytesMax, onExpired: () => undefined })
}

/** How many could begin to read now. */
function freeTurns(): number {
  let free = 0
  while (budget.reads.tryTake()) free++
  for (let n = 0; n < free; n++) budget.reads.release()
  return free
}

test('what is not needed is given back, and what is larger than was thought is counted', () => {
  const one = memory()
  expect(one.claim(50 * mebibyte, 1000)).toBe(mebibyte)
  expect(freeTurns()).toBe(3)
  one.settle(500)
  expect([one.heldBytes, budget.heldBytes('answer'), freeTurns()]).toEqual([500, 500, 4])
  one.settle(0)
  expect(one.claim(50 * mebibyte, 3 * mebibyte)).toBe(3 * mebibyte)
  one.settle(4 * mebibyte)
  expect(budget.heldBytes('answer')).toBe(4 * mebibyte)
  one.release()
  expect(budget.heldBytes('answer')).toBe(0)
})

test('whoever is closed while it waits for its turn, or as that comes, leaves none behind', async () => {
  const reading = [1, 2, 3, 4].map(() => memory())
  for (const one of reading) one.claim(1000, 1000)
  const [waiting, late] = [memory(), memory()]
  const claims = [waiting, late].map((one) => one.claim(1000, 1000))
  waiting.close()
  reading[0]!.settle(1000)
  // Its turn has come, and it does not know yet.
  late.close()
  late.release()
  expect(await Promise.all(claims)).toEqual([0, 0])
  for (const one of reading) one.release()
  expect([freeTurns(), budget.heldBytes('answer'), late.claim(1, 1)]).toEqual([4, 0, 0])
})

test('whoever waits for memory and is closed holds nothing', async () => {
  const all = Array.from({ length: 3 }, () => memory(16 * mebibyte))
  const claims = all.map((one) => one.claim(16 * mebibyte, 16 * mebibyte))
  all[0]!.settle(16 * mebibyte)
  const waiting = memory(32 * mebibyte)
  const claim = waiting.claim(32 * mebibyte, 32 * mebibyte)
  expect(budget.waiting('answer')).toBe(1)
  waiting.close()
  expect(await claim).toBe(0)
  waiting.release()
  for (const one of all) one.release()
  expect([claims.length, budget.waiting('answer'), freeTurns()]).toEqual([3, 0, 4])
})
