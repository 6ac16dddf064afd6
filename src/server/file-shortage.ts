/**
 * Says that the process has no file left for another connection: once a minute, however many come. The system then
 * closes connections as they come, mostly without telling us, so it is seen from the numbers that sockets get: each is
 * the lowest that is free. Open connections go on, and so do the broker's files, which have spare ones.
 */
import type { Socket } from 'node:net'
import type { Runtime } from '../core/runtime.ts'
import { openFilesLimit } from '../storage/process-limit.ts'

const reportIntervalMs = 60_000
/** So few are left that the next files and connections take them. */
const nearlyNone = 8

export class FileShortage {
  readonly #runtime: Runtime
  readonly #limit = openFilesLimit()
  #reportedAtMs = Number.NEGATIVE_INFINITY

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** A connection was accepted. */
  accepted(socket: Socket): void {
    const { _handle: handle } = socket as { _handle?: { readonly fd?: number } | null }
    if (handle?.fd !== undefined && handle.fd >= this.#limit - nearlyNone) this.#report(undefined)
  }

  /** A connection could not be accepted. False when it was for another reason. */
  failed(error: NodeJS.ErrnoException): boolean {
    const isShortage = error.code === 'EMFILE' || error.code === 'ENFILE'
    if (isShortage) this.#report(error)
    return isShortage
  }

  #report(err: Error | undefined): void {
    const nowMs = this.#runtime.monotonicNow()
    if (nowMs - this.#reportedAtMs < reportIntervalMs) return
    this.#reportedAtMs = nowMs
    this.#runtime.logger.error(
      { openFilesLimit: this.#limit, ...(err && { err }) },
      'the process has reached its limit on open files, so new connections are closed. Raise the limit (ulimit -n), or lower maxConnections or maxOpenFiles',
    )
  }
}
