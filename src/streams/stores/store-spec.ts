/** What an operator needs a store for; the same for every task. */
import type { Serializer } from '../../client/serializer.ts'

/**
 * - `key-value`: one value a key, with its time. Changelog as Kafka Streams': key, value, the value's time as the record's.
 * - `window`: one value for a key and a window's start. Key in the changelog: key ‖ start ‖ 0 (int64, int32, big endian).
 * - `session`: one value for a key and a session. Key in the changelog: key ‖ end ‖ start.
 * - `sliding`: as `window`, in the changelog too, for windows that start at any time: found by key rather than by start.
 * - `buffer`: what is held back of a key until its time. Key in the changelog: key ‖ time ‖ time. Nothing goes by retention.
 * - `prefixed`: as `key-value`, of keys in two parts, which can be looked up by the first.
 * - `versioned`: the values that a key has had, each with its time. Changelog as of `key-value`, a record for each version.
 * - `timeline`: any number of values for a key and a time. Key in the changelog: key ‖ time ‖ number.
 */
export type StoreKind =
  | 'key-value'
  | 'window'
  | 'session'
  | 'sliding'
  | 'buffer'
  | 'timeline'
  | 'prefixed'
  | 'versioned'

export interface StoreSpec {
  readonly kind: StoreKind
  /**
   * Of an operator's spec: which of its stores it is, '' where there is but one. Once the topology knows the operator's name:
   * unique in the application.
   */
  readonly name: string
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  /** How long, by stream time, an entry is kept: milliseconds. Undefined: until it is deleted. */
  readonly retentionMs?: number | undefined
  /** Of `window` and `sliding`: from a window's start to its end, milliseconds. */
  readonly windowMs?: number | undefined
  /** Of `key-value`: the operator goes through all entries, so that the keys have to be at hand. */
  readonly isScanned?: boolean
  /** `own`: a topic of the application's. `source`: the topic that the store is filled from. `none`: it is not restored. */
  readonly changelog: 'own' | 'source' | 'none'
  /** With changelog `source`: the topic. */
  readonly source?: string | undefined
}
