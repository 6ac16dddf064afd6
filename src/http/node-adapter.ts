/** Requests and replies of Node's own `http` server, without the platform's `Request` in between, which would cost more than all else. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { concatBytes, emptyBytes, encodeUtf8 } from '../core/bytes.ts'
import type { Runtime } from '../core/runtime.ts'
import {
  discard,
  type HttpAnswer,
  type HttpReply,
  type HttpRequest,
  isStream,
  type RequestBody,
} from './http-exchange.ts'
import { bodyTaken, HttpError } from './problem.ts'
import type { StallClock } from './stall-clock.ts'

export interface NodeAdapterOptions {
  readonly runtime: Runtime
  readonly stalls: StallClock
  readonly bodyTimeout: number
  readonly sendTimeout: number
  /** Memory for a body, where there is a bound; resolves when it is there. */
  readonly claimMemory?:
    | ((bytes: number, drop: () => void) => Promise<{ release(): void }>)
    | undefined
  /** Counts an answer that the other end of the socket has to read, where there is a bound; it is dropped for others who wait. */
  readonly holdAnswer?: ((socket: Socket) => HeldAnswer) | undefined
}

/** What an answer holds that has not left. */
export interface HeldAnswer {
  /** Never waits. */
  resize(bytes: number): void
  release(): void
}

/** Longer answers are sent in pieces of so many bytes. */
const pieceBytes = 262_144
/** Smaller bodies claim no memory: as many as there are connections are bounded by their number. */
const claimFromBytes = 65_536

/** Answers one request; never rejects. */
export async function answerNode(
  message: IncomingMessage,
  response: ServerResponse,
  handle: (request: HttpRequest) => Promise<HttpAnswer>,
  options: NodeAdapterOptions,
): Promise<void> {
  if (!response.socket) await turnOf(response)
  // It came behind a body that was cut: its answer could not be sent.
  if (isEnding.has(message.socket)) return void message.socket.destroy()
  const request = new NodeRequest(message, response, options)
  try {
    const reply = await handle(request)
    await send(message, response, reply, options)
  } catch (error) {
    options.runtime.logger.debug({ err: error }, 'an HTTP answer was cut off')
    response.destroy()
  } finally {
    request.done()
  }
}

const slash = 47
const absoluteForm = /^https?:\/\/([^/?#]*)([^#]*)/i

/**
 * A request that came before the one ahead of it was answered has its turn when that is: till then its answer would only be
 * held. When the connection ends before, this never resolves, and nobody is left who waits.
 */
function turnOf(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('socket', () => resolve()))
}

class NodeRequest implements HttpRequest {
  readonly method: string
  readonly target: string
  readonly body: NodeBody
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  /** Of a URL that is written out, as for a proxy: it counts in the place of Host (RFC 9112). */
  readonly #authority: string | undefined
  #gone: AbortController | undefined

  constructor(message: IncomingMessage, response: ServerResponse, options: NodeAdapterOptions) {
    this.method = message.method ?? 'GET'
    const url = message.url ?? '/'
    const isOriginForm = url.charCodeAt(0) === slash
    const absolute = isOriginForm ? undefined : absoluteForm.exec(url)
    this.target = absolute ? absolute[2] || '/' : url
    this.#authority = absolute?.[1]
    this.#message = message
    this.#response = response
    this.body = new NodeBody(message, response, options)
  }

  header(name: string): string | undefined {
    if (name === 'host' && this.#authority !== undefined) return this.#authority
    const value = this.#message.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  headersWith(prefix: string): (readonly [string, string])[] {
    const { rawHeaders } = this.#message
    const found: [string, string][] = []
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!
      if (name.length < prefix.length || (name.charCodeAt(0) | 32) !== prefix.charCodeAt(0))
        continue
      const lower = name.toLowerCase()
      if (lower.startsWith(prefix)) found.push([lower.slice(prefix.length), rawHeaders[i + 1]!])
    }
    return found
  }

  get signal(): AbortSignal {
    if (!this.#gone) {
      const gone = new AbortController()
      this.#gone = gone
      if (this.#response.destroyed) gone.abort()
      else this.#response.once('close', () => gone.abort())
    }
    return this.#gone.signal
  }

  get clientAddress(): string {
    return this.#message.socket.remoteAddress ?? 'unknown'
  }

  get isTls(): boolean {
    return 'encrypted' in this.#message.socket
  }

  done(): void {
    this.body.release()
  }
}

class NodeBody implements RequestBody {
  readonly declaredBytes: number | undefined
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #options: NodeAdapterOptions
  #claims: { release(): void }[] = []
  #isBegun = false

  constructor(message: IncomingMessage, response: ServerResponse, options: NodeAdapterOptions) {
    this.#message = message
    this.#response = response
    this.#options = options
    const { 'content-length': length, 'transfer-encoding': transfer } = message.headers
    this.declaredBytes =
      length !== undefined ? Number(length) : transfer !== undefined ? undefined : 0
  }

  whole(maxBytes: number): Promise<Uint8Array> {
    const { declaredBytes } = this
    if (declaredBytes === 0) return Promise.resolve(emptyBytes)
    if (declaredBytes === undefined && !this.#isOnlyChunked) return Promise.reject(encoded())
    if (this.#message.readableDidRead) return Promise.reject(bodyTaken())
    if ((declaredBytes ?? 0) > maxBytes) return Promise.reject(tooLong(maxBytes))
    const { claimMemory } = this.#options
    if (claimMemory && (declaredBytes ?? claimFromBytes) >= claimFromBytes)
      return this.#readOnceClaimed(maxBytes, claimMemory)
    this.#begin()
    return this.#read(maxBytes)
  }

  async #readOnceClaimed(
    maxBytes: number,
    claimMemory: NonNullable<NodeAdapterOptions['claimMemory']>,
  ): Promise<Uint8Array> {
    const drop = () => this.#message.destroy()
    const bytes = this.declaredBytes ?? Math.min(maxBytes, 1_048_576)
    const claim = await claimMemory(bytes, drop)
    if (this.#response.destroyed) claim.release()
    else this.#claims.push(claim)
    this.#begin()
    return this.#read(maxBytes)
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.declaredBytes === 0) return
    if (this.declaredBytes === undefined && !this.#isOnlyChunked) throw encoded()
    if (this.#message.readableDidRead) throw bodyTaken()
    this.#begin()
    const message = this.#message
    while (!message.readableEnded) {
      const chunk = message.read() as Uint8Array | null
      if (chunk) yield chunk
      else if (message.errored) throw cutOff(message.errored)
      else if (!message.readableEnded) await this.#more()
    }
  }

  /** Resolves when there may be more to read, or its end is known. The connection stays, so that a failure can be told. */
  #more(): Promise<void> {
    const message = this.#message
    const { stalls, bodyTimeout } = this.#options
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        stall.rest()
        for (const [name, listener] of listeners) message.off(name, listener)
        settle()
      }
      const fail = (error: unknown) => end(() => reject(error))
      const stall = stalls.watch(bodyTimeout, () => fail(stalled(bodyTimeout))())
      const listeners = [
        ['readable', end(resolve)],
        ['end', end(resolve)],
        ['error', fail(cutOff(undefined))],
        ['close', () => (message.readableEnded ? end(resolve) : fail(cutOff(undefined)))()],
      ] as const
      for (const [name, listener] of listeners) message.on(name, listener)
      if (message.destroyed && !message.readableEnded) fail(cutOff(undefined))()
    })
  }

  release(): void {
    for (const claim of this.#claims.splice(0)) claim.release()
  }

  get #isOnlyChunked(): boolean {
    return this.#message.headers['transfer-encoding']?.trim().toLowerCase() === 'chunked'
  }

  /** Whoever asks whether the body is wanted is told that it is. */
  #begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    if (this.#message.headers.expect?.toLowerCase() === '100-continue')
      this.#response.writeContinue()
  }

  #read(maxBytes: number): Promise<Uint8Array> {
    const message = this.#message
    const { stalls, bodyTimeout } = this.#options
    return new Promise((resolve, reject) => {
      const parts: Uint8Array[] = []
      let total = 0
      // Listeners stay on: the message is of no use to anybody else, and taking them off costs.
      let isOver = false
      // Every message closes in the end: the error is made only where there is one, for its stack costs.
      const fail = (error: () => HttpError) => {
        if (isOver) return
        isOver = true
        stall.rest()
        message.pause()
        reject(error())
      }
      const stall = stalls.watch(bodyTimeout, () => fail(() => stalled(bodyTimeout)))
      message.on('data', (chunk: Uint8Array) => {
        if (isOver) return
        total += chunk.length
        if (total > maxBytes) return fail(() => tooLong(maxBytes))
        parts.push(chunk)
        if (total !== this.declaredBytes) stall.touch()
      })
      message.on('end', () => {
        if (isOver) return
        isOver = true
        stall.rest()
        resolve(
          parts.length === 0 ? emptyBytes : parts.length === 1 ? parts[0]! : concatBytes(parts),
        )
      })
      message.on('close', () => fail(() => cutOff(undefined)))
    })
  }
}

async function send(
  message: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
  options: NodeAdapterOptions,
): Promise<void> {
  const { runtime, stalls, sendTimeout, holdAnswer } = options
  if (response.destroyed) return discard(body)
  const hasNoBody = message.method === 'HEAD' || status === 204 || status === 304
  // What is left of a body that nobody has read would be taken for the next request.
  const { 'content-length': length, 'transfer-encoding': transfer } = message.headers
  const isCut = !message.complete && length !== '0' && (length ?? transfer) !== undefined
  const all = [...headers]
  if (isCut) all.push('connection', 'close')
  if (!isStream(body)) {
    if (isCut) endSoon(message, runtime)
    if (status !== 204)
      all.push('content-length', String(body === undefined ? 0 : byteLength(body)))
    response.writeHead(status, all)
    const size = hasNoBody || body === undefined ? 0 : byteLength(body)
    if (!isPieces(body) && size < pieceBytes) sendWhole(response, hasNoBody ? undefined : body)
    else await sendPieces(message, response, hasNoBody ? [] : piecesOf(body!), options)
    if (!response.writableFinished) dropIfStuck(response, options)
    return
  }
  response.writeHead(status, all)
  if (hasNoBody) {
    response.end()
    return discard(body)
  }
  // A live stream's reader is to see at once that it is there.
  response.flushHeaders()
  const iterator = body[Symbol.asyncIterator]()
  let held: HeldAnswer | undefined
  try {
    for (;;) {
      const next = await iterator.next()
      if (next.done || response.destroyed) break
      if (response.write(next.value)) continue
      held ??= holdAnswer?.(message.socket)
      held?.resize(response.writableLength)
      if (!(await drained(response, stalls, sendTimeout))) break
      held?.resize(0)
    }
  } finally {
    held?.release()
    await iterator.return?.()
  }
  response.end()
}

/**
 * Text goes out in one piece with the headers: `end(body)` alone would write it and an empty piece behind it, by a call that
 * takes several, which costs a third more.
 */
function sendWhole(response: ServerResponse, body: string | Uint8Array | undefined): void {
  if (typeof body !== 'string' || body === '') {
    response.end(body)
    return
  }
  response.cork()
  response.write(body)
  response.uncork()
  response.end()
}

/**
 * A long body a piece at a time, as the reader takes it: what the socket has been given as a whole looks the same whether it
 * moves or not. The last piece may be on its way when this resolves; a reader that is gone is no error.
 */
async function sendPieces(
  { socket }: IncomingMessage,
  response: ServerResponse,
  pieces: readonly Uint8Array[],
  { stalls, sendTimeout, holdAnswer }: NodeAdapterOptions,
): Promise<void> {
  const held = holdAnswer?.(socket)
  let left = byteLength(pieces)
  held?.resize(left)
  response.once('close', () => held?.release())
  response.cork()
  for (const piece of pieces) {
    const isTaken = response.write(piece)
    left -= piece.length
    if (isTaken || left === 0) continue
    response.uncork()
    if (response.writableNeedDrain && !(await drained(response, stalls, sendTimeout))) return
    held?.resize(left)
    response.cork()
  }
  response.uncork()
  response.end()
}

/** What is left of an answer has to leave in time, or the connection goes. */
function dropIfStuck(response: ServerResponse, { stalls, sendTimeout }: NodeAdapterOptions): void {
  if (response.destroyed || response.writableLength === 0) return
  const stall = stalls.watch(sendTimeout, () => response.destroy())
  response.once('close', () => stall.rest())
}

function isPieces(body: HttpReply['body']): body is readonly Uint8Array[] {
  return Array.isArray(body)
}

/** None of them longer than a piece may be. */
function piecesOf(body: string | Uint8Array | readonly Uint8Array[]): Uint8Array[] {
  const whole =
    typeof body === 'string' ? [encodeUtf8(body)] : body instanceof Uint8Array ? [body] : body
  return whole.flatMap((bytes) => {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += pieceBytes)
      pieces.push(bytes.subarray(at, at + pieceBytes))
    return pieces
  })
}

function byteLength(body: string | Uint8Array | readonly Uint8Array[]): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array
    ? body.length
    : body.reduce((sum, { length }) => sum + length, 0)
}

/** False: the reader is gone, or has taken nothing for too long. */
function drained(
  response: ServerResponse,
  stalls: StallClock,
  sendTimeout: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const stall = stalls.watch(sendTimeout, () => response.destroy())
    const end = (isDrained: boolean) => () => {
      stall.rest()
      response.off('drain', onDrain).off('close', onClose)
      resolve(isDrained)
    }
    const onDrain = end(true)
    const onClose = end(false)
    response.on('drain', onDrain).on('close', onClose)
    if (response.destroyed) onClose()
  })
}

/**
 * What still comes is dropped, for a while: whoever is told to stop may need a moment to see the answer. A connection that
 * is closed while bytes are on their way is reset, and the other end may lose the answer that it was sent (RFC 9112, 9.6).
 * Node's server closes it as soon as the answer has left, so it is told to end its own half only.
 */
function endSoon(message: IncomingMessage, runtime: Runtime): void {
  const { socket } = message
  isEnding.add(socket)
  socket.destroySoon = () => {
    socket.end()
    const timer = runtime.setTimer(lingerMs, () => socket.destroy(), { background: true })
    socket.once('close', () => timer.cancel())
  }
  message.resume()
}

/** Connections that take no request any more. */
const isEnding = new WeakSet<Socket>()
const lingerMs = 1000

function tooLong(maxBytes: number): HttpError {
  return new HttpError(413, `The body is longer than ${maxBytes} bytes`, {
    code: 'MESSAGE_TOO_LARGE',
  })
}

/** What was compressed on its way would be stored as it came. */
function encoded(): HttpError {
  return new HttpError(501, 'The only Transfer-Encoding that is known here is chunked', {
    code: 'INVALID_REQUEST',
  })
}

function cutOff(cause: unknown): HttpError {
  return new HttpError(400, 'The body ended before it was whole', {
    code: 'INVALID_REQUEST',
    cause,
  })
}

function stalled(timeoutMs: number): HttpError {
  return new HttpError(408, `Nothing of the body came for ${timeoutMs} ms`, {
    code: 'BODY_TIMED_OUT',
    retriable: true,
  })
}
