/** What keeps entries in files: ordered bytes to bytes, written in batches that happen as a whole or not at all. */

/** Code of the error that says so. */
export const stateDamaged = 'STREAM_STATE_DAMAGED'

export type Batch = readonly (readonly [key: Uint8Array, value: Uint8Array | null])[]

/** Every failure is a `StorageError`, or a `CorruptDataError` where the files are damaged; both name the folder. */
export interface StateEngine {
  get(key: Uint8Array): Uint8Array | undefined
  /** Null removes. Later entries of the batch win. */
  write(batch: Batch): Promise<void>
  has(keys: readonly Uint8Array[]): Promise<boolean[]>
  /** Entries of now from `from` up to, but not with, `to`, by key. */
  scan(
    from: Uint8Array,
    to: Uint8Array,
  ): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>
  /** About how many bytes of the disk the entries from `from` to `to` take. */
  size(from: Uint8Array, to: Uint8Array): Promise<number>
  /** Removes everything. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** `path`: a folder, made if it does not exist. Throws as the engine's methods do. */
export type OpenEngine = (path: string) => Promise<StateEngine>
