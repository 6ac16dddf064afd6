import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../core/bytes.ts'
import { readFilter } from './filter.ts'
import type { FilteredRecord } from './filtered-record.ts'
import { FilterError } from './tokens.ts'

const order = {
  id: 42,
  amount: 99.5,
  status: 'paid',
  items: [{ sku: 'a-1' }, { sku: 'b-2' }],
  tags: ['new', 'eu'],
  note: null,
  'content-type': 'x',
}

function record(value: unknown, more: object = {}): FilteredRecord {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return {
    topic: 'orders',
    partition: 3,
    offset: 9_007_199_254_740_993n,
    timestampMs: Date.UTC(2026, 0, 31, 12),
    key: encodeUtf8('customer-7'),
    value: value === null ? null : encodeUtf8(text),
    headers: { source: 'web', 'x-id': '7', none: null },
    rawHeaders: [],
    ...more,
  } as unknown as FilteredRecord
}

describe('a filter is true for', () => {
  test.each([
    'value.amount > 99',
    'value.amount == 99.5 && value.id == 42',
    'value.id == 42.0',
    'value.items[1].sku == "b-2"',
    'value["items"][0]["sku"].startsWith("a")',
    "value['content-type'] == 'x'",
    'value.status in ["paid", "sent"]',
    '"eu" in value.tags',
    'value.tags.contains("new")',
    'size(value.tags) == 2 && value.items.size() == 2',
    'has(value.status) && !has(value.note) && !has(value.nothing.there)',
    'value.nothing == null',
    'value.note == null',
    'key == "customer-7" && key.endsWith("-7") && key.like("cust*-7")',
    'text.contains("paid")',
    'headers.source == "web" && headers["x-id"] == "7" && headers.none == null',
    'topic == "orders" && partition == 3',
    'offset == 9007199254740993',
    'offset != 9007199254740992',
    'offset > 9007199254740992 && offset < 9007199254740994',
    'timestamp >= time("2026-01-31T12:00:00Z")',
    'timestamp < time("2026-02-01")',
    '!(value.status == "open") || false',
    '!!true',
    'value.status.lower() == "paid" && lower("ÄÖ") == "äö"',
    'value.id > -1 && value.id in [ -42, 42 ]',
    'value.status < "paie"',
    '[1, "a"] == [1, "a"]',
    'value.items[0] == value.items[0]',
  ])('%s', (source) => expect(readFilter(source)(record(order))).toBe(true))
})

describe('a filter is false for', () => {
  test.each([
    'value.amount > "9"',
    'value.status == 1',
    'value.nothing > 0',
    'value.nothing < 0',
    'value',
    'value.status',
    'size(value.id) == 2',
    'value.status.contains(1)',
    'key.id == "customer-7"',
    'has(headers.Source)',
    '"x" in value.status',
    'time("no time") == 0',
    'offset == "9007199254740993"',
  ])('%s', (source) => expect(readFilter(source)(record(order))).toBe(false))

  test('a value that is no JSON, and a tombstone', () => {
    expect(readFilter('value.a == 1')(record('{"a":1'))).toBe(false)
    expect(readFilter('value == "plain text"')(record('plain text'))).toBe(true)
    expect(readFilter('value == null && text == null')(record(null))).toBe(true)
    expect(readFilter('value == null')(record('null'))).toBe(true)
    expect(readFilter('key == null')(record(1, { key: null }))).toBe(true)
    expect(readFilter('value == 12345678901234567890')(record('12345678901234567890'))).toBe(true)
    expect(readFilter('value == 12345678901234567891')(record('12345678901234567890'))).toBe(false)
    expect(
      readFilter('value.contains(12345678901234567890)')(record('[12345678901234567890]')),
    ).toBe(true)
  })
})

describe('what is wrong is told with its place', () => {
  test.each([
    ['value.amount >', 15, /a value is expected, not the end/],
    ['value.amount = 3', 14, /"=" has no meaning here; is == meant\?/],
    ['valeu.amount > 3', 1, /there is no 'valeu'; is 'value' meant\?/],
    [
      'value.status.startWith("a")',
      14,
      /there is no function 'startWith'; is 'startsWith' meant\?/,
    ],
    ['(value.a == 1', 14, /'\)' is expected, not the end/],
    ['value.a == 1 value', 14, /an operator, or the end, is expected, not 'value'/],
    ['"open', 1, /this string has no end/],
    ['"a\\q"', 3, /no such escape/],
    ['value.a == 1 == 2', 14, /cannot follow another comparison/],
    ['value.a in 3', 12, /after 'in' comes a list/],
    ['contains(key)', 1, /contains takes 2 values; got 1/],
    ['has("a")', 1, /has takes a field/],
    ['value.a-b == 1', 8, /an operator, or the end, is expected, not '-'/],
    ['topic.name == 1', 6, /topic has nothing within it/],
    ['headers.a.b == 1', 10, /a header has nothing within it/],
    ['value[1.5]', 7, /a name in quotes, or a whole number is expected/],
    ['', 1, /a value is expected, not the end/],
    ['#', 1, /"#" has no meaning here/],
    ['constructor == 1', 1, /there is no 'constructor'/],
    ['toString()', 1, /there is no function 'toString'/],
  ])('%s', (source, column, message) => {
    const error = failureOf(source)
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(new RegExp(`^column ${column}: `))
    expect(error.at).toBe(column - 1)
  })

  test('the mark is below the place', () => {
    expect(failureOf('value.amount = 3').message).toBe(
      'column 14: "=" has no meaning here; is == meant?\n  value.amount = 3\n               ^',
    )
  })

  test('too deep or too long is refused', () => {
    expect(failureOf(`${'('.repeat(5000)}1${')'.repeat(5000 - 2)}`).message).toMatch(
      /at most|nested deeper/,
    )
    expect(failureOf('('.repeat(2000)).message).toMatch(/nested deeper than 100 levels/)
    expect(failureOf('['.repeat(2000)).message).toMatch(/nested deeper than 100 levels/)
    expect(failureOf('size('.repeat(1000)).message).toMatch(/nested deeper than 100 levels/)
    expect(failureOf(' '.repeat(10_001)).message).toMatch(/at most 10000 characters/)
    expect(readFilter(`${'!'.repeat(9000)}true`)(record(1))).toBe(true)
  })
})

function failureOf(source: string): FilterError {
  try {
    readFilter(source)
  } catch (error) {
    if (error instanceof FilterError) return error
    throw error
  }
  throw new Error(`it was taken: ${source}`)
}

describe('whatever is written', () => {
  const words = fc.constantFrom(
    ...[
      'value',
      'key',
      'headers',
      'text',
      'offset',
      '.a',
      '["b"]',
      '[0]',
      '==',
      '<',
      'in',
      '&&',
      '||',
      '!',
      '(',
      ')',
    ],
    ...[
      '[',
      ']',
      ',',
      '1',
      '-',
      '1.5e3',
      '"x"',
      "'y'",
      'true',
      'null',
      '.size()',
      '.contains("x")',
      'has(',
      'time(',
      ' ',
    ],
  )
  const sources = fc.oneof(
    fc.array(words, { maxLength: 30 }).map((all) => all.join(' ')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  )
  const values = fc.oneof(fc.json(), fc.string(), fc.constant(''))

  test('is a filter that answers, or an error with a place', () => {
    fc.assert(
      fc.property(sources, values, (source, value) => {
        let filter: ReturnType<typeof readFilter>
        try {
          filter = readFilter(source)
        } catch (error) {
          expect(error).toBeInstanceOf(FilterError)
          expect((error as FilterError).at).toBeLessThanOrEqual(source.length)
          return
        }
        expect(typeof filter(record(value))).toBe('boolean')
      }),
      { numRuns: 3000 },
    )
  })

  test('a number is the one that was written, whatever its size', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
        fc.bigInt({ min: -2n, max: 2n }),
        (number, by) => {
          const one = record(`{"n":${number}}`)
          expect(readFilter(`value.n == ${number + by}`)(one)).toBe(by === 0n)
          expect(readFilter(`value.n < ${number + by}`)(one)).toBe(by > 0n)
        },
      ),
      { numRuns: 200 },
    )
  })
})
