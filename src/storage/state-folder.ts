/**
 * The folder in which a stream application keeps its state, for one process at a time (`.lock`). What is in the folders of its
 * tasks is somebody else's.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DataFolderLockedError, StorageError } from '../core/errors.ts'
import { acquireLock } from './data-folder-lock.ts'
import type { Lock } from './file-system.ts'
import { realFolder } from './real-folder.ts'

const aside = '.damaged'

/** Of an application, in the folder that it was given: a group's name may have any characters. */
export function stateFolderName(app: string): string {
  return encodeURIComponent(app).replaceAll('*', '%2A').replace(/^\./, '%2E')
}

/** Takes the folder of `app` in `dir`, and makes it if needed. Throws `DataFolderLockedError`, `StorageError`. */
export function openStateFolder(dir: string, app: string): StateFolder {
  const path = join(realFolder(dir), stateFolderName(app))
  return new StateFolder(path, lock(path, app))
}

function lock(path: string, app: string): Lock {
  try {
    return acquireLock(path)
  } catch (error) {
    if (!(error instanceof DataFolderLockedError)) throw error
    const holder = /is in use by (.*)\. Close it there/.exec(error.message)?.[1]
    throw new DataFolderLockedError(
      `The state of '${app}' in ${path} is in use by ${holder?.replace('another broker', 'another application') ?? 'another process'}. Each process of an application needs its own folder: state: { dir }`,
      { code: error.code, cause: error },
    )
  }
}

export class StateFolder {
  readonly path: string
  readonly #lock: Lock

  constructor(path: string, lock: Lock) {
    this.path = path
    this.#lock = lock
  }

  pathOf(name: string): string {
    return join(this.path, name)
  }

  folders(): string[] {
    return this.#try('read', () =>
      readdirSync(this.path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && /^\d+_\d+$/.test(entry.name))
        .map(({ name }) => name)
        .sort(),
    )
  }

  remove(name: string): void {
    this.#try('remove', () => rmSync(this.pathOf(name), { recursive: true, force: true }), name)
  }

  setAside(name: string): string {
    const to = this.pathOf(name) + aside
    this.#try(
      'rename',
      () => {
        rmSync(to, { recursive: true, force: true })
        renameSync(this.pathOf(name), to)
      },
      name,
    )
    return to
  }

  readText(name: string): string | undefined {
    return this.#try('read', () => {
      try {
        return readFileSync(this.pathOf(name), 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    })
  }

  writeText(name: string, text: string): void {
    const path = this.pathOf(name)
    this.#try('write', () => {
      const file = openSync(`${path}.new`, 'w')
      try {
        writeSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(`${path}.new`, path)
    })
  }

  release(): void {
    this.#lock.release()
  }

  #try<T>(what: string, work: () => T, name = ''): T {
    try {
      return work()
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const isFull = code === 'ENOSPC' || code === 'EDQUOT'
      const about = `Cannot ${what} the state in ${this.pathOf(name)}`
      throw new StorageError(
        isFull
          ? `${about}: its disk is full; free some space (${message})`
          : `${about}: ${message}`,
        { code: isFull ? 'STORAGE_FULL' : 'STORAGE_IO', cause },
      )
    }
  }
}
