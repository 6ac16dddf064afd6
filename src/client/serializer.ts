/**
 * How keys and values become bytes and come back. `null` is never handed to a serialiser: it is a Kafka null
 * (for a value: a tombstone, which deletes the key in a compacted topic).
 */
import { decodeUtf8 } from '../core/bytes.ts'
import { inspectBriefly } from '../core/duration.ts'
import { SerializationError } from '../core/errors.ts'

/** `T` is what is read; `Input` what may be written, where that is something else. */
export interface Serializer<T, Input = T> {
  readonly name: string
  /** Text is written as UTF-8. Whatever this throws reaches the caller as the cause of a `SerializationError`. */
  serialize(value: Input): string | Uint8Array
  deserialize(bytes: Uint8Array): T
  /** Used instead of `deserialize` where it is there: decoding text in place avoids a copy. */
  deserializeText?(text: string): T
}

/** JSON (RFC 8259) in UTF-8; the default for values. */
export function json<T = unknown>(): Serializer<T> {
  return jsonSerializer as Serializer<T>
}

const jsonSerializer: Serializer<unknown> = {
  name: 'json',
  serialize(value) {
    const text = toJson(value)
    if (text === undefined) {
      throw new SerializationError(`JSON cannot express ${inspectBriefly(value)}`, {
        code: 'SERIALIZATION_FAILED',
      })
    }
    return text
  },
  deserialize: (bytes) => JSON.parse(decodeUtf8(bytes)) as unknown,
  deserializeText: (text) => JSON.parse(text) as unknown,
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (reason.includes('BigInt')) {
      throw new TypeError('JSON has no BigInt; make it a string or a number', { cause })
    }
    if (reason.includes('circular')) throw new TypeError('it refers to itself', { cause })
    throw cause
  }
}

/** UTF-8 text; the default for keys. */
export const string: Serializer<string> = {
  name: 'string',
  serialize(value) {
    if (typeof value === 'string') return value
    throw new TypeError(`expected a string, got ${inspectBriefly(value)}`)
  },
  deserialize: (bytes) => decodeUtf8(bytes),
  deserializeText: (text) => text,
}

/** Bytes as they are; a consumed value is a copy the caller may keep. */
export const bytes: Serializer<Uint8Array> = {
  name: 'bytes',
  serialize(value) {
    if (value instanceof Uint8Array) return value
    throw new TypeError(`expected a Uint8Array, got ${inspectBriefly(value)}`)
  },
  deserialize: (data) => data.slice(),
}

/** Serialises, turning whatever goes wrong into a `SerializationError` that says what and where. */
export function serializeField<Input>(
  serializer: Serializer<unknown, Input>,
  value: Input | null,
  field: 'key' | 'value',
  topic: string,
): string | Uint8Array | null {
  if (value === null) return null
  try {
    if (value === undefined) throw new TypeError('it is undefined; use null for a tombstone')
    return serializer.serialize(value)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SerializationError(
      `The ${field} of a record for topic '${topic}' cannot be serialised as ${serializer.name}: ${reason}`,
      { code: 'SERIALIZATION_FAILED', cause },
    )
  }
}
