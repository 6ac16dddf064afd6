/** `kafka-do restore` */
import { createReadStream, statSync } from 'node:fs'
import type { RestoreResult } from '../backup/restore.ts'
import type { RestoreEntry } from '../backup/restore-sources.ts'
import { argument, defineCommand, switchOption, valueOption } from './shell/command.ts'
import { CommandError, NotFoundError, UsageError } from './shell/command-error.ts'
import { exitCode } from './shell/exit-code.ts'
import type { Io } from './shell/io.ts'
import { formatBytes, formatCount } from './shell/numbers.ts'

export const restore = defineCommand({
  connects: false,
  formats: ['table', 'json'],
  args: {
    backup: argument({
      doc: 'backup folder or tar archive, or - for an archive from standard input',
      completes: 'folder',
    }),
  },
  options: {
    to: valueOption({
      placeholder: 'folder',
      doc: 'data folder to create; must not exist or be empty',
      completes: 'folder',
    }),
    check: switchOption({ doc: 'verify the whole backup and write nothing' }),
  },
  more: `Every file is checked against its checksum in the backup, and every batch of records against its own. If anything is
missing, damaged or not part of the backup, it is named and nothing is written. The folder appears once it is complete.
Damage in the original data folder is restored as it was, and named; kafka-do doctor repairs it. With --check, exit
code 1 means something is wrong.`,
  examples: [
    'kafka-do restore /backups/events --to ./data',
    'kafka-do restore /backups/events --check',
    'ssh host "cat events.tar" | kafka-do restore - --to ./data',
  ],
  async run({ args, flags, io, out, progress: startProgress }) {
    const { to, check } = flags
    if (!check && to === undefined)
      throw new UsageError('--to is required: the data folder to create; or --check')
    if (check && to !== undefined) throw new UsageError('--check and --to exclude each other')
    const { restoreTo, checkBackup } = await import('../backup/restore-to.ts')
    const progress = startProgress(check ? 'check' : 'restore')
    const name = args.backup === '-' ? 'from standard input' : args.backup
    const options = {
      name,
      signal: io.signal,
      onProgress: ({ bytes }: { readonly bytes: number }) => {
        progress.bytes = bytes
      },
    }
    const entries = await entriesOf(args.backup, io)
    const result = await (to === undefined
      ? checkBackup(entries, options)
      : restoreTo(to, entries, options))
    progress.end()
    for (const warning of result.warnings) out.note(`warning: ${warning}`)
    const value = { backup: name, ...(to !== undefined && { to }), ...result }
    await out.document(value, { facts: factsOf(name, to, result) })
    return check && result.warnings.length > 0 ? exitCode.failed : exitCode.done
  },
})

async function entriesOf(backup: string, io: Io): Promise<AsyncIterable<RestoreEntry>> {
  const [{ entriesOfFolder, entriesOfTar }, { createNodeFileSystem }] = await Promise.all([
    import('../backup/restore-sources.ts'),
    import('../storage/node-file-system.ts'),
  ])
  if (backup === '-') return entriesOfTar(io.stdin as AsyncIterable<Uint8Array>)
  const found = statSync(backup, { throwIfNoEntry: false })
  if (!found) throw new NotFoundError(`there is no backup ${backup}`, { code: 'NO_BACKUP' })
  if (found.isDirectory())
    return entriesOfFolder(createNodeFileSystem(backup, { isReadOnly: true }))
  return entriesOfTar(readingOf(backup))
}

async function* readingOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new CommandError(`${path} cannot be read: ${message}`, { code, cause: error })
  }
}

function factsOf(
  name: string,
  to: string | undefined,
  { clusterId, takenAt, partitions, files, bytes }: RestoreResult,
): (readonly [string, string])[] {
  return [
    ['backup', name],
    ...(to === undefined ? [] : [['restored', to] as const]),
    ['cluster', clusterId],
    ['shows', takenAt],
    ['partitions', formatCount(partitions)],
    ['holds', `${formatCount(files)} files, ${formatBytes(bytes)}`],
  ]
}
