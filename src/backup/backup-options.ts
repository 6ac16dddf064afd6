/** What `client.backup` and `server.backup` take. */
import {
  boolean,
  bytes,
  callback,
  invalid,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
  shaped,
  signal,
} from '../core/options.ts'
import type { BackupProgress } from './backup-folder.ts'

/** Receives a tar archive piece by piece. */
export type BackupSink = (bytes: Uint8Array) => void | Promise<void>

/** Options of `client.backup` and `server.backup`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface BackupOptions {
  /**
   * A folder that is new, empty, or contains an earlier backup, which is then updated incrementally. Or a file whose
   * name ends in `.tar`, or a function that receives a tar archive piece by piece and is awaited.
   */
  to: string | BackupSink
  /** Replaces a backup of another cluster. Default `false`. */
  force?: boolean | undefined
  /** Limits the copy rate. Default: no limit. */
  maxBytesPerSecond?: number | undefined
  /** Called after each piece. */
  onProgress?: ((progress: BackupProgress) => void) | undefined
  /** Cancels the backup; the previous one stays intact. */
  signal?: AbortSignal | undefined
}

export interface ResolvedBackupOptions {
  readonly to: string | BackupSink
  readonly force: boolean
  readonly maxBytesPerSecond: number | undefined
  readonly onProgress: ((progress: BackupProgress) => void) | undefined
  readonly signal: AbortSignal | undefined
}

const table: OptionTable<ResolvedBackupOptions> = {
  to: shaped('', 'a path, or a function that takes bytes', isTarget),
  force: boolean(false),
  maxBytesPerSecond: bytes(undefined, { min: 1 }),
  onProgress: callback<NonNullable<BackupOptions['onProgress']>>(undefined),
  signal: signal(),
} satisfies OptionsOf<BackupOptions>

/** Throws `ConfigError` naming the key. */
export function resolveBackupOptions(given: BackupOptions): ResolvedBackupOptions {
  const resolved = resolveOptions('BackupOptions', table, given)
  if (resolved.to !== '') return resolved
  throw invalid('BackupOptions.to is missing: it sets where to write the backup')
}

function isTarget(value: unknown): value is string | BackupSink {
  return typeof value === 'function' || (typeof value === 'string' && value !== '')
}
