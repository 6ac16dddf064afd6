import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../core/bytes.ts'
import { isJson, JsonScanner, parseJson } from './json-scanner.ts'

const depth = 50

describe('what is JSON', () => {
  test('is what JSON.parse takes', () => {
    const texts = fc.oneof(
      fc.json({ maxDepth: 6 }),
      fc.string(),
      // JSON with a slip: one character gone, doubled, or another.
      fc
        .tuple(
          fc.json(),
          fc.nat(),
          fc.constantFrom('', '"', ',', '}', '0', '\\', '\n', 'e', '-', '.'),
        )
        .map(([text, at, slip]) => {
          const place = at % (text.length + 1)
          return text.slice(0, place) + slip + text.slice(place + 1)
        }),
    )
    fc.assert(
      fc.property(texts, (text) => {
        let expected = true
        try {
          JSON.parse(text)
        } catch {
          expected = false
        }
        expect(isJson(encodeUtf8(text), depth)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('has the value that JSON.parse makes of it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(parseJson(encodeUtf8(text), depth)).toEqual(JSON.parse(text))
      }),
    )
  })
})

test('entries are found, and their bytes are as written', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.json({ maxDepth: 3 })), (entries) => {
      const names = Object.keys(entries)
      const text = `{ ${names.map((name) => `${JSON.stringify(name)} : ${entries[name]} `).join(',\n')}}`
      const scanner = new JsonScanner(encodeUtf8(text), depth)
      const found: [string, string][] = []
      scanner.object((name) => found.push([name, new TextDecoder().decode(scanner.raw())]))
      scanner.expectEnd()
      expect(found).toEqual(names.map((name) => [name, entries[name]!.trim()]))
    }),
  )
})

test.each([
  ['', 'line 1, column 1: a value is expected, but it ends'],
  ['{"a": }', 'line 1, column 7: a value is expected'],
  ['{\n"ä": 1\n"b"}', "line 3, column 1: ',' or '}' is expected"],
  ['["a', 'line 1, column 4: a string has no end, but it ends'],
  ['["\\x"]', 'line 1, column 3: there is no such escape'],
  ['["\t"]', 'line 1, column 3: a string holds a control character'],
  ['01', 'line 1, column 2: there is something after the end'],
  ['[[[[', 'line 1, column 4: it is nested deeper than 3 levels'],
])('%j: %s', (text, told) => {
  expect(() => parseJson(encodeUtf8(text), 3)).toThrow(told)
})

test('what is not UTF-8 is no JSON', () => {
  expect(() => parseJson(new Uint8Array([34, 255, 34]), depth)).toThrow('not UTF-8')
})
