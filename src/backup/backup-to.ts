/** A backup to where somebody wants it: a folder, or a file that is a tar archive. */
import { dirname } from 'node:path'
import { ConfigError, CorruptDataError } from '../core/errors.ts'
import { createNodeFileSystem } from '../storage/node-file-system.ts'
import { realFolder } from '../storage/real-folder.ts'
import {
  BackupFolder,
  type BackupProgress,
  type BackupResult,
  contentOf,
  readMark,
} from './backup-folder.ts'
import { type BackupOptions, type BackupSink, resolveBackupOptions } from './backup-options.ts'
import { markPath } from './backup-paths.ts'
import { FailureTail } from './failure-tail.ts'
import { decodeManifest, manifestBytesMax, manifestPath } from './manifest.ts'
import { PacedWriter } from './pending-syncs.ts'
import { TarReader } from './tar-reader.ts'

/** Begins a backup of what has changed since `previous`, the manifest of an earlier one. */
export type OpenBackup = (previous: Uint8Array | undefined) => AsyncIterable<Uint8Array>

export interface BackupToOptions {
  readonly to: string | BackupSink
  /** Whether a backup of another cluster may be replaced. Default false. */
  readonly force?: boolean | undefined
  /** How far it is, now and then. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined
}

/** As `client.backup` and `server.backup` do it. */
export async function backUp(
  openStream: (request: BackupRequest) => AsyncIterable<Uint8Array>,
  given: BackupOptions,
  isLocal: boolean,
): Promise<BackupResult> {
  const { maxBytesPerSecond, signal, ...options } = resolveBackupOptions(given)
  const open = (previous: Uint8Array | undefined) =>
    openStream({ previous, maxBytesPerSecond, signal })
  return backUpTo(open, options, isLocal)
}

interface BackupRequest {
  readonly previous: Uint8Array | undefined
  readonly maxBytesPerSecond: number | undefined
  readonly signal: AbortSignal | undefined
}

/** `isLocal`: the bytes come from this process, so they are not held against the manifest a second time. */
export async function backUpTo(
  open: OpenBackup,
  { to, force, onProgress }: BackupToOptions,
  isLocal: boolean,
): Promise<BackupResult> {
  if (typeof to === 'function') return passOn(open(undefined), to, onProgress)
  if (to.endsWith('.tar')) return backUpToFile(open, to, onProgress)
  checkPlace(to)
  const folder = await BackupFolder.open(createNodeFileSystem(to, { isPrivate: true }))
  try {
    const stream = new FailureTail().watch(open(force ? undefined : folder.previous()))
    return await folder.write(stream, { force, onProgress, verifies: !isLocal })
  } finally {
    folder.close()
  }
}

async function backUpToFile(
  open: OpenBackup,
  to: string,
  onProgress: BackupToOptions['onProgress'],
): Promise<BackupResult> {
  const slash = Math.max(to.lastIndexOf('/'), to.lastIndexOf('\\'))
  const [folder, name] = slash < 0 ? ['.', to] : [to.slice(0, slash) || '/', to.slice(slash + 1)]
  const files = createNodeFileSystem(folder, { isPrivate: true })
  if (files.stat(name)?.isDirectory)
    throw new ConfigError(`${to} is a folder`, { code: 'INVALID_CONFIG' })
  const part = `${name}.part`
  files.remove(part)
  const file = files.open(part, { create: true })
  try {
    const writer = new PacedWriter(file)
    const result = await passOn(open(undefined), (chunk) => writer.write(chunk), onProgress)
    await file.sync()
    files.rename(part, name)
    await files.syncDirectory('')
    return result
  } catch (error) {
    files.remove(part)
    throw error
  } finally {
    file.close()
  }
}

/** Gives the stream to `sink` as it is. Throws where it is no whole backup. */
export async function passOn(
  stream: AsyncIterable<Uint8Array>,
  sink: BackupSink,
  onProgress: BackupToOptions['onProgress'],
): Promise<BackupResult> {
  const reader = new TarReader(through(new FailureTail().watch(stream), sink))
  try {
    return await look(reader, onProgress)
  } finally {
    await reader.close()
  }
}

async function* through(
  stream: AsyncIterable<Uint8Array>,
  sink: BackupSink,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of stream) {
    await sink(chunk)
    yield chunk
  }
}

async function look(
  reader: TarReader,
  onProgress: BackupToOptions['onProgress'],
): Promise<BackupResult> {
  const mark = await readMark(await reader.next(), 'that came')
  let [bytes, copiedFiles, copiedBytes] = [0, 0, 0]
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    if (entry.path === manifestPath) {
      const manifest = decodeManifest(await contentOf(entry, manifestBytesMax), 'that came')
      while (await reader.next());
      const { clusterId, takenAt, partitions, files, warnings } = manifest
      if (files.length !== copiedFiles) break
      return {
        ...{ clusterId, takenAt, partitions: partitions.length, files: files.length },
        ...{ bytes: copiedBytes, copiedFiles, copiedBytes, warnings },
      }
    }
    copiedFiles++
    copiedBytes += entry.size
    for await (const chunk of entry.chunks()) {
      bytes += chunk.length
      onProgress?.({ bytes: Math.min(bytes, mark.bytes), bytesInAll: mark.bytes })
    }
  }
  throw new CorruptDataError('The data received is not a complete backup', {
    code: 'CORRUPT_MESSAGE',
  })
}

/** Throws `ConfigError` for a folder within a data folder, or within another backup. */
function checkPlace(to: string): void {
  const own = realFolder(to)
  for (let folder = own; ; folder = dirname(folder)) {
    const files = createNodeFileSystem(folder)
    const isBackup = files.stat(markPath) !== undefined
    const isData = !isBackup && files.stat('meta.properties') !== undefined
    if (isData || (isBackup && folder !== own)) {
      const what = `${isData ? 'the data folder' : 'the backup'} ${folder}`
      throw new ConfigError(
        `${to} is ${folder === own ? what : `inside ${what}`}. Choose a folder elsewhere for the backup`,
        { code: 'INVALID_CONFIG' },
      )
    }
    if (folder === dirname(folder)) return
  }
}
