/** `kafka-do backup` */
import type { BackupResult } from '../backup/backup-folder.ts'
import type { BackupOptions } from '../backup/backup-options.ts'
import { DataFolderLockedError } from '../core/errors.ts'
import { folderOfUrl } from '../core/folder-url.ts'
import type { ConnectionFlags } from './connection/connection-options.ts'
import { openClient } from './connection/open-client.ts'
import { targetOf } from './connection/target.ts'
import { defineCommand, optionalArgument, switchOption, valueOption } from './shell/command.ts'
import { CommandError, NotFoundError, UsageError } from './shell/command-error.ts'
import type { Io } from './shell/io.ts'
import { formatBytes, formatCount } from './shell/numbers.ts'
import { sizeBytes } from './shell/readers.ts'

export const backup = defineCommand({
  formats: ['table', 'json'],
  args: {
    source: optionalArgument({
      doc: 'data folder that no broker has open, or URL of a server; otherwise --url',
      completes: 'folder',
    }),
  },
  options: {
    to: valueOption({
      placeholder: 'folder',
      doc: 'destination: a folder, which is updated incrementally; a file NAME.tar; or - for a tar archive on standard output',
      completes: 'folder',
    }),
    force: switchOption({ doc: 'replace a backup of another cluster' }),
    maxBytesPerSecond: valueOption({
      placeholder: 'bytes',
      doc: 'limit, such as 20MiB',
      byDefault: 'no limit',
      read: sizeBytes,
    }),
  },
  more: `A backup is a consistent snapshot of the moment it starts: topics and their records, offsets, transactions, keys and
rights. A running server keeps serving; over HTTP this needs a key with all rights (admin). A folder that no broker has
open is copied as it is, and nothing in it is changed. If a backup is interrupted, the previous one stays. It contains
the hashed secrets of keys and users: protect it like the data folder.`,
  examples: [
    'kafka-do backup ./data --to /backups/events',
    'kafka-do backup http://localhost:8080 --to /backups/events',
    'kafka-do backup ./data --to - | ssh host "cat > events.tar"',
  ],
  async run({ args, flags, io, out, progress: startProgress }) {
    const { to, force, maxBytesPerSecond } = flags
    if (to === undefined) throw new UsageError('--to is required: where to write the backup')
    if (to === '-' && io.stdout.isTTY)
      throw new UsageError(
        '--to - writes a tar archive, which cannot go to a terminal',
        '... | gzip > backup.tar.gz',
      )
    const connection = { ...(flags as Partial<ConnectionFlags>) }
    const source = sourceOf(args.source, connection, io)
    const progress = startProgress('backup')
    const options: BackupOptions = {
      to: to === '-' ? (bytes) => out.write(bytes) : to,
      ...{ force, maxBytesPerSecond, signal: io.signal },
      onProgress: ({ bytes, bytesInAll }) => {
        progress.bytes = bytes
        progress.total = { bytes: bytesInAll }
      },
    }
    const result =
      source.folder === undefined
        ? await ofServer({ ...connection, ...(source.url && { url: source.url }) }, io, options)
        : await ofFolder(source.folder, io, options)
    progress.end()
    for (const warning of result.warnings) out.note(`warning: ${warning}`)
    if (to === '-') out.note(toldBriefly(result))
    else await out.document({ to, ...result }, { facts: factsOf(to, result) })
  },
})

type Source =
  | { readonly folder: string; readonly url?: undefined }
  | { readonly folder?: undefined; readonly url: string | undefined }

function sourceOf(given: string | undefined, flags: Partial<ConnectionFlags>, io: Io): Source {
  if (given !== undefined && (flags.url ?? flags.context) !== undefined)
    throw new UsageError('the source is given twice: by the argument, and by --url or --context')
  if (given !== undefined && !/^(?:file|https?|kafka|kafka\+tls|memory):/i.test(given))
    return { folder: given }
  const url = given ?? targetOf(flags, io.environment).url
  if (/^file:/i.test(url)) return { folder: folderOfUrl(url, 'the source') }
  return { url: given }
}

async function ofServer(
  flags: Partial<ConnectionFlags>,
  io: Io,
  options: BackupOptions,
): Promise<BackupResult> {
  const client = await openClient(flags, io)
  try {
    return await client.backup(options)
  } finally {
    await client.close()
  }
}

async function ofFolder(folder: string, io: Io, options: BackupOptions): Promise<BackupResult> {
  const [{ withFolderBackup }, { backUp }, { createNodeFileSystem }] = await Promise.all([
    import('../server/backup.ts'),
    import('../backup/backup-to.ts'),
    import('../storage/node-file-system.ts'),
  ])
  if (!createNodeFileSystem(folder).stat('meta.properties'))
    throw new NotFoundError(`${folder} is not a data folder: it has no meta.properties`, {
      code: 'NO_DATA_FOLDER',
    })
  let isHeld = false
  try {
    return await withFolderBackup(folder, io.runtime, (open) => {
      isHeld = true
      return backUp(open, options, true)
    })
  } catch (error) {
    // Of the folder that it goes to it says all itself.
    if (isHeld || !(error instanceof DataFolderLockedError)) throw error
    throw new CommandError(error.message.replace(/\. Close it there.*$/s, ''), {
      code: error.code,
      hint: 'Back it up through the HTTP port of its server: kafka-do backup http://HOST:PORT --to … ; or stop the server first',
      cause: error,
    })
  }
}

function factsOf(
  to: string,
  { clusterId, takenAt, partitions, files, bytes, copiedFiles, copiedBytes }: BackupResult,
): (readonly [string, string])[] {
  return [
    ['backup', to],
    ['cluster', clusterId],
    ['shows', takenAt],
    ['partitions', formatCount(partitions)],
    ['holds', `${formatCount(files)} files, ${formatBytes(bytes)}`],
    ['copied', `${formatCount(copiedFiles)} files, ${formatBytes(copiedBytes)}`],
  ]
}

function toldBriefly({ takenAt, files, bytes }: BackupResult): string {
  return `Backed up the state of ${takenAt}: ${formatCount(files)} files, ${formatBytes(bytes)}.`
}
