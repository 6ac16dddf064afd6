/** Where a new secret goes: to standard output, or to a file for its owner only. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import type { CreatedApiKey } from '../../client/admin/keys.ts'
import { valueOption } from '../shell/command.ts'
import { CommandError } from '../shell/command-error.ts'
import type { Output } from '../shell/output.ts'

export const keyFileOption = valueOption({
  placeholder: 'file',
  doc: 'write the key to this new file, readable by its owner only, instead of printing it',
  completes: 'file',
})

/** A file that will hold a key: made before there is one, so that none is lost to a full disk or a wrong name. */
export class KeyFile {
  readonly path: string
  readonly #file: number
  #isKept = false

  /** Throws `CommandError`, also for a file that is there already. */
  static create(path: string): KeyFile {
    try {
      return new KeyFile(path, openSync(path, 'wx', 0o600))
    } catch (error) {
      const { code = 'FAILED', message } = error as NodeJS.ErrnoException
      throw new CommandError(
        code === 'EEXIST'
          ? `the file ${path} already exists`
          : `the file ${path} cannot be created: ${message}`,
        { code, cause: error },
      )
    }
  }

  private constructor(path: string, file: number) {
    this.path = path
    this.#file = file
  }

  /** Throws the system's error; then `close` removes the file. */
  keep(key: string): void {
    writeSync(this.#file, `${key}\n`)
    this.#isKept = true
  }

  close(): void {
    closeSync(this.#file)
    if (!this.#isKept) rmSync(this.path, { force: true })
  }
}

/** Makes a key by `make` and tells it: in a file, or on standard output. */
export async function printKey(
  path: string | undefined,
  out: Output,
  make: () => Promise<CreatedApiKey>,
): Promise<void> {
  const file = path === undefined ? undefined : KeyFile.create(path)
  try {
    const { key, ...made } = await make()
    file?.keep(key)
    const { id, name, scopes, createdBy, createdAt, expiresAt, previousSecretUntil } = made
    await out.document(
      {
        ...{ id, name, scopes, createdBy, createdAt, expiresAt, previousSecretUntil },
        ...(file ? { keyFile: file.path } : { key }),
      },
      {
        facts: [
          ['id', id],
          ['name', name],
          ['scopes', scopes.join(' ')],
          ['expires', expiresAt?.toISOString() ?? 'never'],
          file ? ['key file', file.path] : ['key', key],
        ],
      },
    )
    if (!file && out.isForPeople) out.note('The key is not shown again.')
  } finally {
    file?.close()
  }
}
