/** The console reads JSON as it is written. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entriesOf, itemsOf, type JsonNode, parseJson } from '../../console/src/api/json-text.ts'
import { briefValue, readPage, readRecord } from '../../console/src/api/records.ts'

/** The text of a node, without white space. */
function written(node: JsonNode): string {
  switch (node.kind) {
    case 'object':
      return `{${node.entries.map(([name, value]) => `${JSON.stringify(name)}:${written(value)}`).join(',')}}`
    case 'array':
      return `[${node.items.map(written).join(',')}]`
    case 'string':
      return JSON.stringify(node.value)
    default:
      return node.text
  }
}

test('whatever is JSON is read, with nothing lost', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 2, '\t\n\r '), (value, space) => {
      const text = JSON.stringify(value)
      expect(written(parseJson(JSON.stringify(value, null, space)))).toBe(text)
    }),
  )
})

test('an object comes apart into the texts of its entries, an array into those of its items', () => {
  const texts = fc.jsonValue().map((value) => JSON.stringify(value))
  fc.assert(
    fc.property(fc.dictionary(fc.string(), texts), fc.array(texts), (entries, items) => {
      const object = `{ ${Object.entries(entries)
        .map(([name, text]) => `${JSON.stringify(name)} : ${text}`)
        .join(' , ')} }`
      expect([...entriesOf(object)]).toEqual(Object.entries(entries))
      expect(itemsOf(`[ ${items.join(' , ')} ]`)).toEqual(items)
    }),
  )
})

describe('what a double could not hold', () => {
  test.each(['12345678901234567890', '-0', '1e400', '0.10000000000000000001', '1E+2'])(
    '%s',
    (text) => {
      expect(parseJson(text)).toEqual({ kind: 'number', text })
    },
  )

  test('names that are there twice', () => {
    expect(written(parseJson('{"a":1,"a":2}'))).toBe('{"a":1,"a":2}')
  })
})

test.each(['', '{', '[1,', '{"a"}', '"a', '[1 2]', '{"a":1} 2', '{1:2}', '[', '"\\"'])(
  '%s is no JSON',
  (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError)
  },
)

test('JSON that is nested too deep is refused, and does not end the page', () => {
  expect(() => parseJson('['.repeat(100_000))).toThrow(SyntaxError)
})

test('a page of records keeps their values as they are written', () => {
  const record =
    '{"topic":"a","partition":1,"offset":"9223372036854775807","timestamp":"2026-01-01T00:00:00.000Z","key":null,"value":{"id": 12345678901234567890},"headers":[{"name":"h","value":"}"}]}'
  const page = readPage(`{"records":[${record},${record}],"cursor":"c1.x","isAtEnd":true}`)
  expect(page).toMatchObject({ cursor: 'c1.x', isAtEnd: true })
  expect(page.records[1]).toEqual(readRecord(record))
  expect(page.records[0]).toMatchObject({
    offset: '9223372036854775807',
    value: { kind: 'json', text: '{"id": 12345678901234567890}' },
    headers: [{ name: 'h', value: '}' }],
  })
})

test.each([
  ['"value":null', { kind: 'none' }, ''],
  ['"value":"null"', { kind: 'json', text: '"null"' }, '"null"'],
  ['"valueText":"a\\nb"', { kind: 'text', text: 'a\nb' }, 'a\nb'],
  ['"valueBase64":"AP8="', { kind: 'bytes', base64: 'AP8=' }, 'bytes AP8='],
])('a value that is %s', (entry, value, brief) => {
  const record = readRecord(
    `{"topic":"a","partition":0,"offset":"0","timestamp":"","key":"k",${entry}}`,
  )
  expect(record.value).toEqual(value)
  expect(briefValue(record)).toBe(brief)
})
