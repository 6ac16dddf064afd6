import { expect, test } from 'vitest'
import { json, string } from '../client/serializer.ts'
import { ConfigError } from '../core/errors.ts'
import { Windowed } from './windowed.ts'
import { windowedKey } from './windowed-key.ts'
import { Window } from './windows.ts'

const hex = (data: string | Uint8Array) => Buffer.from(data as Uint8Array).toString('hex')

test('JSON has the key and the times', () => {
  const serializer = windowedKey<{ id: number }>()
  const windowed = new Windowed({ id: 7 }, 10, 20)
  expect(serializer.serialize(windowed)).toBe('{"key":{"id":7},"start":10,"end":20}')
  const read = serializer.deserialize(Buffer.from('{"key":{"id":7},"start":10,"end":20}'))
  expect(read).toEqual(windowed)
  expect(read).toBeInstanceOf(Windowed)
})

test('bytes are those of the serialisers of Kafka Streams', () => {
  const ofWindow = windowedKey(string, Window.tumbling('10ms'))
  // TimeWindowedSerializer: key ‖ start.
  expect(hex(ofWindow.serialize(new Windowed('ab', 258, 268)))).toBe('61620000000000000102')
  const ofSession = windowedKey(string, Window.session('10ms'))
  // SessionWindowedSerializer: key ‖ end ‖ start.
  const session = ofSession.serialize(new Windowed('ab', 1, 2))
  expect(hex(session)).toBe('616200000000000000020000000000000001')
})

test.each([
  ['tumbling', Window.tumbling('10ms'), 10],
  ['hopping', Window.hopping('10ms', { every: '5ms' }), 10],
  ['sliding', Window.sliding('7ms'), 7],
  ['session', Window.session('1ms'), 123],
] as const)('what is written for %s is read', (_kind, window, length) => {
  for (const key of ['', 'ü', 'key']) {
    const windowed = new Windowed(key, 50, 50 + length)
    const serializer = windowedKey(string, window)
    expect(serializer.deserialize(serializer.serialize(windowed) as Uint8Array)).toEqual(windowed)
  }
  const ofJson = windowedKey(json<{ a: number }>(), window)
  const windowed = new Windowed({ a: 1 }, 0, length)
  expect(ofJson.deserialize(ofJson.serialize(windowed) as Uint8Array)).toEqual(windowed)
})

test('what cannot be one is refused', () => {
  const bad = windowedKey as (key?: unknown, window?: unknown) => unknown
  expect(() => bad(string)).toThrow(ConfigError)
  expect(() => bad('string', Window.session('1ms'))).toThrow(/takes a serialiser of keys/)
  expect(() => bad(string, { kind: 'none' })).toThrow(/needs a window/)
  expect(() => windowedKey().serialize('a' as never)).toThrow(/expected a Windowed key/)
  expect(() => windowedKey().deserialize(Buffer.from('{"key":1}'))).toThrow(/expected {/)
  const short = windowedKey(string, Window.session('1ms'))
  expect(() => short.deserialize(new Uint8Array(9))).toThrow(/16 bytes or more/)
})
