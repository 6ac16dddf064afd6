import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { asText, readPointer, valueAt } from './json-pointer.ts'

const at = (json: string, pointer: string) => {
  const found = valueAt(encodeUtf8(json), readPointer(pointer))
  return found === undefined ? undefined : asText(found)
}

/** The examples of RFC 6901, section 5. */
describe('the pointers of the standard', () => {
  const document =
    '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}'
  test.each([
    ['/foo', '["bar","baz"]'],
    ['/foo/0', 'bar'],
    ['/', '0'],
    ['/a~1b', '1'],
    ['/c%d', '2'],
    ['/e^f', '3'],
    ['/g|h', '4'],
    ['/i\\j', '5'],
    ['/k"l', '6'],
    ['/ ', '7'],
    ['/m~0n', '8'],
    ['', document],
    ['/foo/2', undefined],
    ['/foo/00', undefined],
    ['/foo/-', undefined],
    ['/nothing/there', undefined],
  ])('%j', (pointer, expected) => expect(at(document, pointer)).toBe(expected))
})

test('a number keeps its digits, null is none, and what is no pointer or no JSON is refused', () => {
  expect(at('{"id":12345678901234567890.0}', '/id')).toBe('12345678901234567890.0')
  expect(at('{"id":null}', '/id')).toBeNull()
  expect(() => readPointer('id')).toThrow(/it takes a JSON pointer/)
  expect(() => readPointer('/a~2')).toThrow(/~ is written ~0/)
  expect(() => at('{"id":1', '/id')).toThrow(/JSON is broken/)
  expect(() => at('{"id":1} x', '/id')).toThrow(/after the end/)
})

test('whatever JSON it is, each of its values is where it is', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), (json) => {
      const walk = (value: unknown, path: string): void => {
        const found = valueAt(encodeUtf8(json), readPointer(path))
        expect(JSON.parse(decodeUtf8(found!))).toEqual(value)
        if (typeof value !== 'object' || value === null) return
        for (const [name, inner] of Object.entries(value))
          walk(inner, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
      }
      walk(JSON.parse(json), '')
    }),
  )
})
