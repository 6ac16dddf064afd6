/** How keys that have a window are written and read. */
import { type Serializer, string } from '../client/serializer.ts'
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { inspectBriefly } from '../core/duration.ts'
import { invalid } from '../core/options.ts'
import { readInt64, sessionKeys, writeInt64 } from './stores/span-keys.ts'
import { Windowed } from './windowed.ts'
import { checkWindow, type SessionWindow, type TimeWindow } from './windows.ts'

/**
 * A serialiser for keys of windowed tables, to write and to read their topics with.
 *
 * - `windowedKey()`: JSON, `{ "key": …, "start": …, "end": … }`, times in epoch milliseconds: what `to('topic')` writes.
 * - `windowedKey(json())`: the same, where keys without their windows are written as JSON themselves, texts among them.
 * - `windowedKey(string, window)`: bytes as Kafka Streams' own serialisers write them: the key, as `key` writes it, then the
 *   start of the window (int64, big endian), or of a session its end and its start. `window` tells which, and its size, which
 *   the bytes do not have.
 *
 * The partition is chosen by the key without its window, so all windows of a key lie in the partition that its records are in.
 * Throws `ConfigError` for what is no serialiser or no window.
 */
export function windowedKey<K = string>(): Serializer<Windowed<K>>
export function windowedKey<K>(json: Serializer<K>): Serializer<Windowed<K>>
export function windowedKey<K>(
  key: Serializer<K>,
  window: TimeWindow | SessionWindow,
): Serializer<Windowed<K>>
export function windowedKey<K>(
  key?: Serializer<K>,
  window?: TimeWindow | SessionWindow,
): Serializer<Windowed<K>> {
  if (window === undefined && (key === undefined || key.name === 'json')) {
    return (key ? jsonOfJson : jsonOfText) as Serializer<Windowed<K>>
  }
  const { serialize, deserialize } = (key ?? {}) as Partial<Serializer<K>>
  if (typeof serialize !== 'function' || typeof deserialize !== 'function') {
    throw invalid(
      `windowedKey takes a serialiser of keys and a window, or nothing for JSON; got ${inspectBriefly(key)}`,
    )
  }
  return binaryKey(key as Serializer<K>, checkWindow('windowedKey', window))
}

/**
 * @internal How an application writes windowed keys to its own stores and topics: as JSON, or, where JSON would not give back
 * what the key is, as bytes.
 */
export function windowedKeyOf(
  key: Serializer<unknown>,
  window: TimeWindow | SessionWindow,
): Serializer<unknown> {
  const isPlain = key === (string as Serializer<unknown>) || key.name === 'json'
  return (isPlain ? jsonKeyOf(key) : binaryKey(key, window)) as Serializer<unknown>
}

/** @internal How windowed keys are written as JSON, whatever serialiser the keys without their windows have. */
export function jsonKeyOf(key: Serializer<unknown>): Serializer<Windowed<unknown>> {
  if (key.name === 'json') return jsonOfJson
  if (key === (string as Serializer<unknown>)) return jsonOfText
  return { ...jsonOfText, name: `windowed key (json of ${key.name})`, ...partitionedBy(key) }
}

/** The window that was written last, and how: many keys one after the other have the same. */
const last = { startMs: Number.NaN, endMs: Number.NaN, json: '', afterText: '' }

const jsonOfText: Serializer<Windowed<unknown>> = {
  name: 'windowed key (json)',
  serialize(windowed) {
    const { key, startMs, endMs } = checkWindowed(windowed)
    if (last.startMs !== startMs || last.endMs !== endMs) {
      last.startMs = startMs
      last.endMs = endMs
      last.json = `,"start":${startMs},"end":${endMs}}`
      last.afterText = `"${last.json}`
    }
    if (isPlainText(key)) return `{"key":"${key}${last.afterText}`
    return `{"key":${JSON.stringify(key)}${last.json}`
  },
  deserialize: (bytes) => fromJson(decodeUtf8(bytes)),
  deserializeText: fromJson,
  partitionKey: ({ key }) => (typeof key === 'string' ? key : JSON.stringify(key)),
}

const jsonOfJson: Serializer<Windowed<unknown>> = {
  ...jsonOfText,
  name: 'windowed key (json of json)',
  partitionKey: ({ key }) => JSON.stringify(key),
}

/** As records with the key alone. */
function partitionedBy<K>(
  key: Serializer<K>,
): Required<Pick<Serializer<Windowed<K>>, 'partitionKey'>> {
  const { partitionKey } = key
  return {
    partitionKey: (windowed) =>
      partitionKey ? partitionKey.call(key, windowed.key) : key.serialize(windowed.key),
  }
}

/** Most keys are text that JSON writes as it is. */
function isPlainText(key: unknown): boolean {
  return typeof key === 'string' && /^[\w .:@/+-]*$/.test(key)
}

function fromJson(text: string): Windowed<unknown> {
  const { key, start, end } = (JSON.parse(text) ?? {}) as { readonly [name: string]: unknown }
  if (typeof start === 'number' && typeof end === 'number' && key !== undefined) {
    return new Windowed(key, start, end)
  }
  throw new TypeError(`expected { "key", "start", "end" }, got ${text.slice(0, 100)}`)
}

function binaryKey<K>(
  key: Serializer<K>,
  window: TimeWindow | SessionWindow,
): Serializer<Windowed<K>> {
  const suffixSize = window.kind === 'session' ? 16 : 8
  const read = (bytes: Uint8Array, at: number): K => {
    const data = bytes.subarray(0, at)
    return key.deserializeText ? key.deserializeText(decodeUtf8(data)) : key.deserialize(data)
  }
  return {
    name: `windowed key (${key.name}, ${window.kind})`,
    ...partitionedBy(key),
    serialize(windowed) {
      const { key: inner, startMs, endMs } = checkWindowed(windowed)
      const data = key.serialize(inner)
      const bytes = typeof data === 'string' ? encodeUtf8(data) : data
      if (window.kind === 'session') return sessionKeys.toBytes(bytes, startMs, endMs)
      const written = new Uint8Array(bytes.length + 8)
      written.set(bytes)
      writeInt64(written, bytes.length, startMs)
      return written
    },
    deserialize(bytes) {
      const at = bytes.length - suffixSize
      if (at < 0) throw new TypeError(`expected ${suffixSize} bytes or more, got ${bytes.length}`)
      const startMs = readInt64(bytes, bytes.length - 8)
      const endMs = window.kind === 'session' ? readInt64(bytes, at) : startMs + sizeOf(window)
      return new Windowed(read(bytes, at), startMs, endMs)
    },
  }
}

function sizeOf(window: TimeWindow): number {
  return window.kind === 'sliding' ? window.differenceMs : window.sizeMs
}

function checkWindowed<K>(windowed: Windowed<K>): Windowed<K> {
  if (windowed instanceof Windowed) return windowed
  throw new TypeError(`expected a Windowed key, got ${inspectBriefly(windowed)}`)
}
