/**
 * The lock that gives a data folder to one broker at a time: a file that names its holder.
 *
 * Taking it: the complete content is written to a file of its own, which is then hard-linked to `.lock`. Linking is
 * atomic and fails when the name is taken, so there is never a half-written lock. A lock whose holder is dead is moved
 * aside by a rename, which only one of several contenders can do for the very file that was found stale.
 *
 * A holder counts as alive by process id, boot and start time of the process (so a reused process id deceives nobody).
 * A lock from another host or container cannot be judged from here: it is refused, and the message says which
 * file to remove.
 */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DataFolderLockedError, StorageError } from '../core/errors.ts'
import type { Lock } from './file-system.ts'

interface Holder {
  readonly version: 1
  readonly pid: number
  readonly host: string
  /** Identifies the boot and the process's start; empty where the system does not tell. */
  readonly bootId: string
  readonly startedAt: string
  readonly since: string
}

/** Folders held by this process: its own lock files look alive, whoever asks. */
const heldHere = new Set<string>()
let attempt = 0

/** Throws `DataFolderLockedError` when a living process, or another broker of this one, has the folder. */
export function acquireLock(root: string): Lock {
  mkdirSync(root, { recursive: true })
  const folder = realpathSync(root)
  if (heldHere.has(folder)) throw locked(folder, 'another broker of this process')
  const path = join(folder, '.lock')
  const own = `${path}.${process.pid}.${attempt++}`
  const content = JSON.stringify(self())
  try {
    writeFileSync(own, content, { flag: 'wx' })
    for (let tries = 0; !tryLink(own, path); tries++) {
      const found = readHolder(path)
      if (found && isAlive(found.holder)) throw locked(folder, describe(found.holder, path))
      if (tries >= 10) throw locked(folder, 'processes that come and go; try again')
      if (found) setAside(path, found.text)
    }
  } catch (error) {
    if (error instanceof DataFolderLockedError) throw error
    throw new StorageError(`Cannot lock the data folder ${folder}: ${String(error)}`, {
      code: 'STORAGE_DENIED',
      cause: error,
    })
  } finally {
    rmSync(own, { force: true })
  }
  heldHere.add(folder)
  let isReleased = false
  return {
    release() {
      if (isReleased) return
      isReleased = true
      heldHere.delete(folder)
      if (readHolder(path)?.text === content) rmSync(path, { force: true })
    },
  }
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Two contenders may both have found the stale lock; the second one's rename could then take away the lock that the
 * first has just made. So what was moved is compared with what was found, and put back when it is another.
 */
function setAside(path: string, staleText: string): void {
  const aside = `${path}.stale.${process.pid}.${attempt++}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readHolder(aside)?.text !== staleText) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function readHolder(path: string): { holder: Holder | undefined; text: string } | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  try {
    return { holder: JSON.parse(text) as Holder, text }
  } catch {
    return { holder: undefined, text }
  }
}

function isAlive(holder: Holder | undefined): boolean {
  // Nobody writes a lock in place, so an unreadable one was damaged by a crash of the machine.
  if (!holder || typeof holder.pid !== 'number') return false
  if (holder.host !== hostname()) return true
  if (holder.bootId !== '' && holder.bootId !== bootId()) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const startedAt = startOf(holder.pid)
  return holder.startedAt === '' || startedAt === '' || holder.startedAt === startedAt
}

function self(): Holder {
  const { pid } = process
  return {
    version: 1,
    pid,
    host: hostname(),
    bootId: bootId(),
    startedAt: startOf(pid),
    since: new Date().toISOString(),
  }
}

function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id')
}

/** Start time of a process in clock ticks since boot: field 22 of /proc/PID/stat, counted after the name in brackets. */
function startOf(pid: number): string {
  const stat = readOr(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function describe(holder: Holder | undefined, path: string): string {
  if (!holder) return 'an unknown process'
  const since = `process ${holder.pid} since ${holder.since}`
  if (holder.host === hostname()) return since
  return `${since} on host '${holder.host}'. If that process is gone for certain, remove ${path}`
}

function locked(folder: string, holder: string): DataFolderLockedError {
  return new DataFolderLockedError(
    `The data folder ${folder} is in use by ${holder}. Close it there, share one Client, or choose another folder with new Client('file:./other')`,
    { code: 'DATA_FOLDER_LOCKED' },
  )
}
