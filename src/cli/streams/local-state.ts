/** An application's state on this machine (`state: { dir }`), to be removed when it begins anew. */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStateFolder, stateFolderName } from '../../storage/state-folder.ts'

/** The lock stays until all else is gone, so that no process begins on a half of it. */
const lockFile = '.lock'

export class LocalStateFolder {
  readonly path: string
  readonly #folder: ReturnType<typeof openStateFolder>

  /** Locks it; undefined when there is none. Throws `DataFolderLockedError` while a process has it, `StorageError`. */
  static open(dir: string, app: string): LocalStateFolder | undefined {
    if (!existsSync(join(dir, stateFolderName(app)))) return undefined
    return new LocalStateFolder(openStateFolder(dir, app))
  }

  private constructor(folder: ReturnType<typeof openStateFolder>) {
    this.#folder = folder
    this.path = folder.path
  }

  remove(): void {
    for (const name of readdirSync(this.path)) {
      if (name !== lockFile) rmSync(join(this.path, name), { recursive: true, force: true })
    }
    this.#folder.release()
    try {
      rmdirSync(this.path)
    } catch {
      // Another process has begun in it meanwhile, with nothing.
    }
  }

  release(): void {
    this.#folder.release()
  }
}
