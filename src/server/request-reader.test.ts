import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualRuntime } from '../../test/broker/manual-runtime.ts'
import { concatBytes } from '../core/bytes.ts'
import { type Claim, MemoryBudget } from './memory-budget.ts'
import { RequestReader, type RequestReaderParts, unclaimedBytes } from './request-reader.ts'

const mebibyte = 1024 * 1024
const budget = new MemoryBudget(new ManualRuntime(), {
  queuedMaxRequestBytes: 400 * mebibyte,
  memoryWaitTimeout: 1,
  slowConnectionGrace: 1,
})

function claimOf(bytes: number): Claim {
  return budget.tryClaim({ kind: 'largeRequest', bytes })!
}

function readerOf(parts: Partial<RequestReaderParts>): RequestReader {
  return new RequestReader({
    bytesMax: 100 * mebibyte,
    admit: (size) => claimOf(size),
    onRequest: (_, claim) => claim?.release(),
    onTooLong: () => undefined,
    ...parts,
  })
}

/** With its length in front. */
function frameOf(size: number, fill: number): Uint8Array {
  const frame = new Uint8Array(4 + size).fill(fill)
  new DataView(frame.buffer).setInt32(0, size)
  return frame
}

test('requests come out whole and in order, however they are cut, also when long ones have to wait', () => {
  const sizes = fc.oneof(fc.constant(0), fc.nat(300), fc.integer({ min: 16_000, max: 60_000 }))
  fc.assert(
    fc.property(
      fc.array(sizes, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
      (wanted, cuts, waits) => {
        const stream = concatBytes([
          ...wanted.map((size, i) => frameOf(size, i)),
          new Uint8Array(0),
        ])
        const seen: [size: number, fill: number | undefined][] = []
        const claims: (number | undefined)[] = []
        let asked = 0
        let waiting: number | undefined
        const reader = readerOf({
          admit(size) {
            if (!waits[asked++ % waits.length]) return claimOf(size)
            waiting = size
            return undefined
          },
          onRequest(frame, claim) {
            expect(frame.every((byte) => byte === frame[0])).toBe(true)
            seen.push([frame.length, frame[0]])
            claims.push(claim?.bytes)
            claim?.release()
          },
        })
        const admitAll = () => {
          while (reader.isWaiting) reader.admitted(claimOf(waiting!))
        }
        for (let at = 0, n = 0; at < stream.length; n++) {
          const end = at + cuts[n % cuts.length]!
          reader.push(stream.subarray(at, end))
          if (n % 2 === 1) admitAll()
          at = end
        }
        admitAll()
        expect(seen).toEqual(wanted.map((size, i) => [size, size > 0 ? i : undefined]))
        expect(claims).toEqual(wanted.map((size) => (size > unclaimedBytes ? size : undefined)))
        expect([reader.pendingBytes, reader.unclaimedBytes]).toEqual([0, 0])
        expect(budget.heldBytes('largeRequest')).toBe(0)
      },
    ),
    { seed: 7, numRuns: 150 },
  )
})

test('a length allocates nothing: before it is admitted only what came is held', () => {
  const sizes: number[] = []
  const reader = readerOf({
    admit(size) {
      sizes.push(size)
      return undefined
    },
  })
  const frame = frameOf(90 * mebibyte, 1)
  reader.push(frame.subarray(0, 100))
  expect(reader.unclaimedBytes).toBeLessThan(1000)
  expect(sizes).toEqual([])
  reader.push(frame.subarray(100, 50_000))
  expect(sizes).toEqual([90 * mebibyte])
  expect(reader.isWaiting).toBe(true)
  expect(reader.unclaimedBytes).toBeLessThan(unclaimedBytes + 50_000)
  reader.drop()
  expect(reader.unclaimedBytes).toBe(0)
})

test('a request that is dropped gives its memory back', () => {
  const reader = readerOf({})
  reader.push(frameOf(mebibyte, 1).subarray(0, 100_000))
  expect(budget.heldBytes('largeRequest')).toBe(mebibyte)
  reader.drop()
  expect(budget.heldBytes('largeRequest')).toBe(0)
})

test.each([-1, 100 * mebibyte + 1])('a length of %d is refused', (size) => {
  let tooLong = 0
  const reader = readerOf({ onTooLong: () => void tooLong++ })
  const frame = frameOf(10, 1)
  new DataView(frame.buffer).setInt32(0, size)
  expect(() => reader.push(frame)).toThrow(`A request of ${size} bytes was announced`)
  expect(tooLong).toBe(size > 0 ? 1 : 0)
})
