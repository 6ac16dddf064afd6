/**
 * The narrow interface through which everything durable goes. Bytes, files, sync: it knows nothing of
 * Kafka. Three implementations: `node-file-system`, `memory-file-system`, and the simulated disk of
 * `test/simulation`, which loses what was not synced, tears writes, fills up, fails and crashes.
 *
 * Durability: `write`, `truncate`, `rename`, `remove` and creation reach the operating system when the
 * call returns: they survive the process. They survive the machine only after `File.sync` (content and
 * length) and `syncDirectory` of the parent (creation, rename, removal).
 *
 * Paths are relative to the file system's root and use `/`. Every failure is a `StorageError` whose
 * `code` is one of `StorageErrorCode`.
 */

export type StorageErrorCode =
  | 'STORAGE_NOT_FOUND'
  | 'STORAGE_FULL'
  | 'STORAGE_READ_ONLY'
  | 'STORAGE_IO'
  | 'STORAGE_DENIED'
  | 'STORAGE_CLOSED'
  | 'STORAGE_TOO_MANY_FILES'

/** The fewest files open at a time with which a log, its indexes, a checkpoint and some spare ones go side by side. */
export const openFilesMin = 16

/** How much there is of the disk; what the system does not tell is undefined. */
export interface Space {
  /** Bytes that may still be written. A quota may allow less. */
  readonly freeBytes: number | undefined
  readonly totalBytes: number | undefined
}

export interface FileSystem {
  /** For messages: the root folder, or `memory:`. */
  readonly description: string
  /** How many files the process may have open at a time, sockets included. Default: as many as it likes. */
  readonly openFilesLimit?: number | undefined
  /** Opens for reading and writing; creates the file when `create` is set, else it must exist. */
  open(path: string, options?: { create?: boolean }): File
  /** Undefined where nothing is there. */
  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined
  /** Names (not paths) in a folder, sorted; empty where the folder is not there. */
  list(path: string): string[]
  /** Creates the folder and its parents; no error when it exists. */
  makeDirectory(path: string): void
  /** Atomic; replaces a file at `to`. */
  rename(from: string, to: string): void
  /** Removes a file, or a folder with all it holds; no error when it does not exist. */
  remove(path: string): void
  /**
   * As `remove`, for a large file, whose space takes the system a while to free: it is gone by its name when this returns. Until
   * then it may stand in its folder with `.deleted` after its name. Left out: `remove` is as fast.
   */
  discard?(path: string): void
  /** Makes creations, renames and removals in this folder durable. */
  syncDirectory(path: string): Promise<void>
  /** Undefined where there is no disk that could fill up. */
  space(): Space | undefined
  /**
   * Takes the root folder for this process (`.lock` in the root), creating it if needed.
   * Throws `DataFolderLockedError`, naming the holder, when another process or broker has it.
   */
  lock(): Lock
  /** Undefined while files can be written to without a wait; else resolves when enough of what was written is synced. */
  whenWritable?(): Promise<void> | undefined
  /** Takes one of the files that the process may have open, for nothing: whoever releases it can open another at once. */
  holdOpen?(): { release(): void }
}

export interface Lock {
  release(): void
}

export interface File {
  readonly path: string
  /** In bytes, kept in step with this handle's writes and truncations. */
  readonly size: number
  /** Writes all of `bytes` at `position`; throws with the file unchanged in length as far as it can (the caller truncates). */
  write(bytes: Uint8Array, position: number): void
  /** Up to `length` bytes at `position`; shorter only at the end of the file. The caller owns the result. */
  read(position: number, length: number): Promise<Uint8Array>
  /** As `read`, blocking; for start-up and for short reads. */
  readSync(position: number, length: number): Uint8Array
  truncate(size: number): void
  /** fdatasync: content and length are on stable storage when it resolves. A failed sync must not be retried. */
  sync(): Promise<void>
  /** As `sync`, blocking. */
  syncNow(): void
  /** Idempotent. Reads and syncs in flight finish first; later calls throw STORAGE_CLOSED. */
  close(): void
}
