/** The folder of an application's state. What it is in, and how it is locked, is not known here. */

export interface StateFolder {
  /** Absolute, for messages. */
  readonly path: string
  pathOf(name: string): string
  /** Names of the folders in it, those that were set aside left out. */
  folders(): string[]
  /** Removes a folder with all it has; no error when it does not exist. */
  remove(name: string): void
  /** Gives a folder another name; returns its path. One that was set aside before is removed. */
  setAside(name: string): string
  /** Undefined when the file is not there. */
  readText(name: string): string | undefined
  /** As a whole or not at all. */
  writeText(name: string, text: string): void
  /** Others may have it. Idempotent. */
  release(): void
}

/** Locks the folder of `app` in `dir`, and makes it if it does not exist. Throws `DataFolderLockedError`, `StorageError`. */
export type OpenStateFolder = (dir: string, app: string) => Promise<StateFolder>
