/** A connection whose code is loaded, and which is made, at the first exchange. */
import type { BackupRequest } from '../backend/backend.ts'
import { ClosedError } from '../core/errors.ts'
import type { Api } from '../protocol/api.ts'
import type { Connection, ExchangeOptions } from './connection.ts'
import { noBackup } from './no-backup.ts'

export class LazyConnection implements Connection {
  readonly url: string
  readonly #open: () => Promise<Connection>
  #connection: Connection | undefined
  #opening: Promise<Connection> | undefined
  #isClosed = false

  constructor(url: string, open: () => Promise<Connection>) {
    this.url = url
    this.#open = open
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options?: ExchangeOptions,
  ): Promise<Response> {
    const connection = this.#connection ?? (await this.#opened())
    return connection.exchange(api, request, options)
  }

  async *backup(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined> {
    const connection = await this.#opened()
    if (!connection.backup) throw noBackup(this.url)
    yield* connection.backup(request)
  }

  releaseLane(lane: string): void {
    this.#connection?.releaseLane(lane)
  }

  async #opened(): Promise<Connection> {
    if (this.#connection) return this.#connection
    if (this.#isClosed) {
      throw new ClosedError('The client is closed; create a new Client', {
        code: 'CLIENT_CLOSED',
      })
    }
    this.#opening ??= this.#open()
    this.#connection = await this.#opening
    return this.#connection
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await (await this.#opening)?.close()
  }
}
