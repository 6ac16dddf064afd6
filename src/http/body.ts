/** Bodies as routes want them: of a media type that they take, inflated, and of no more than a limit. */
import { onAbort } from '../core/abort.ts'
import { concatBytes } from '../core/bytes.ts'
import type { HttpRequest } from './http-exchange.ts'
import { HttpError, serviceClosing } from './problem.ts'

export interface BodyLimits {
  /** Longest body as it is sent, bytes. */
  readonly maxBodyBytes: number
  /** Longest body once it is inflated, bytes. */
  readonly maxInflatedBytes: number
}

/** The whole body, inflated. Rejects with `HttpError`, and throws it for an encoding that is not known. */
export function readBody(request: HttpRequest, limits: BodyLimits): Promise<Uint8Array> {
  const encoding = encodingOf(request)
  const sent = request.body.whole(limits.maxBodyBytes)
  return encoding === undefined ? sent : inflatedBody(encoding, sent, limits)
}

async function inflatedBody(
  encoding: Encoding,
  whole: Promise<Uint8Array>,
  limits: BodyLimits,
): Promise<Uint8Array> {
  const sent = await whole
  if (sent.length === 0) return sent
  const parts: Uint8Array[] = []
  for await (const part of inflated(encoding, justOne(sent), limits.maxInflatedBytes))
    parts.push(part)
  return concatBytes(parts)
}

/** The body as it comes, inflated; of any length. */
export function readChunks(request: HttpRequest): AsyncIterable<Uint8Array> {
  const encoding = encodingOf(request)
  const chunks = request.body.chunks()
  return encoding === undefined ? chunks : inflated(encoding, chunks, Number.POSITIVE_INFINITY)
}

/** Throws `HttpError` 415 unless the request's media type is one of these; without one it is the first. */
export function mediaTypeOf(request: HttpRequest, allowed: readonly string[]): string {
  const given = request.header('content-type')
  if (given === undefined) return allowed[0]!
  const type = given.split(';', 1)[0]!.trim().toLowerCase()
  if (allowed.includes(type)) return type
  throw new HttpError(
    415,
    `The body's media type must be ${allowed.join(' or ')}; got ${type.slice(0, 100)}`,
    {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      headers: { 'accept-post': allowed.join(', ') },
    },
  )
}

/** Ends with an error once the service closes: what came before then has its answer. */
export async function* whileOpen(
  chunks: AsyncIterable<Uint8Array>,
  closed: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  let giveUp: (error: Error) => void = () => undefined
  const stopListening = onAbort(closed, () => giveUp(serviceClosing()))
  try {
    while (!closed.aborted) {
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject
        iterator.next().then(resolve, reject)
      })
      if (next.done) return
      yield next.value
    }
    throw serviceClosing()
  } finally {
    stopListening()
    // It may wait for what never comes.
    void iterator.return?.().catch(() => undefined)
  }
}

type Encoding = 'gzip' | 'br' | 'deflate'

function encodingOf(request: HttpRequest): Encoding | undefined {
  const given = request.header('content-encoding')?.trim().toLowerCase()
  if (given === undefined || given === '' || given === 'identity') return undefined
  if (given === 'gzip' || given === 'x-gzip') return 'gzip'
  if (given === 'br' || given === 'deflate') return given
  throw new HttpError(
    415,
    `The body may be encoded with gzip, br or deflate; got ${given.slice(0, 100)}`,
    {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      headers: { 'accept-encoding': 'gzip, br, deflate' },
    },
  )
}

async function* justOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** No more is inflated than is taken, so a bomb costs what its limit says. */
async function* inflated(
  encoding: Encoding,
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  const [{ createGunzip, createBrotliDecompress, createInflate }, { Readable }] = await Promise.all(
    [import('node:zlib'), import('node:stream')],
  )
  const makers = { gzip: createGunzip, br: createBrotliDecompress, deflate: createInflate }
  const source = Readable.from(chunks, { objectMode: true })
  const stream = makers[encoding]()
  source.on('error', (error) => stream.destroy(error))
  source.pipe(stream)
  let total = 0
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      total += chunk.length
      if (total > maxBytes) {
        throw new HttpError(413, `The body inflates to more than ${maxBytes} bytes`, {
          code: 'MESSAGE_TOO_LARGE',
        })
      }
      yield chunk
    }
  } catch (error) {
    if (error instanceof HttpError) throw error
    throw new HttpError(400, `The body is not ${encoding}: ${(error as Error).message}`, {
      code: 'INVALID_REQUEST',
      cause: error,
    })
  } finally {
    source.destroy()
    stream.destroy()
  }
}
