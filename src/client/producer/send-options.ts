/** What a record may have besides its value, and how what is given for it is read: wrong types are refused by name. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid, isPlainObject, readInteger, unknownOption } from '../../core/options.ts'

type HeaderValue = string | Uint8Array | null
type HeaderPairs = readonly (readonly [name: string, value: HeaderValue])[]

/**
 * Header names and values: an object, or anything that gives pairs, such as an array, a `Map` or the `Headers` of
 * `fetch`. Text is UTF-8. Pairs keep their order and repeated names. `undefined` is refused as a value: leave the
 * header out, or give null.
 */
export type Headers =
  | { readonly [name: string]: HeaderValue }
  | Iterable<readonly [name: string, value: HeaderValue]>

/** What a record may have besides its value. */
export interface SendOptions<K = string> {
  /** Records with the same key go to the same partition, in order. Default: none. */
  key?: K | null | undefined
  headers?: Headers | undefined
  /** Instead of the partitioner's choice; 0 up to the number of partitions less one. */
  partition?: number | undefined
  /** Event time: a Date or epoch milliseconds, 0 to 8.64e15 (the last that a Date can hold). Default: now. */
  timestamp?: Date | number | undefined
  /** Stops waiting for the outcome. A record already handed over may still be stored (`outcome: 'unknown'`). */
  signal?: AbortSignal | undefined
}

/** One record of a `sendBatch` with more than a value. */
export class Message<V = unknown, K = string> {
  readonly value: V | null
  readonly options: SendOptions<K>

  /** @param value `null` writes a tombstone. Throws `ConfigError` for options that there are not. */
  constructor(value: V | null, options: SendOptions<K> = {}) {
    checkSendOptions(options)
    this.value = value
    this.options = options
  }
}

const optionNames = ['key', 'headers', 'partition', 'timestamp', 'signal']
const knownOptions = new Set(optionNames)

/** Throws `ConfigError` for what cannot be the options of a send. */
export function checkSendOptions(options: unknown): void {
  checkIsOptions(options)
  for (const name in options) {
    if (!knownOptions.has(name)) throw unknownOption('SendOptions', name, optionNames)
  }
  const { signal } = options as SendOptions<unknown>
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid(`signal must be an AbortSignal; got ${inspectBriefly(signal)}`)
}

export function checkIsOptions(options: unknown): asserts options is object {
  if (typeof options === 'object' && options !== null) return
  throw invalid(
    `The options of a send must be an object, such as { key: 'a' }; got ${inspectBriefly(options)}`,
  )
}

export function readPartition(partition: number | undefined): number | undefined {
  return partition === undefined
    ? undefined
    : readInteger(partition, 'partition', { min: 0, max: 2 ** 31 - 1 })
}

/** The last time that a Date can hold, epoch milliseconds (ECMA-262, time values). */
const timestampMsMax = 8.64e15

export function readTimestamp(timestamp: Date | number): number {
  const ms = timestamp instanceof Date ? timestamp.getTime() : timestamp
  if (Number.isInteger(ms) && ms >= 0 && ms <= timestampMsMax) return ms
  throw invalid(
    `timestamp must be a valid Date or whole epoch milliseconds (0 to 8.64e15); got ${inspectBriefly(timestamp)}`,
  )
}

/** The headers as pairs of their own; undefined when there are none. */
export function readHeaders(headers: Headers | undefined): HeaderPairs | undefined {
  if (headers === undefined) return undefined
  const pairs = pairsOf(headers).map(readPair)
  return pairs.length > 0 ? pairs : undefined
}

function pairsOf(headers: Headers): unknown[] {
  if (typeof headers === 'object' && headers !== null) {
    if (Symbol.iterator in headers) return [...(headers as Iterable<unknown>)]
    const pairs = Object.entries(headers)
    // An object of a class without anything in it, such as a Date, has no headers to give.
    if (pairs.length > 0 || isPlainObject(headers)) return pairs
  }
  throw invalid(
    `headers must be an object, such as { source: 'web' }, a Map, or pairs of a name and a value; got ${inspectBriefly(headers)}`,
  )
}

function readPair(pair: unknown): readonly [string, HeaderValue] {
  if (!Array.isArray(pair) || pair.length !== 2)
    throw invalid(`a header must be a pair of a name and a value; got ${inspectBriefly(pair)}`)
  const [name, value] = pair as [unknown, unknown]
  if (typeof name !== 'string')
    throw invalid(`the name of a header must be a string; got ${inspectBriefly(name)}`)
  if (typeof value === 'string' || value === null || value instanceof Uint8Array)
    return [name, value]
  const orElse = value === undefined ? '; leave it out, or give null' : ''
  throw invalid(`header '${name}' must be a string or bytes; got ${inspectBriefly(value)}${orElse}`)
}
