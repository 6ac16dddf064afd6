import { expect, test } from 'vitest'
import { json, string } from '../../client/serializer.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { Encoded, valueCodec } from './value-codec.ts'

test.each(['0', '7', '10', '999999999'])('restores the JSON number %s at once', (text) => {
  const codec = valueCodec(json(), 'totals')
  expect(codec.hold(encodeUtf8(text))).toBe(Number(text))
  expect(codec.holdText(text)).toBe(Number(text))
})

test.each(['01', '-1', '1.5', '1e3', '', ' 1', '1234567890', '"1"', 'null'])(
  'holds %j as it was written',
  (text) => {
    const codec = valueCodec(json(), 'totals')
    expect(codec.hold(encodeUtf8(text))).toEqual(new Encoded(text))
    expect(codec.holdText(text)).toEqual(new Encoded(text))
  },
)

test('holds digits that are text as text', () => {
  const codec = valueCodec(string as never, 'names')
  const held = codec.hold(encodeUtf8('12')) as Encoded
  expect(codec.decode(held.data)).toBe('12')
})
