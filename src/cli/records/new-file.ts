/**
 * A file that is there whole or not at all: written beside its place, synced, and then put there. What is there and no file (a
 * device, a pipe) is written to as it is. Names that end in `.gz` are compressed.
 */
import { createWriteStream, realpathSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { CommandError } from '../shell/command-error.ts'
import { OutputClosed } from '../shell/io.ts'
import { writeTo } from '../shell/output.ts'

export class NewFile {
  readonly path: string
  /** Where it is written. */
  readonly #partial: string
  /** Where it is put. */
  readonly #place: string
  readonly #input = new PassThrough()
  readonly #written: Promise<void>
  readonly #signal: AbortSignal

  constructor(path: string, signal: AbortSignal) {
    this.path = path
    this.#signal = signal
    const stat = statSync(path, { throwIfNoEntry: false })
    // Behind a link, which stays.
    this.#place = stat ? realpathSync(path) : path
    const isFile = stat === undefined || stat.isFile()
    this.#partial = isFile ? `${this.#place}.partial` : this.#place
    const file = createWriteStream(this.#partial, { flush: isFile })
    const written = path.endsWith('.gz')
      ? pipeline(this.#input, createGzip(), file)
      : pipeline(this.#input, file)
    this.#written = written.catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(`${this.#partial} cannot be written: ${error.message}`, {
        ...(error.code !== undefined && { code: error.code }),
        cause: error,
      })
    })
    // It is told when more is written, or at the end.
    this.#written.catch(() => undefined)
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      await Promise.race([writeTo(this.#input, chunk, this.#signal), this.#written])
    } catch (error) {
      // No reader has gone away, as with standard output: the file has failed, and that says why.
      if (error instanceof OutputClosed) await this.#written
      throw error
    }
  }

  /** Resolves when it is in its place, durably. */
  async finish(): Promise<void> {
    this.#input.end()
    await this.#written
    if (this.#partial !== this.#place) await rename(this.#partial, this.#place)
  }

  /** Leaves nothing. */
  async abandon(): Promise<void> {
    this.#input.destroy()
    await this.#written.catch(() => undefined)
    if (this.#partial !== this.#place) await rm(this.#partial, { force: true })
  }
}
