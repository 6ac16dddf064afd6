/**
 * The options of configs. Each kind of config declares its options once, as a table: the type, the
 * default, the check and Kafka's name. `resolveOptions` copies, checks, fills in defaults and freezes;
 * docs/configuration.md, the docstrings of the public interfaces, the flags, the environment and the
 * config file of `kafka-do serve` are made from the same tables, with the docs that go with them.
 *
 * An unknown key is an error that names it and the closest known one.
 */
import { inspectBriefly, parseDuration } from './duration.ts'
import { ConfigError } from './errors.ts'
import type {
  AnyOptionTable,
  NameOf,
  NestedOptions,
  Option,
  OptionFacts,
  OptionTable,
  OptionType,
} from './option.ts'
import { spellDuration } from './option-text.ts'

export type {
  AnyOptionTable,
  NameOf,
  Option,
  OptionFacts,
  OptionsOf,
  OptionTable,
} from './option.ts'

/** `undefined` counts as absent, so conditional values can be passed straight through. */
export function resolveOptions<T extends object>(
  kind: string,
  table: OptionTable<T>,
  input: unknown,
): Readonly<T> {
  if (input !== undefined && !isOptions(input)) {
    throw invalid(`${kind} must be an object; got ${inspectBriefly(input)}`)
  }
  const given = (input ?? {}) as { readonly [key: string]: unknown }
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(table, key)) throw unknownOption(kind, key, table as AnyOptionTable)
  }
  const resolved: { [key: string]: unknown } = {}
  for (const [key, option] of Object.entries<Option<unknown>>(table)) {
    const value = given[key]
    resolved[key] = value === undefined ? option.fallback : option.read(value, `${kind}.${key}`)
  }
  return Object.freeze(resolved) as Readonly<T>
}

/** What holds options: not an array, a Map, a URL or another object with a class of the platform's. */
function isOptions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  // Object.prototype.toString names what the platform made; a class of the user's is an Object.
  return Object.prototype.toString.call(value) === '[object Object]'
}

interface Range {
  readonly min: number
  readonly max?: number
}

export function integer<F = number>(
  fallback: F,
  { min, max = Number.MAX_SAFE_INTEGER, ...facts }: Range & OptionFacts,
): Option<number | F> {
  return {
    ...facts,
    type: { kind: 'integer', min, max },
    fallback,
    read: (value, key) => readInteger(value, key, { min, max }),
  }
}

/** A whole number of bytes. */
export function bytes<F = number>(fallback: F, range: Range & OptionFacts): Option<number | F> {
  const { min, max = Number.MAX_SAFE_INTEGER } = range
  return { ...integer(fallback, range), type: { kind: 'bytes', min, max } }
}

/** Any number of a range. */
export function number(
  fallback: number,
  { min, max, ...facts }: { min: number; max: number } & OptionFacts,
): Option<number> {
  return {
    ...facts,
    type: { kind: 'number', min, max },
    fallback,
    read(value, key) {
      if (typeof value === 'number' && value >= min && value <= max) return value
      throw invalid(`${key} must be a number from ${min} to ${max}; got ${inspectBriefly(value)}`)
    },
  }
}

/** A duration in milliseconds after reading; see `parseDuration` for what is accepted. */
export function duration<F = number>(
  fallback: F,
  {
    min = 0,
    max = Number.MAX_SAFE_INTEGER,
    forever = false,
    ...facts
  }: { min?: number; max?: number; forever?: boolean } & OptionFacts = {},
): Option<number | F> {
  return {
    ...facts,
    type: { kind: 'duration', min, max, forever },
    fallback,
    read(value, key) {
      if (forever && value === -1) return -1
      const ms = parseDuration(value, key)
      if (ms < min) throw invalid(`${key} must be ${spellDuration(min)} or more; got ${ms} ms`)
      if (ms > max) throw invalid(`${key} must be at most ${spellDuration(max)}; got ${ms} ms`)
      return ms
    },
  }
}

export function boolean(fallback: boolean, facts: OptionFacts = {}): Option<boolean> {
  return {
    ...facts,
    type: { kind: 'boolean' },
    fallback,
    read(value, key) {
      if (typeof value === 'boolean') return value
      throw invalid(`${key} must be true or false; got ${inspectBriefly(value)}`)
    },
  }
}

export function oneOf<const T extends string | number, const F>(
  fallback: F,
  allowed: readonly T[],
  facts: OptionFacts = {},
): Option<T | F> {
  return {
    ...facts,
    type: { kind: 'choice', allowed },
    fallback,
    read(value, key) {
      const found = allowed.find((candidate) => candidate === value)
      if (found !== undefined) return found
      const names = allowed.map((name) => JSON.stringify(name)).join(', ')
      throw invalid(`${key} must be one of ${names}; got ${inspectBriefly(value)}`)
    },
  }
}

export function text<F>(fallback: F, facts: OptionFacts = {}): Option<string | F> {
  return {
    ...facts,
    type: { kind: 'text' },
    fallback,
    read(value, key) {
      if (typeof value === 'string' && value.length > 0) return value
      throw invalid(`${key} must be a non-empty string; got ${inspectBriefly(value)}`)
    },
  }
}

/** A certificate or key. */
export function pem(facts: OptionFacts = {}): Option<string | Uint8Array | undefined> {
  return {
    ...facts,
    type: { kind: 'pem' },
    fallback: undefined,
    read(value, key) {
      if ((typeof value === 'string' && value !== '') || value instanceof Uint8Array) return value
      throw invalid(`${key} must be PEM, as a string or bytes; got ${inspectBriefly(value)}`)
    },
  }
}

/** A value whose shape `isValid` knows; `expected` completes "must be …". */
export function shaped<T, F>(
  fallback: F,
  expected: string,
  isValid: (value: unknown) => value is T,
  facts: OptionFacts = {},
): Option<T | F> {
  return {
    ...facts,
    type: { kind: 'object', expected },
    fallback,
    read(value, key) {
      if (isValid(value)) return value
      throw invalid(`${key} must be ${expected}; got ${inspectBriefly(value)}`)
    },
  }
}

/** A function; what it takes and gives cannot be seen from outside. */
export function callback<T, F = undefined>(fallback: F, facts: OptionFacts = {}): Option<T | F> {
  const isFunction = (value: unknown): value is T => typeof value === 'function'
  return { ...shaped(fallback, 'a function', isFunction, facts), type: { kind: 'function' } }
}

export function signal(facts: OptionFacts = {}): Option<AbortSignal | undefined> {
  const isSignal = (value: unknown): value is AbortSignal => value instanceof AbortSignal
  return shaped(undefined, 'an AbortSignal', isSignal, facts)
}

/** Options within options. `check` sees to what they have to do with each other, by the names that `nameOf` gives. */
export function nested<T extends object, R, F>(
  fallback: F,
  table: OptionTable<T>,
  check: (given: Readonly<T>, nameOf: NameOf) => R,
  facts: OptionFacts = {},
): Option<R | F> & { readonly type: NestedOptions } {
  return {
    ...facts,
    type: { kind: 'options', table: table as AnyOptionTable, check, words: [] },
    fallback,
    read: (value, name) => check(resolveOptions(name, table, value), (key) => `${name}.${key}`),
  }
}

/** One or more objects with options, as `nested` has them. */
export function listOf<T extends object, R, F>(
  fallback: F,
  table: OptionTable<T>,
  check: (given: Readonly<T>, nameOf: NameOf) => R,
  facts: OptionFacts = {},
): Option<readonly R[] | F> {
  const item = nested<T, R, undefined>(undefined, table, check)
  return {
    ...facts,
    type: { kind: 'list', item: item.type },
    fallback,
    read(value, name) {
      if (Array.isArray(value) && value.length > 0) {
        return Object.freeze(value.map((one, i) => item.read(one ?? null, `${name}[${i}]`) as R))
      }
      throw invalid(`${name} must be an array of one or more objects; got ${inspectBriefly(value)}`)
    },
  }
}

/** An object literal, or one without a prototype: not an array, a Map, a Date or anything else that has a class. */
export function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Of another realm (a vm, a jest environment) the literal's prototype is that realm's.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

export function readInteger(
  value: unknown,
  key: string,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
    return value
  throw invalid(`${key} must be a whole number from ${min} to ${max}; got ${inspectBriefly(value)}`)
}

/**
 * Reads a value that was written as text: in the environment or behind a flag. `name` is the
 * variable or the flag. Throws `ConfigError`.
 */
export function readText<T>(option: Option<T>, written: string, name: string): T {
  return option.read(parsed(option.type, written.trim()), name)
}

function parsed(type: OptionType, written: string): unknown {
  switch (type.kind) {
    case 'integer':
    case 'bytes':
    case 'number':
    case 'duration':
      return /^-?\d+(\.\d+)?$/.test(written) ? Number(written) : written
    case 'boolean':
      return written === 'true' ? true : written === 'false' ? false : written
    case 'choice':
      return type.allowed.find((value) => String(value) === written) ?? written
    default:
      return written
  }
}

/** The variable of the environment that stands in for an option: `maxConnections` is `KAFKA_DO_MAX_CONNECTIONS`. */
export function variableOf(key: string): string {
  return `KAFKA_DO_${key.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`
}

export function invalid(message: string): ConfigError {
  return new ConfigError(message, { code: 'INVALID_CONFIG' })
}

/** Throws `ConfigError` for arguments that nobody would look at: a URL with its options beside it, for one. */
export function refuseMore(more: readonly unknown[], instead: string): void {
  if (more.length > 0) throw invalid(`Only one argument is allowed, but there are more: ${instead}`)
}

/** Throws `ConfigError` for an option that the kind's relatives have, and it cannot have: `why` completes the sentence. */
export function refuseOptions(
  kind: string,
  input: object | undefined,
  keys: readonly string[],
  why: string,
): void {
  for (const key of keys) {
    if ((input as { readonly [key: string]: unknown } | null | undefined)?.[key] !== undefined) {
      throw invalid(`${kind} has no option '${key}': ${why}`)
    }
  }
}

/** `known` are names, or a table: then Kafka's name for an option leads to ours, too. */
export function unknownOption(
  kind: string,
  key: string,
  known: readonly string[] | AnyOptionTable,
): ConfigError {
  const table = Array.isArray(known) ? {} : (known as AnyOptionTable)
  const names = Array.isArray(known) ? (known as readonly string[]) : Object.keys(known)
  const byKafka = names.find((name) => {
    const kafka = table[name]?.kafka
    return kafka !== undefined && normal(kafka) === normal(key)
  })
  const near = byKafka ?? closest(key, names)
  const hint = near ? `Did you mean '${near}'? ` : ''
  return invalid(`${kind} has no option '${key}'. ${hint}Known options: ${names.join(', ')}`)
}

/** The name that was meant by one with its words in another order, or with up to two slips. */
export function closest(key: string, names: readonly string[]): string | undefined {
  return (
    names.find((name) => sortedWords(name) === sortedWords(key)) ??
    names.find((name) => editDistance(normal(name), normal(key)) <= 2)
  )
}

function sortedWords(name: string): string {
  return name
    .split(/(?=[A-Z])/)
    .map(normal)
    .sort()
    .join(' ')
}

function normal(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '')
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap))
    }
    row = next
  }
  return row[b.length]!
}
