import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../core/errors.ts'
import { type Headers, readHeaders, readTimestamp } from './send-options.ts'

const bytes = new Uint8Array([1, 2])

function* pairs(): Generator<readonly [string, string]> {
  yield ['a', '1']
  yield ['b', '2']
}

describe('headers', () => {
  test.each<[string, Headers, unknown]>([
    [
      'an object',
      { a: '1', b: bytes, c: null },
      [
        ['a', '1'],
        ['b', bytes],
        ['c', null],
      ],
    ],
    ['an object without a prototype', Object.assign(Object.create(null), { a: '1' }), [['a', '1']]],
    ['a Map', new Map([['a', '1']]), [['a', '1']]],
    ['the Headers of fetch', new globalThis.Headers({ 'X-Source': 'web' }), [['x-source', 'web']]],
    [
      'a generator',
      pairs(),
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'pairs that repeat a name',
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    ],
    ['one named __proto__', JSON.parse('{"__proto__":"kept"}'), [['__proto__', 'kept']]],
    ['one named __proto__, as a pair', [['__proto__', 'kept']], [['__proto__', 'kept']]],
  ])('are taken from %s', (_, given, expected) => {
    expect(readHeaders(given)).toEqual(expected)
  })

  test.each<[string, Headers | undefined]>([
    ['undefined', undefined],
    ['an empty object', {}],
    ['an empty Map', new Map()],
  ])('are none for %s', (_, given) => {
    expect(readHeaders(given)).toBeUndefined()
  })

  test('are copied: what happens to them afterwards does not matter', () => {
    const given: [string, string][] = [['a', '1']]
    const read = readHeaders(given)
    given[0]![1] = 'changed'
    given.push(['b', '2'])
    expect(read).toEqual([['a', '1']])
  })

  test.each<[string, unknown, RegExp]>([
    ['a number', { a: 1 }, /header 'a' must be a string or bytes.*got 1/],
    ['a Date', { a: new Date(0) }, /header 'a'.*got an object/],
    ['true', { a: true }, /header 'a'.*got true/],
    ['a list', { a: ['1', '2'] }, /header 'a'.*got an array of 2/],
    ['an ArrayBuffer', { a: new ArrayBuffer(1) }, /header 'a'.*got an object/],
    ['undefined', { a: undefined }, /header 'a'.*got undefined; leave it out, or give null/],
    ['a number in a Map', new Map([['a', 1]]), /header 'a'.*got 1/],
  ])('with a value that is %s are refused by name', (_, given, message) => {
    expect(() => readHeaders(given as Headers)).toThrow(ConfigError)
    expect(() => readHeaders(given as Headers)).toThrow(message)
  })

  test.each<[string, unknown, RegExp]>([
    ['text', 'a: 1', /headers must be an object.*got "a: 1"/],
    ['a number', 5, /headers must be an object.*got 5/],
    ['null', null, /headers must be an object.*got null/],
    ['a Date', new Date(0), /headers must be an object.*got an object/],
    ['a promise', Promise.resolve({}), /headers must be an object.*got an object/],
    ['names without values', ['a', 'b'], /a header must be a pair of a name and a value; got "a"/],
    ['a Set', new Set(['ab']), /a header must be a pair.*got "ab"/],
    ['three parts', [['a', '1', '2']], /a header must be a pair.*got an array of 3/],
    ['a name that is no string', [[1, 'a']], /the name of a header must be a string; got 1/],
  ])('that are %s are refused', (_, given, message) => {
    expect(() => readHeaders(given as Headers)).toThrow(ConfigError)
    expect(() => readHeaders(given as Headers)).toThrow(message)
  })
})

describe('a timestamp', () => {
  test.each([0, 1, 8.64e15, new Date(5), new Date(8.64e15)])('%s is taken', (given) => {
    expect(readTimestamp(given)).toBe(+given)
  })

  test.each<[unknown]>([
    [8.64e15 + 1],
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [1.5],
    [new Date(Number.NaN)],
    [new Date(-1)],
    ['2024-01-01'],
    [null],
    [1n],
    [true],
  ])('%s is refused', (given) => {
    expect(() => readTimestamp(given as never)).toThrow(ConfigError)
    expect(() => readTimestamp(given as never)).toThrow(/timestamp must be a valid Date/)
  })
})
