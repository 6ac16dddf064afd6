/** The backups of a broker that are under way. */

import type { BackupRequest } from '../../backend/backend.ts'
import { backupStream } from '../../backup/backup-stream.ts'
import { tellingFailure } from '../../backup/failure-tail.ts'
import { decodeManifest } from '../../backup/manifest.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { LogStore } from '../log/log-store.ts'
import { liveSource } from './live-source.ts'

/** At a time. */
const backupsMax = 4

export class Backups {
  readonly #store: LogStore
  readonly #runtime: Runtime
  readonly #checkOpen: () => void
  #underWay = 0

  /** `checkOpen` throws once the broker is closing. */
  constructor(store: LogStore, runtime: Runtime, checkOpen: () => void) {
    this.#store = store
    this.#runtime = runtime
    this.#checkOpen = checkOpen
  }

  /** See `Backend.backup`. Closing the store ends it. */
  stream(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined> {
    const stream = this.#stream(request)
    return request.tellsFailure ? tellingFailure(stream) : stream
  }

  async *#stream({
    previous,
    maxBytesPerSecond,
    signal,
  }: BackupRequest): AsyncGenerator<Uint8Array, void, undefined> {
    this.#checkOpen()
    if (this.#underWay >= backupsMax)
      throw new KafkaError(`${backupsMax} backups are already running; try again later`, {
        code: 'SERVER_BUSY',
        retriable: true,
      })
    const have = previous && decodeManifest(previous, 'that was sent').files
    const runtime = this.#runtime
    this.#underWay++
    try {
      const source = liveSource(this.#store, runtime)
      yield* backupStream(source, { runtime, have, maxBytesPerSecond, signal })
    } finally {
      this.#underWay--
    }
  }
}
