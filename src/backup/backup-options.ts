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

/** Takes a tar archive by the piece. */
export type BackupSink = (bytes: Uint8Array) => void | Promise<void>

/** Options of `client.backup` and `server.backup`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface BackupOptions {
  /**
   * A folder that is new, empty, or holds an earlier backup, of which what has not changed is not
   * copied again. Or a file whose name ends in `.tar`, which holds all of it; or a function that
   * takes such an archive by the piece, and is waited for.
   */
  to: string | BackupSink
  /** Puts it in the place of a backup of another cluster. Default `false`. */
  force?: boolean | undefined
  /** Copies no faster, so that others have the rest of the disk. Default: no limit. */
  maxBytesPerSecond?: number | undefined
  /** Called after each piece. */
  onProgress?: ((progress: BackupProgress) => void) | undefined
  /** Cancels it; the backup before stays whole. */
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
