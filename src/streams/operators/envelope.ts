/** Bytes with other bytes inside: how internal topics and stores hold more than one thing in a value. */

import { noHeaders, type RawHeaders } from '../../client/consumer/record-headers.ts'
import type { Serializer } from '../../client/serializer.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'

/** Null is a length of -1. */
export function withLength(data: string | Uint8Array | null): Uint8Array {
  if (data === null) return int32(-1)
  const bytes = typeof data === 'string' ? encodeUtf8(data) : data
  return concatBytes([int32(bytes.length), bytes])
}

export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}

/** Reads one part after the other. */
export class Parts {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  int32(): number {
    const { buffer, byteOffset } = this.#bytes
    const value = new DataView(buffer, byteOffset).getInt32(this.#at)
    this.#at += 4
    return value
  }

  byte(): number {
    return this.#bytes[this.#at++]!
  }

  withLength(): Uint8Array | null {
    const length = this.int32()
    return length < 0 ? null : this.take(length)
  }

  take(length: number): Uint8Array {
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at)
  }
}

/** Null is no call of the serialiser. */
export function write<T>(serializer: Serializer<T>, value: T | null): string | Uint8Array | null {
  return value === null ? null : serializer.serialize(value)
}

export function read<T>(serializer: Serializer<T>, bytes: Uint8Array | null): T | null {
  return bytes === null ? null : serializer.deserialize(bytes)
}

/** A value with the key that its record has, where that is not the store's. */
export interface Keyed {
  readonly key: unknown
  readonly value: unknown
}

export function keyedSerializer(
  key: Serializer<unknown>,
  value: Serializer<unknown>,
): Serializer<Keyed> {
  return {
    name: `${key.name} and ${value.name}`,
    serialize: (one) =>
      concatBytes([withLength(write(key, one.key)), withLength(write(value, one.value))]),
    deserialize(bytes) {
      const parts = new Parts(bytes)
      return { key: read(key, parts.withLength()), value: read(value, parts.withLength()) }
    },
  }
}

/** Two values, either of which may be null. */
export function pairSerializer(
  left: Serializer<unknown>,
  right: Serializer<unknown>,
): Serializer<readonly [unknown, unknown]> {
  return {
    name: `${left.name} and ${right.name}`,
    serialize: (pair) =>
      concatBytes([withLength(write(left, pair[0])), withLength(write(right, pair[1]))]),
    deserialize(bytes) {
      const parts = new Parts(bytes)
      return [read(left, parts.withLength()), read(right, parts.withLength())]
    },
  }
}

/** A value with the headers of its record. */
export interface WithHeaders {
  readonly headers: RawHeaders
  readonly value: unknown
}

export function headersSerializer(value: Serializer<unknown>): Serializer<WithHeaders> {
  return {
    name: `${value.name} with headers`,
    serialize: (one) =>
      concatBytes([
        int32(one.headers.length),
        ...one.headers.flatMap(([name, text]) => [withLength(name), withLength(text)]),
        withLength(write(value, one.value)),
      ]),
    deserialize(bytes) {
      const parts = new Parts(bytes)
      const headers = Array.from({ length: parts.int32() }, () => {
        const name = decodeUtf8(parts.withLength()!)
        return [name, parts.withLength()?.slice() ?? null] as const
      })
      return {
        headers: headers.length > 0 ? headers : noHeaders,
        value: read(value, parts.withLength()),
      }
    },
  }
}
