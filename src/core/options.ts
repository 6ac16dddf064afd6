/**
 * Checking of config objects. Each kind of config declares its options once, as a table; `resolveOptions`
 * copies, checks, fills in defaults and freezes. An unknown key is an error that names it and the closest
 * known one.
 */
import { inspectBriefly, parseDuration } from './duration.ts'
import { ConfigError } from './errors.ts'

/** One option: its default and a reader that returns the checked value or throws `ConfigError`. */
export interface Option<T> {
  readonly fallback: T
  read(value: unknown, key: string): T
}

export type OptionTable<T extends object> = { readonly [K in keyof T]-?: Option<T[K]> }

/** `undefined` counts as absent, so conditional values can be passed straight through. */
export function resolveOptions<T extends object>(
  kind: string,
  table: OptionTable<T>,
  input: unknown,
): Readonly<T> {
  if (
    input !== undefined &&
    (typeof input !== 'object' || input === null || Array.isArray(input))
  ) {
    throw invalid(`${kind} must be an object; got ${inspectBriefly(input)}`)
  }
  const given = (input ?? {}) as { readonly [key: string]: unknown }
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(table, key)) throw unknownOption(kind, key, Object.keys(table))
  }
  const resolved: { [key: string]: unknown } = {}
  for (const [key, option] of Object.entries<Option<unknown>>(table)) {
    const value = given[key]
    resolved[key] = value === undefined ? option.fallback : option.read(value, `${kind}.${key}`)
  }
  return Object.freeze(resolved) as Readonly<T>
}

export function integer(fallback: number, range: { min: number; max?: number }): Option<number> {
  return { fallback, read: (value, key) => readInteger(value, key, range) }
}

/** A duration in milliseconds after reading; see `parseDuration` for what is accepted. */
export function duration(
  fallback: number,
  range: { min?: number; max?: number } = {},
): Option<number> {
  return {
    fallback,
    read(value, key) {
      const ms = parseDuration(value, key)
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = range
      if (ms < min || ms > max) throw invalid(`${key} must be from ${min} to ${max} ms; got ${ms}`)
      return ms
    },
  }
}

export function boolean(fallback: boolean): Option<boolean> {
  return {
    fallback,
    read(value, key) {
      if (typeof value === 'boolean') return value
      throw invalid(`${key} must be true or false; got ${inspectBriefly(value)}`)
    },
  }
}

export function oneOf<const T extends string | number, F>(
  fallback: F,
  allowed: readonly T[],
): Option<T | F> {
  return {
    fallback,
    read(value, key) {
      const found = allowed.find((candidate) => candidate === value)
      if (found !== undefined) return found
      const names = allowed.map((name) => JSON.stringify(name)).join(', ')
      throw invalid(`${key} must be one of ${names}; got ${inspectBriefly(value)}`)
    },
  }
}

export function text<F>(fallback: F): Option<string | F> {
  return {
    fallback,
    read(value, key) {
      if (typeof value === 'string' && value.length > 0) return value
      throw invalid(`${key} must be a non-empty string; got ${inspectBriefly(value)}`)
    },
  }
}

/** A value whose shape `isValid` knows; `expected` completes "must be …". */
export function shaped<T, F>(
  fallback: F,
  expected: string,
  isValid: (value: unknown) => value is T,
): Option<T | F> {
  return {
    fallback,
    read(value, key) {
      if (isValid(value)) return value
      throw invalid(`${key} must be ${expected}; got ${inspectBriefly(value)}`)
    },
  }
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

export function invalid(message: string): ConfigError {
  return new ConfigError(message, { code: 'INVALID_CONFIG' })
}

/** Throws `ConfigError` for an option that the kind's relatives have, and it cannot have: `why` completes the sentence. */
export function refuseOptions(
  kind: string,
  input: object | undefined,
  keys: readonly string[],
  why: string,
): void {
  for (const key of keys) {
    if ((input as { readonly [key: string]: unknown } | undefined)?.[key] !== undefined) {
      throw invalid(`${kind} has no option '${key}': ${why}`)
    }
  }
}

export function unknownOption(kind: string, key: string, known: readonly string[]): ConfigError {
  const wanted = key.toLowerCase().replaceAll(/[^a-z]/g, '')
  const near = known.find((name) => editDistance(name.toLowerCase(), wanted) <= 2)
  const hint = near ? `Did you mean '${near}'? ` : ''
  return invalid(`${kind} has no option '${key}'. ${hint}Known options: ${known.join(', ')}`)
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
