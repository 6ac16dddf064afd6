/**
 * A file system in front of another, that has no more than so many files open at a time. Those above see no
 * difference: a file is theirs from `open` to `close`, whether it is open below or not.
 *
 * Here is also one line for each folder that is synced: everyone who asks while a sync is under way shares the next.
 */
import { SharedRun } from '../core/shared-run.ts'
import { type File, type FileSystem, type Lock, openFilesMin, type Space } from './file-system.ts'
import { LimitedFile } from './limited-file.ts'
import { OpenFiles } from './open-files.ts'

export interface LimitOptions {
  /** Files open at a time. Default: half of what the process may have open. */
  readonly openFilesMax?: number | undefined
  /** The process has no file left, though the budget has. May be called often. */
  readonly onShortage?: () => void
}

/** `inner` itself where the process has no limit and none is given. */
export function limitOpenFiles(
  inner: FileSystem,
  { openFilesMax, onShortage = () => undefined }: LimitOptions = {},
): FileSystem {
  const limit = inner.openFilesLimit ?? Number.POSITIVE_INFINITY
  const max = openFilesMax ?? Math.max(openFilesMin, Math.floor(limit / 2))
  return max === Number.POSITIVE_INFINITY ? inner : new LimitedFileSystem(inner, max, onShortage)
}

class LimitedFileSystem implements FileSystem {
  readonly description: string
  readonly openFilesLimit: number | undefined
  readonly #inner: FileSystem
  readonly #openFiles: OpenFiles
  /** The files that are in use above, by their folder. */
  readonly #inUse = new Map<string, Set<LimitedFile>>()
  /** Folders with files in use that are within another folder, of which there are none in a data folder. */
  #deepFolders = 0
  readonly #folderSyncs = new Map<string, SharedRun>()

  constructor(inner: FileSystem, max: number, onShortage: () => void) {
    this.description = inner.description
    this.openFilesLimit = inner.openFilesLimit
    this.#inner = inner
    const hold = () => inner.holdOpen?.() ?? { release: () => undefined }
    this.#openFiles = new OpenFiles({ max, hold, onShortage })
  }

  open(path: string, options?: { create?: boolean }): File {
    const file = new LimitedFile(path, {
      openFiles: this.#openFiles,
      open: (current) => this.#inner.open(current),
      onClosed: (closed) => this.#forget(closed),
    })
    file.openBy(() => this.#inner.open(path, options))
    this.#note(file)
    return file
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    return this.#inner.stat(path)
  }

  space(): Space | undefined {
    return this.#inner.space()
  }

  list(path: string): string[] {
    return this.#openFiles.briefly(() => this.#inner.list(path))
  }

  makeDirectory(path: string): void {
    this.#inner.makeDirectory(path)
  }

  rename(from: string, to: string): void {
    const moved = this.#at(from)
    this.#takeName(this.#at(to), () => this.#inner.rename(from, to))
    for (const file of moved) {
      this.#forget(file)
      file.currentPath = to + file.currentPath.slice(from.length)
      this.#note(file)
    }
  }

  remove(path: string): void {
    this.#takeName(this.#at(path), () => this.#openFiles.briefly(() => this.#inner.remove(path)))
  }

  discard(path: string): void {
    const discard = () =>
      this.#inner.discard ? this.#inner.discard(path) : this.#inner.remove(path)
    this.#takeName(this.#at(path), () => this.#openFiles.briefly(discard))
  }

  /** Shared by everyone who asks before it begins. */
  syncDirectory(path: string): Promise<void> {
    const line = this.#folderSyncs.get(path) ?? new SharedRun()
    this.#folderSyncs.set(path, line)
    return line.next(
      () => this.#openFiles.whileOpen(() => this.#inner.syncDirectory(path)),
      () => this.#folderSyncs.delete(path),
    )
  }

  whenWritable(): Promise<void> | undefined {
    return this.#openFiles.whenWritable()
  }

  lock(): Lock {
    const lock = this.#openFiles.briefly(() => this.#inner.lock())
    this.#openFiles.begin()
    return {
      release: () => {
        this.#openFiles.end()
        lock.release()
      },
    }
  }

  /** Carries out what takes the name of these files away. */
  #takeName(files: readonly LimitedFile[], act: () => void): void {
    for (const file of files) file.beginNameless()
    try {
      act()
    } catch (error) {
      for (const file of files) file.endNameless()
      throw error
    }
    for (const file of files) this.#forget(file)
  }

  /** The files in use that have this name, or are in a folder of this name. */
  #at(path: string): LimitedFile[] {
    const named = [...(this.#inUse.get(folderOf(path)) ?? [])].filter(
      ({ currentPath }) => currentPath === path,
    )
    const within = [...(this.#inUse.get(path) ?? [])]
    if (this.#deepFolders === 0) return [...named, ...within]
    const deeper = [...this.#inUse].flatMap(([folder, files]) =>
      folder.startsWith(`${path}/`) ? [...files] : [],
    )
    return [...named, ...within, ...deeper]
  }

  #note(file: LimitedFile): void {
    const folder = folderOf(file.currentPath)
    const files = this.#inUse.get(folder)
    if (files) {
      files.add(file)
      return
    }
    this.#inUse.set(folder, new Set([file]))
    if (folder.includes('/')) this.#deepFolders++
  }

  #forget(file: LimitedFile): void {
    const folder = folderOf(file.currentPath)
    const files = this.#inUse.get(folder)
    if (!files?.delete(file) || files.size > 0) return
    this.#inUse.delete(folder)
    if (folder.includes('/')) this.#deepFolders--
  }
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}
