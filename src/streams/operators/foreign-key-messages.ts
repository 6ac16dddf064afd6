/**
 * What the two tasks of a join by foreign key tell one another. The left row's task subscribes to the right row; the task of
 * that one answers, now and at each change of the right row.
 */
import { type Serializer, serializeField } from '../../client/serializer.ts'
import { concatBytes, encodeUtf8 } from '../../core/bytes.ts'
import { int32, Parts, read, withLength, write } from './envelope.ts'

/** What is to be done with a subscription, and when it is answered. */
export const Instruction = {
  /** Remove it, say nothing: the new one is answered. */
  remove: 0,
  /** Remove it, and answer with null. */
  removeAndAnswer: 1,
  /** Answer whether there is a right row or not. */
  answerAlways: 2,
  /** The same; but if there was no result and is none, say nothing. */
  answerChange: 3,
} as const

export type Instruction = (typeof Instruction)[keyof typeof Instruction]

/** Of a left row to a right one. The key of its record is the right row's. */
export interface Subscription {
  readonly instruction: Instruction
  /** Of the left row's value; null: the row was deleted. */
  readonly digest: string | null
  /** Of the left row. */
  readonly partition: number
  /** Of the left row. */
  readonly key: unknown
}

/** The key of its record is the left row's. */
export interface Answer {
  /** Of the left row's value that was subscribed with. An answer to another value than the row has now is passed over. */
  readonly digest: string | null
  /** Of the left row. */
  readonly partition: number
  /** The right row's; null: there is none. */
  readonly value: unknown
  /** Where there was no result, and is none, nothing is to be told. */
  readonly isQuiet: boolean
}

export function subscriptionSerializer(key: Serializer<unknown>): Serializer<Subscription> {
  return {
    name: `subscription of ${key.name}`,
    serialize: (one) =>
      concatBytes([
        Uint8Array.of(version, one.instruction),
        withLength(one.digest),
        int32(one.partition),
        withLength(write(key, one.key)),
      ]),
    deserialize(bytes) {
      const parts = versioned(bytes)
      return {
        instruction: parts.byte() as Instruction,
        digest: readDigest(parts),
        partition: parts.int32(),
        key: read(key, parts.withLength()),
      }
    },
  }
}

export function answerSerializer(value: Serializer<unknown>): Serializer<Answer> {
  return {
    name: `answer of ${value.name}`,
    serialize: (one) =>
      concatBytes([
        Uint8Array.of(version, one.isQuiet ? 1 : 0),
        withLength(one.digest),
        int32(one.partition),
        withLength(write(value, one.value)),
      ]),
    deserialize(bytes) {
      const parts = versioned(bytes)
      const isQuiet = parts.byte() === 1
      return {
        isQuiet,
        digest: readDigest(parts),
        partition: parts.int32(),
        value: read(value, parts.withLength()),
      }
    },
  }
}

/** Keys `[right, left]`: length of the right one (int32), both. Without a left one, the prefix of all that have the right one. */
export function bothKeysSerializer(
  right: Serializer<unknown>,
  left: Serializer<unknown>,
): Serializer<readonly [unknown, unknown]> {
  return {
    name: `${right.name} and ${left.name}`,
    serialize([ofRight, ofLeft]) {
      const last = write(left, ofLeft)
      return concatBytes([
        withLength(write(right, ofRight)),
        ...(last === null ? [] : [typeof last === 'string' ? encodeUtf8(last) : last]),
      ])
    },
    deserialize(bytes) {
      const parts = new Parts(bytes)
      return [read(right, parts.withLength()), read(left, parts.rest())]
    },
  }
}

/** Of a value as it is serialised: 64 bits. Null of null. */
export function digestOf(serializer: Serializer<unknown>, value: unknown): string | null {
  if (value === null) return null
  const data = serializeField(serializer, value, 'value', 'join by foreign key')!
  const bytes = typeof data === 'string' ? encodeUtf8(data) : data
  let a = 0x811c9dc5
  let b = 0x41c6ce57
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b ^ byte, 0x5bd1e995)
    b ^= b >>> 15
  }
  return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}.${bytes.length.toString(36)}`
}

const version = 0

function versioned(bytes: Uint8Array): Parts {
  const parts = new Parts(bytes)
  const found = parts.byte()
  if (found === version) return parts
  throw new RangeError(`a message of version ${found}; only ${version} is known`)
}

function readDigest(parts: Parts): string | null {
  const digest = parts.withLength()
  return digest && String.fromCharCode(...digest)
}
