/**
 * State of a task. What has been written since the last commit can be taken back as a whole (`abort`), and what the record in
 * hand has written by itself (`Undo`). A commit writes what has changed to the changelog, the last value of each entry only.
 */
import { type RecordData, readKey, readValue } from '../task/record-data.ts'
import type { StoreSpec } from './store-spec.ts'

/** An entry for a store's changelog; null deletes. */
export interface ChangelogEntry {
  readonly key: string | Uint8Array
  readonly value: string | Uint8Array | null
  readonly timestampMs: number
}

/** Told of one change: a callback rather than a list, since each commit has one for nearly each record. */
export type TellChange<K> = (key: K, value: string | Uint8Array | null, timestampMs: number) => void

export interface Store {
  readonly spec: StoreSpec
  /** How many entries. */
  readonly size: number
  /** Keys and values in bytes, as far as that is known: what was restored and written; values that were changed are estimated. */
  readonly sizeInBytes: number
  /** Tells what has changed since the last commit, for the changelog. */
  changes(tell: TellChange<string | Uint8Array>): void
  hasChanges(): boolean
  /** What has changed is durable. */
  commit(): void
  /** Everything is as at the last commit. */
  abort(): void
  /** Takes in an entry of the changelog. Counts as committed. */
  restore(key: Uint8Array, value: Uint8Array | null, timestampMs: number): void
  /** As `restore`, of what is written as text. Only where that is so, and takes less than from bytes. */
  readonly restoreText?:
    | ((key: string, value: string | null, timestampMs: number) => void)
    | undefined
  /** Learns of an entry that its files have. `key`: as the files have it. */
  load(key: Uint8Array, timestampMs: number): void
}

/** What has changed since the last commit, as a list. */
export function changesOf(store: Store): ChangelogEntry[] {
  const entries: ChangelogEntry[] = []
  store.changes((key, value, timestampMs) => entries.push({ key, value, timestampMs }))
  return entries
}

/**
 * Takes in an entry of the changelog as it was read; whatever has no key is no entry. Where the changelog is a topic of others', what
 * the stream has passed over is not taken in: records that cannot be read, or are from before time began.
 */
export function restoreRecord(store: Store, record: RecordData): void {
  if (store.spec.changelog === 'source' && !isReadable(store.spec, record)) return
  if (store.restoreText) {
    // A view of bytes for each key and value takes longer than their text.
    const key = record.keyText()
    if (key !== null) store.restoreText(key, record.valueText(), record.timestampMs)
    return
  }
  const key = record.keyBytes()
  if (key) store.restore(key, record.valueBytes(), record.timestampMs)
}

function isReadable({ key, value }: StoreSpec, record: RecordData): boolean {
  if (record.timestampMs < 0) return false
  try {
    readKey(key, record)
    readValue(value, record)
    return true
  } catch {
    return false
  }
}

/** A value and its event time, epoch milliseconds. */
export interface Stamped<V = unknown> {
  readonly value: V
  readonly timestampMs: number
}
