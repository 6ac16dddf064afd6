import { expect, test } from 'vitest'
import { ConsumerRecord } from './record.ts'

const source = { topic: 't', partition: 0, commit: () => Promise.resolve() }
const at = (timestampMs: number) =>
  new ConsumerRecord(source, 0n, 0, timestampMs, null, 'value', undefined)

test.each([
  [0, 0],
  [-1, -1],
  [8.64e15, 8.64e15],
  [8.64e15 + 2, 8.64e15],
  [Number(2n ** 63n - 1n), 8.64e15],
  [Number(-(2n ** 63n)), -8.64e15],
])('a timestamp of %s is a valid Date', (stored, shown) => {
  const record = at(stored)
  expect(record.timestampMs).toBe(stored)
  expect(record.timestamp.getTime()).toBe(shown)
  expect(JSON.parse(JSON.stringify(record)).timestamp).toBe(new Date(shown).toISOString())
})
