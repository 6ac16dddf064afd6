import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPlace, readRange, readTime } from './place.ts'

const day = Date.UTC(2026, 0, 31)

test.each([
  ['earliest', { kind: 'earliest' }],
  ['start', { kind: 'earliest' }],
  ['end', { kind: 'latest' }],
  ['@0', { kind: 'at', offset: 0n }],
  ['@9223372036854775807', { kind: 'at', offset: 9_223_372_036_854_775_807n }],
  ['+5', { kind: 'afterEarliest', count: 5n }],
  ['-5', { kind: 'beforeLatest', count: 5n }],
  ['-90m', { kind: 'ago', ms: 5_400_000 }],
  ['-1.5h', { kind: 'ago', ms: 5_400_000 }],
  ['2026-01-31', { kind: 'time', timestampMs: day }],
  ['2026-01-31T01:00+01:00', { kind: 'time', timestampMs: day }],
])('%s', (text, place) => {
  expect(readPlace(text)).toEqual(place)
  expect(readRange(text)).toEqual({ from: place, to: undefined })
})

describe('a range', () => {
  const at = (offset: bigint) => ({ kind: 'at', offset })
  test.each([
    ['@-1h:end', { kind: 'ago', ms: 3_600_000 }, { kind: 'latest' }],
    ['@100:200', at(100n), at(200n)],
    ['@@100:@200', at(100n), at(200n)],
    ['@:5', { kind: 'earliest' }, at(5n)],
    ['@5:', at(5n), { kind: 'latest' }],
    [
      '@2026-01-31T00:00Z:2026-01-31T00:00:00Z',
      { kind: 'time', timestampMs: day },
      { kind: 'time', timestampMs: day },
    ],
    ['@+5:-5', { kind: 'afterEarliest', count: 5n }, { kind: 'beforeLatest', count: 5n }],
  ])('%s', (text, from, to) => expect(readRange(text)).toEqual({ from, to }))
})

test.each([
  '',
  '5',
  'yesterday',
  '@',
  '@x',
  '-',
  '+',
  '-1x',
  '@9223372036854775808',
  '2026-13-01',
  '2026-01-31T12:00',
  '@1:2:3',
  'now',
])('%j is no place', (text) => expect(() => readRange(text)).toThrow(/^it takes earliest, latest/))

test('whatever is written is a place, or an error that says what it takes', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[@+-]?[0-9:T.Zhmsd-]{0,20}$/)),
      (text) => {
        try {
          readRange(text)
        } catch (error) {
          expect((error as Error).message).toMatch(/^it takes earliest/)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('a time', () => {
  expect(readTime('1700000000000')).toBe(1_700_000_000_000)
  expect(readTime('2026-01-31T00:00:00Z')).toBe(day)
  for (const text of ['', '-1', 'now', '8640000000000001', '2026-02-30T99:00Z'])
    expect(() => readTime(text)).toThrow(/it takes a time/)
})
