import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptDataError, KafkaError } from '../../src/core/errors.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { createFetchRequest, fetch } from '../../src/protocol/messages/generated/fetch.ts'
import { createProduceRequest, produce } from '../../src/protocol/messages/generated/produce.ts'
import { everyMessage, type Message, type MessageCase } from './message-shapes.ts'

const cases = await everyMessage()
const names = [...new Set(cases.map(({ name }) => name))]

function encode({ codec, version }: MessageCase, message: Message): Uint8Array {
  const writer = new ByteWriter()
  codec.encode(writer, message, version)
  return writer.finish().slice()
}

test('all APIs that clients use are there', () => {
  expect(names.length).toBeGreaterThan(110)
  expect(cases.length).toBeGreaterThan(400)
})

describe.each(names)('%s', (name) => {
  const ofName = cases.filter((one) => one.name === name)

  test('comes back as it was, in every version', () => {
    for (const one of ofName) {
      fc.assert(
        fc.property(one.arbitrary, (message) => {
          const bytes = encode(one, message)
          const reader = new ByteReader(bytes)
          const decoded = one.codec.decode(reader, one.version)
          expect(reader.remaining, `bytes left in version ${one.version}`).toBe(0)
          // Written again, it gives the same bytes: fields that a version lacks have their defaults.
          expect(Buffer.from(encode(one, decoded)).equals(Buffer.from(bytes))).toBe(true)
          expect(plain(decoded)).toEqual(plain(message))
        }),
        { numRuns: 15 },
      )
    }
  })

  test('is a CorruptDataError when it is cut short or damaged, or another message, in every version', () => {
    for (const one of ofName) {
      fc.assert(
        fc.property(
          one.arbitrary,
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          fc.boolean(),
          (message, at, flip, cuts) => {
            const bytes = encode(one, message)
            if (bytes.length === 0) return
            const damaged = cuts ? bytes.slice(0, at % bytes.length) : bytes.slice()
            if (!cuts) damaged[at % bytes.length]! ^= flip
            decodeOrFail(one, damaged)
          },
        ),
        { numRuns: 15 },
      )
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => decodeOrFail(one, bytes)),
        { numRuns: 15 },
      )
    }
  })
})

function decodeOrFail(one: MessageCase, bytes: Uint8Array): void {
  try {
    one.codec.decode(new ByteReader(bytes), one.version)
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptDataError)
  }
}

/** Decoded bytes are views, perhaps Buffers: compared by content. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

describe('a length that lies', () => {
  test('allocates nothing', () => {
    const writer = new ByteWriter()
    writer.writeInt32(-1)
    writer.writeInt32(0)
    writer.writeInt32(0)
    writer.writeInt32(0)
    writer.writeInt8(0)
    writer.writeInt32(2 ** 31 - 1)
    expect(() => fetch.decodeRequest(new ByteReader(writer.finish()), 4)).toThrow(CorruptDataError)
  })
})

describe('a field that a version lacks', () => {
  test('is refused when it says something', () => {
    const message = createFetchRequest({
      forgottenTopicsData: [{ topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [1] }],
    })
    expect(() => fetch.encodeRequest(new ByteWriter(), message, 4)).toThrow(KafkaError)
    expect(() => fetch.encodeRequest(new ByteWriter(), message, 7)).not.toThrow()
  })

  test('is left out when it is at its default', () => {
    expect(() => produce.encodeRequest(new ByteWriter(), createProduceRequest(), 3)).not.toThrow()
  })
})
