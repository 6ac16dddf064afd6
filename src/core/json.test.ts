import { expect, test } from 'vitest'
import { printable } from './json.ts'
import { isPlainObject } from './options.ts'

const metadata = { topic: 'orders', partition: 1, offset: 2n ** 60n, timestamp: new Date(0) }

test('offsets are written as strings', () => {
  expect(() => JSON.stringify(metadata)).toThrow(TypeError)
  expect(JSON.stringify(printable({ ...metadata, none: undefined }))).toBe(
    '{"topic":"orders","partition":1,"offset":"1152921504606846976","timestamp":"1970-01-01T00:00:00.000Z"}',
  )
  expect(JSON.stringify([printable({ inside: printable({ offset: 1n }) })])).toBe(
    '[{"inside":{"offset":"1"}}]',
  )
})

test('the object is otherwise as it was', () => {
  const made = printable({ ...metadata })
  expect(made).toEqual(metadata)
  expect({ ...made }).toStrictEqual(metadata)
  expect(Object.keys(made)).toEqual(Object.keys(metadata))
  expect(isPlainObject(made)).toBe(true)
})
