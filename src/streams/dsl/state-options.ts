/** Options of operators that keep state. */
import type { Serializer } from '../../client/serializer.ts'
import type { Topic } from '../../client/topic.ts'
import { type Duration, inspectBriefly, parseDuration } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'

/** Options of every operator that keeps one value a key. */
export interface StoreOptions<V> {
  /** Name of the store, for queries and for its changelog. Default: from the operator and its position. */
  store?: string
  /** How values are written to the changelog. Default: JSON. */
  value?: Serializer<V>
}

/** Options of every operator that keeps a value for each key and window. */
export interface WindowStoreOptions<V> extends StoreOptions<V> {
  /** How long a window can be queried after its start, in stream time. Default and least: its size and grace. */
  retention?: Duration
  /** Topic for records that arrive too late for a window, copied unchanged. Late records are counted in any case. */
  late?: string | Topic<unknown, unknown>
}

export interface ReadStoreOptions {
  readonly name: string | undefined
  readonly value: Serializer<unknown> | undefined
  readonly retentionMs: number | undefined
}

const known = ['store', 'value', 'retention']

/** Throws `ConfigError`. `others`: options that the operator takes besides. */
export function readStoreOptions(
  operator: string,
  options: object | undefined,
  others: readonly string[] = [],
): ReadStoreOptions {
  const given = checkOptions(operator, options, [...known, ...others])
  const { store, value, retention } = given
  return {
    name: readText(operator, 'store', store),
    value: readSerializer(operator, 'value', value),
    retentionMs: retention === undefined ? undefined : readMs(retention, `${operator}: retention`),
  }
}

/** The options, if they are an object that has only these. Throws `ConfigError`. */
export function checkOptions(
  operator: string,
  options: unknown,
  names: readonly string[],
): { readonly [name: string]: unknown } {
  if (options === undefined) return {}
  if (!isPlainObject(options)) {
    throw invalid(`The options of ${operator} must be an object; got ${inspectBriefly(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw invalid(`${operator} has no option '${name}'; it takes ${names.join(', ')}`)
    }
  }
  return options
}

export function isPlainObject(value: unknown): value is { readonly [name: string]: unknown } {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** A name that topics can be called after. Throws `ConfigError`. */
export function readText(operator: string, option: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && isName(value))) return value
  throw invalid(
    `${operator}: ${option} must be a name of 1 to 200 letters, digits, '.', '_' or '-', because topics are named after it; got ${inspectBriefly(value)}`,
  )
}

/** Whether a topic of an application can be called after it. */
export function isName(text: string): boolean {
  return /^[a-zA-Z0-9._-]{1,200}$/.test(text)
}

/** Whole milliseconds. Throws `ConfigError`. */
export function readMs(duration: unknown, name: string): number {
  const ms = parseDuration(duration, name)
  if (Number.isSafeInteger(ms)) return ms
  throw invalid(`${name} must be whole milliseconds; got ${ms}`)
}

export function readSerializer(
  operator: string,
  option: string,
  value: unknown,
): Serializer<unknown> | undefined {
  if (value === undefined) return undefined
  const { serialize, deserialize } = (value ?? {}) as Partial<Serializer<unknown>>
  if (typeof serialize === 'function' && typeof deserialize === 'function') {
    return value as Serializer<unknown>
  }
  throw invalid(
    `${operator}: ${option} must be a serialiser: json(), string, bytes, or { name, serialize, deserialize }; got ${inspectBriefly(value)}`,
  )
}

/** Throws `ConfigError` for what is no function. */
export function checkCallback(operator: string, callback: unknown): void {
  if (typeof callback === 'function') return
  throw invalid(`${operator} needs a function; got ${inspectBriefly(callback)}`)
}

/** A whole number from 1 to 1,000; 1 when it is not given. Throws `ConfigError`. */
export function readConcurrency(operator: string, value: unknown): number {
  if (value === undefined) return 1
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1000) {
    return value
  }
  throw invalid(
    `${operator}: concurrency must be a whole number from 1 to 1000; got ${inspectBriefly(value)}`,
  )
}
