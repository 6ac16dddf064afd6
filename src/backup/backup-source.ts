/** What a backup is made of: a running broker's logs at one moment, or a folder that no broker has open. */
import type { File } from '../storage/file-system.ts'
import type { CheckedLog } from './batch-check.ts'
import type { ManifestPartition } from './manifest.ts'

export interface SourceFile {
  /** As in the data folder. */
  readonly path: string
  /** Bytes that are part of the backup; the file may have more by now. */
  readonly size: number
  /** Milliseconds since the epoch; 0: not known, so it is always copied. */
  readonly modifiedMs: number
  /** Made for the backup: its whole content. */
  readonly content?: Uint8Array | undefined
  /** For reading; the caller closes it. Throws `StorageError`. */
  open(): File
}

/** One partition. */
export interface SourcePart {
  readonly folder: string
  /** Its files, as far as they are there. */
  list(): SourceFile[]
  /** It is about to be copied. */
  begin(): Promise<void>
  /** What is wrong with a log file, in words; undefined: nothing. */
  damageOf(path: string, checked: CheckedLog): string | undefined
  /** All of it is copied: its files may go. `ends`: of its log files, the offset after the last sound batch, by path. */
  finish(ends: ReadonlyMap<string, bigint>): ManifestPartition
}

export interface BackupSource {
  readonly clusterId: string
  /** The moment that the backup shows, milliseconds since the epoch. */
  readonly takenAtMs: number
  readonly parts: readonly SourcePart[]
  /** What is beside the partitions; asked for when these are copied. */
  rest(): SourceFile[]
  /** What is to be said of the data folder, once all is copied. */
  warnings(): string[]
  /** Throws when something that is to be copied may be gone. */
  check(): void
  /** Undefined while work may go on; else a promise to wait for, so that others have their turn. */
  pause(): Promise<void> | undefined
  /** Nothing more is needed. Idempotent. */
  end(): void
}
