/**
 * The lock that gives a data folder to one broker at a time: a file `.lock` that names its holder.
 *
 * Making it: the complete content is written to a file of its own, which is then hard-linked to `.lock`. Linking is
 * atomic and fails when the name is taken, so there is never a half-written lock.
 *
 * Taking over the lock of a dead holder: two contenders that both found it stale must not both get it, and a slow one
 * must not take away what a fast one has made meanwhile:
 *
 *   1. A and B read `.lock` and find its holder S dead
 *   2. A takes the right to replace S: the lock `.lock.<token of S>`, by this same procedure
 *   3. A reads `.lock` again: still S, so A renames its own file over it, and gives the right back
 *   4. B, however late, gets that right too, but reads that `.lock` is no longer S's, and begins again
 *
 * Only who holds the right of S replaces S, and no token is used twice. If A dies at 3, the right itself is a stale
 * lock, and is taken over in the same way. `.lock` is never absent meanwhile.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { DataFolderLockedError, StorageError } from '../core/errors.ts'
import type { Lock } from './file-system.ts'
import {
  currentHolder,
  describeHolder,
  isAlive,
  type LockHolder,
  parseHolder,
} from './lock-holder.ts'

interface FoundLock {
  readonly text: string
  /** Undefined when the text is damaged. */
  readonly holder: LockHolder | undefined
}

/** Folders held by this process: its own lock files look alive, whoever asks. */
const heldHere = new Set<string>()

const triesMax = 10
/** Without hard links a lock is half-written for a moment: a damaged one this young may be in the making. */
const youngMs = 5_000
const noHardLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/**
 * Takes `root`, creating it durably if needed. Throws `DataFolderLockedError` when a living process, or another broker
 * of this one, has it, and `StorageError` when the lock cannot be written.
 */
export function acquireLock(root: string): Lock {
  try {
    createDurably(resolve(root))
    const folder = realpathSync(root)
    if (heldHere.has(folder)) throw locked(folder, 'another broker of this process')
    const path = join(folder, '.lock')
    const content = take(folder, path)
    heldHere.add(folder)
    removeLeftovers(folder)
    return heldLock(folder, path, content)
  } catch (error) {
    if (error instanceof DataFolderLockedError) throw error
    throw notLocked(root, error)
  }
}

const noSpace = ['ENOSPC', 'EDQUOT']

function notLocked(root: string, cause: unknown): StorageError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const about = `Cannot lock the data folder ${root}`
  if (codeOf(cause) === 'EROFS')
    return new StorageError(`${about}: its disk is read-only (${reason})`, {
      code: 'STORAGE_READ_ONLY',
      cause,
    })
  if (noSpace.includes(codeOf(cause)))
    return new StorageError(`${about}: its disk is full; free some space (${reason})`, {
      code: 'STORAGE_FULL',
      cause,
    })
  return new StorageError(`${about}: ${reason}. Check that the folder is writable`, {
    code: 'STORAGE_DENIED',
    cause,
  })
}

function heldLock(folder: string, path: string, content: string): Lock {
  let isReleased = false
  const lock = {
    release() {
      if (isReleased) return
      isReleased = true
      process.off('exit', lock.release)
      heldHere.delete(folder)
      // Somebody may have removed the lock by hand and taken the folder since.
      if (read(path)?.text === content) removeReleased(path, content)
    },
  }
  // The process of a worker thread lives on when the thread ends, so the lock would look held.
  if (!isMainThread) process.on('exit', lock.release)
  return lock
}

/** Locks that this process gave back and could not remove: its disk had become read-only. */
const leftHere = new Set<string>()

function removeReleased(path: string, content: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    leftHere.add(content)
  }
}

/** Makes the lock at `path`; returns its content. */
function take(folder: string, path: string): string {
  const present = read(path)
  // Before anything is written: on a full disk this, too, must be known.
  if (present?.holder && isHeld(present)) throw locked(folder, describeHolder(present.holder, path))
  const holder = currentHolder()
  const content = JSON.stringify(holder)
  const own = join(folder, `.lock.new-${holder.token}`)
  try {
    writeFileSync(own, content, { flag: 'wx' })
    for (let tries = 0; tries < triesMax; tries++) {
      if (tryCreate(path, own, content)) return content
      const found = read(path)
      if (!found) continue
      if (isInUse(found, path, own)) throw locked(folder, describeHolder(found.holder, path))
      if (tryReplace(folder, path, found, own)) return content
    }
  } finally {
    rmSync(own, { force: true })
  }
  throw locked(folder, 'processes that come and go; try again')
}

function tryCreate(path: string, own: string, content: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (!noHardLinks.includes(codeOf(error))) throw error
  }
  try {
    writeFileSync(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function tryReplace(folder: string, path: string, stale: FoundLock, own: string): boolean {
  const right = join(folder, `.lock.${stale.holder?.token ?? 'damaged'}`)
  take(folder, right)
  try {
    if (read(path)?.text !== stale.text) return false
    renameSync(own, path)
    return true
  } finally {
    rmSync(right, { force: true })
  }
}

/** `own` was written just now: its time is that of the file system, whose clock may be another machine's. */
function isInUse(found: FoundLock, path: string, own: string): boolean {
  return found.holder ? isHeld(found) : modifiedMs(own) - modifiedMs(path) < youngMs
}

function isHeld({ text, holder }: FoundLock): boolean {
  return holder !== undefined && !leftHere.has(text) && isAlive(holder)
}

/** What contenders that were killed left beside the lock. Only the holder tidies up. */
function removeLeftovers(folder: string): void {
  const lock = join(folder, '.lock')
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const found = name.startsWith('.lock.') ? read(path) : undefined
    if (found && !isInUse(found, path, lock)) rmSync(path, { force: true })
  }
}

/** A new folder that a crash of the machine takes away again would take along all that was synced inside. */
function createDurably(folder: string): void {
  const first = mkdirSync(folder, { recursive: true })
  if (first === undefined || process.platform === 'win32') return
  for (let created = folder; created.length >= first.length; created = dirname(created)) {
    syncFolder(dirname(created))
  }
}

function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    // A parent that may be written to but not read, or a file system whose folders need no sync.
    if (!['EACCES', 'EINVAL'].includes(codeOf(error))) throw error
  }
}

function read(path: string): FoundLock | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    return { text, holder: parseHolder(text) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function locked(folder: string, holder: string): DataFolderLockedError {
  return new DataFolderLockedError(
    `The data folder ${folder} is in use by ${holder}. Close it there, share one Client, or choose another folder with new Client('file:./other')`,
    { code: 'DATA_FOLDER_LOCKED' },
  )
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? ''
}
