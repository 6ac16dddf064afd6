import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/broker/manual-runtime.ts'
import { type Claim, type ClaimKind, MemoryBudget, type Wanted } from './memory-budget.ts'

/** Quarters of 100, a shared half of 200. */
const queuedMaxRequestBytes = 400
const memoryWaitTimeout = 10_000
const slowConnectionGrace = 2000

let runtime: ManualRuntime
let budget: MemoryBudget
beforeEach(() => {
  runtime = new ManualRuntime()
  budget = new MemoryBudget(runtime, {
    queuedMaxRequestBytes,
    memoryWaitTimeout,
    slowConnectionGrace,
  })
})

/** What is wanted, and what became of it. */
interface Wish {
  claim: Claim | undefined
  isExpired: boolean
  leave: () => void
}

function want(kind: ClaimKind, bytes: number, leastBytes = bytes): Wish {
  const wanted: Wanted = { kind, bytes, leastBytes }
  const wish: Wish = { claim: budget.tryClaim(wanted), isExpired: false, leave: () => undefined }
  if (wish.claim) return wish
  wish.leave = budget.wait(wanted, {
    granted: (claim) => {
      wish.claim = claim
    },
    expired: () => {
      wish.isExpired = true
    },
  })
  return wish
}

/** Grants come after whoever released something has finished. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

const bytesOf = (wishes: readonly Wish[]) => wishes.map(({ claim }) => claim?.bytes)

/** A peer that moves so many bytes a second; tells whether it was dropped. */
function peerOf(wish: Wish, bytesPerSecond = 0): { isDropped: boolean } {
  const peer = { isDropped: false }
  const since = runtime.now()
  wish.claim!.awaitPeer({
    movedBytes: () => (bytesPerSecond * (runtime.now() - since)) / 1000,
    drop: () => {
      peer.isDropped = true
    },
  })
  return peer
}

test('a large request waits for its turn, and a smaller one does not overtake it', async () => {
  const first = want('largeRequest', 150)
  const second = want('largeRequest', 100)
  const third = want('largeRequest', 10)
  expect(bytesOf([first, second, third])).toEqual([150, undefined, undefined])
  expect(budget.waiting('largeRequest')).toBe(2)
  first.claim!.release()
  await settled()
  expect(bytesOf([second, third])).toEqual([100, 10])
  expect(budget.waiting('largeRequest')).toBe(0)
})

test('large requests leave a quarter to short ones and a quarter to answers', () => {
  want('largeRequest', 200)
  want('largeRequest', 1)
  expect(want('request', 100).claim).toBeDefined()
  expect(want('answer', 800, 100).claim?.bytes).toBe(100)
})

test('large requests alone make nobody do with less', () => {
  want('largeRequest', 200)
  want('request', 99)
  expect(budget.isShort).toBe(false)
  want('request', 1)
  expect(budget.isShort).toBe(true)
})

test('what all share is kept for who came first, whatever it is for', async () => {
  const large = want('largeRequest', 150)
  const waiting = want('largeRequest', 100)
  want('request', 90)
  // 50 are free of what all share, and 10 of the requests' own.
  const short = want('request', 20)
  expect(want('request', 5).claim).toBeUndefined()
  large.claim!.release()
  await settled()
  expect(bytesOf([waiting, short])).toEqual([100, 20])
})

test('who leaves the line is not in the way', async () => {
  want('largeRequest', 150)
  const waiting = want('largeRequest', 100)
  const next = want('largeRequest', 50)
  waiting.leave()
  await settled()
  expect(bytesOf([waiting, next])).toEqual([undefined, 50])
})

test('an answer gets an eighth of what is free, or what it needs at least', () => {
  expect(want('answer', 1000, 10).claim?.bytes).toBe(37)
  expect(want('answer', 5, 5).claim?.bytes).toBe(5)
  expect(want('answer', 1000, 200).claim?.bytes).toBe(200)
  expect(want('answer', 1000, 60).claim).toBeUndefined()
})

test('a batch that is larger than all that answers may hold is read when nothing else is held', async () => {
  const other = want('answer', 10, 10)
  const huge = want('answer', 1000, 1000)
  expect(huge.claim).toBeUndefined()
  other.claim!.release()
  await settled()
  expect(huge.claim?.bytes).toBe(300)
  huge.claim!.resize(1000)
  expect(budget.heldBytes('answer')).toBe(1000)
  expect(budget.isShort).toBe(true)
})

test('a wait has an end', async () => {
  want('largeRequest', 200)
  const waiting = want('largeRequest', 150)
  runtime.advance(memoryWaitTimeout - 1)
  expect(waiting.isExpired).toBe(false)
  const later = want('largeRequest', 1)
  runtime.advance(1)
  expect(waiting.isExpired).toBe(true)
  expect([waiting, later].map(({ claim }) => claim)).toEqual([undefined, undefined])
  expect(budget.waiting('largeRequest')).toBe(1)
})

describe('when others wait', () => {
  test('the slowest goes first, and no more go than are needed', async () => {
    const peers = [500, 5, 50].map((rate) => peerOf(want('largeRequest', 60), rate))
    const dropped = () => peers.map(({ isDropped }) => isDropped)
    const waiting = want('largeRequest', 60)
    runtime.advance(slowConnectionGrace - 1)
    expect(dropped()).toEqual([false, false, false])
    runtime.advance(1)
    expect(dropped()).toEqual([false, true, false])
    expect(waiting.claim?.bytes).toBe(60)
    want('largeRequest', 150)
    runtime.advance(2 * slowConnectionGrace)
    expect(dropped()).toEqual([true, true, true])
  })

  test('who was fast and stands still now is slow', () => {
    let moved = 0
    const stopped = want('largeRequest', 60)
    let isDropped = false
    stopped.claim!.awaitPeer({
      movedBytes: () => moved,
      drop: () => {
        isDropped = true
      },
    })
    moved = 1_000_000
    const slow = peerOf(want('largeRequest', 60), 1)
    runtime.advance(10 * slowConnectionGrace)
    want('largeRequest', 100)
    runtime.advance(slowConnectionGrace)
    expect([isDropped, slow.isDropped]).toEqual([true, false])
  })

  test('of those that stand still the one that holds most goes', () => {
    const peers = [10, 120, 20].map((bytes) => peerOf(want('largeRequest', bytes)))
    want('largeRequest', 100)
    runtime.advance(slowConnectionGrace)
    expect(peers.map(({ isDropped }) => isDropped)).toEqual([false, true, false])
  })

  test('a claim that is young, or that nobody has to act for, stays', () => {
    want('largeRequest', 100)
    const waiting = want('largeRequest', 150)
    runtime.advance(slowConnectionGrace - 1)
    const young = peerOf(want('answer', 50, 50))
    const inNobodysWay = peerOf(want('request', 50))
    runtime.advance(slowConnectionGrace)
    expect([young, inNobodysWay].map(({ isDropped }) => isDropped)).toEqual([false, false])
    expect(waiting.claim).toBeUndefined()
  })

  test('nobody is dropped while nobody waits', () => {
    const peer = peerOf(want('largeRequest', 200))
    runtime.advance(10 * slowConnectionGrace)
    expect(peer.isDropped).toBe(false)
  })
})

test('never more is held than there is, and everyone is served who waits for those that go', async () => {
  const kinds = ['request', 'largeRequest', 'answer'] as const
  const wish = fc.record({
    kind: fc.constantFrom(...kinds),
    bytes: fc.integer({ min: 1, max: 200 }),
    /** Which of those that hold something goes first. */
    goes: fc.nat(),
    leaves: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(wish, { maxLength: 60 }), async (wishes) => {
      const local = new MemoryBudget(runtime, {
        queuedMaxRequestBytes,
        memoryWaitTimeout,
        slowConnectionGrace,
      })
      budget = local
      const held = () => kinds.reduce((sum, kind) => sum + local.heldBytes(kind), 0)
      const all: Wish[] = []
      const open = () => all.filter(({ claim }) => claim && claim.bytes > 0)
      for (const { kind, bytes, goes, leaves } of wishes) {
        all.push(want(kind, bytes))
        expect(held()).toBeLessThanOrEqual(queuedMaxRequestBytes)
        const holders = open()
        if (leaves && holders.length > 0) holders[goes % holders.length]!.claim!.release()
        await Promise.resolve()
        expect(held()).toBeLessThanOrEqual(queuedMaxRequestBytes)
      }
      for (let holders = open(); holders.length > 0; holders = open()) {
        holders[0]!.claim!.release()
        await Promise.resolve()
        expect(held()).toBeLessThanOrEqual(queuedMaxRequestBytes)
      }
      expect(all.every(({ claim }) => claim)).toBe(true)
      expect(kinds.map((kind) => local.waiting(kind))).toEqual([0, 0, 0])
      expect(held()).toBe(0)
    }),
    { seed: 11, numRuns: 200 },
  )
})
