/**
 * How keys and values become bytes and come back. `null` is never handed to a serialiser: it is a Kafka null
 * (for a value: a tombstone, which deletes the key in a compacted topic).
 */
import { decodeUtf8 } from '../core/bytes.ts'
import { inspectBriefly } from '../core/duration.ts'
import { SerializationError } from '../core/errors.ts'

/** `T` is the type read; `Input` the type that may be written, if different. */
export interface Serializer<T, Input = T> {
  readonly name: string
  /** Text is written as UTF-8. Whatever this throws reaches the caller as the cause of a `SerializationError`. */
  serialize(value: Input): string | Uint8Array
  deserialize(bytes: Uint8Array): T
  /** Used instead of `deserialize` where it is there: decoding text in place avoids a copy. */
  deserializeText?(text: string): T
  /**
   * For keys: the bytes the default partitioner uses instead of those of `serialize`. Records whose keys differ only in
   * other bytes then go to the same partition, like those of one key of a windowed table.
   */
  partitionKey?(key: Input): string | Uint8Array
}

/** JSON (RFC 8259) in UTF-8; the default for values. */
export function json<T = unknown>(): Serializer<T> {
  return jsonSerializer as Serializer<T>
}

const jsonSerializer: Serializer<unknown> = {
  name: 'json',
  serialize(value) {
    const text = toJson(value)
    if (text === '{}') checkIsEmpty(value)
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

/** JSON makes `{}` of these, in silence. */
function checkIsEmpty(value: unknown): void {
  if (value instanceof Promise) throw new TypeError('it is a promise; await it')
  if (value instanceof Map) throw new TypeError('JSON has no Map; use Object.fromEntries')
  if (value instanceof Set) throw new TypeError('JSON has no Set; use an array')
}

function toJson(value: unknown): string | undefined {
  // Counts and totals are many, and JSON.stringify takes ten times as long.
  if (typeof value === 'number' && Number.isFinite(value))
    return Object.is(value, -0) ? '0' : `${value}`
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
    return checkData(serializer.serialize(value), 'serialize')
  } catch (cause) {
    throw notSerialized(serializer, field, topic, cause)
  }
}

/** What a record's partition is chosen by, where that is not its whole key. Throws `SerializationError`. */
export function partitionKeyOf<Input>(
  serializer: Serializer<unknown, Input>,
  key: Input | null,
  topic: string,
): string | Uint8Array | undefined {
  if (serializer.partitionKey === undefined || key === null) return undefined
  try {
    return checkData(serializer.partitionKey(key), 'partitionKey')
  } catch (cause) {
    throw notSerialized(serializer, 'key', topic, cause)
  }
}

function checkData(data: unknown, method: string): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data
  throw new TypeError(
    `its ${method} must return a string or a Uint8Array, and returned ${inspectBriefly(data)}`,
  )
}

function notSerialized(
  { name }: Serializer<unknown, never>,
  field: 'key' | 'value',
  topic: string,
  cause: unknown,
): SerializationError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SerializationError(
    `The ${field} of a record for topic '${topic}' cannot be serialised as ${name}: ${reason}`,
    { code: 'SERIALIZATION_FAILED', cause },
  )
}
