/** A Kafka client of single frames on a socket, for tests of the listener. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { concatBytes } from '../../src/core/bytes.ts'
import type { Api } from '../../src/protocol/api.ts'
import {
  correlationIdOf,
  decodeResponseFrame,
  encodeRequestFrame,
} from '../../src/protocol/frame.ts'
import { FrameSplitter } from '../../src/protocol/frame-splitter.ts'

export class RawClient {
  readonly socket: Socket
  /** Frames received, without their length, oldest first. */
  readonly frames: Uint8Array[] = []
  readonly received: Buffer[] = []
  isClosed = false
  #correlationId = 0
  #onNews: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    const splitter = new FrameSplitter(2 ** 31 - 1)
    socket.on('data', (chunk: Buffer) => {
      this.received.push(chunk)
      try {
        splitter.push(chunk, (frame) => this.frames.push(frame.slice()))
      } catch {
        // Not frames: a test that sent HTTP looks at `received`.
      }
      this.#news()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isClosed = true
      this.#news()
    })
  }

  /** With `ca` over TLS. */
  static open(
    port: number,
    { ca, ...options }: { allowHalfOpen?: boolean; ca?: string } = {},
  ): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const at = { port, host: '127.0.0.1', ...options }
      const socket = ca === undefined ? connect(at) : connectTls({ ...at, ca })
      socket.once('error', reject)
      const event = ca === undefined ? 'connect' : 'secureConnect'
      socket.once(event, () => resolve(new RawClient(socket)))
    })
  }

  /** Begins counting anew. */
  forget(): void {
    this.frames.length = 0
    this.#correlationId = 0
  }

  /** The bytes of a request; its correlation id is one more than that of the one before. */
  encode<Request>(api: Api<Request, unknown>, apiVersion: number, request: Request): Uint8Array {
    const correlationId = this.#correlationId++
    return concatBytes(
      encodeRequestFrame(api, { apiVersion, correlationId, clientId: 'raw' }, request),
    )
  }

  send<Request>(api: Api<Request, unknown>, apiVersion: number, request: Request): void {
    this.socket.write(this.encode(api, apiVersion, request))
  }

  /** Resolves once so many frames have come. */
  async until(count: number): Promise<void> {
    await this.when(() => this.frames.length >= count)
  }

  async closed(): Promise<void> {
    await this.when(() => this.isClosed)
  }

  async when(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#onNews.push(resolve))
  }

  /** The frames' correlation ids in order. */
  get answered(): number[] {
    return this.frames.map(correlationIdOf)
  }

  decode<Request, Response>(api: Api<Request, Response>, version: number, index: number): Response {
    return decodeResponseFrame(
      api as unknown as Api<unknown, Response>,
      version,
      this.frames[index]!,
    )
  }

  #news(): void {
    for (const resolve of this.#onNews.splice(0)) resolve()
  }
}
