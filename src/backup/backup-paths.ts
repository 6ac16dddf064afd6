/** What of a data folder a backup holds, by its paths, and what else lies in a backup's folder. */

/** In a backup's folder and at the beginning of its stream: what this is, and how much there is to come. */
export const markPath = '.kafka-do-backup'
/** At the end of a stream that failed: why. */
export const failurePath = '.kafka-do-failure'
/** In a folder that was restored, until it is opened. */
export const restoredMark = '.restored'

const folderShape = /^[A-Za-z0-9._-]{1,249}-\d{1,10}$/
const logFile = /^\d{20}\.(?:log|log\.swap|index|timeindex|txnindex|snapshot)$/
const besideLogs: ReadonlySet<string> = new Set(['leader-epoch-checkpoint', 'txnindex-checksums'])
export const rootFiles: readonly string[] = [
  'meta.properties',
  'recovery-point-offset-checkpoint',
  'log-start-offset-checkpoint',
  'cleaner-offset-checkpoint',
  'retention-clock-checkpoint',
]

/** Whether this is the name of a partition's folder. */
export function isPartitionFolder(name: string): boolean {
  return folderShape.test(name)
}

/** Whether a file of this name in a partition's folder is part of a backup. */
export function isPartitionFile(name: string): boolean {
  return logFile.test(name) || besideLogs.has(name)
}

export function isLogFile(path: string): boolean {
  return path.endsWith('.log') || path.endsWith('.log.swap')
}

/** Whether a backup may hold a file of this path: nothing leads out of its folder. */
export function isBackupPath(path: string): boolean {
  const [folder, name, ...deeper] = path.split('/')
  if (name === undefined) return rootFiles.includes(path)
  return deeper.length === 0 && isPartitionFolder(folder!) && isPartitionFile(name)
}

/** A file that belongs to the backup `id` and has not got its name yet. */
export function withId(path: string, id: string): string {
  return `${path}~${id}`
}

/** The path, and the id of the backup that it waits for. */
export function withoutId(path: string): { readonly path: string; readonly id?: string } {
  const at = path.lastIndexOf('~')
  return at < 0 ? { path } : { path: path.slice(0, at), id: path.slice(at + 1) }
}

export function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}
