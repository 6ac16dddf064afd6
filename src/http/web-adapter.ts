/** Requests and replies as the web platform has them: for Bun, Deno, Next.js, Hono and whatever else takes `Request` and gives `Response`. */
import { concatBytes, emptyBytes } from '../core/bytes.ts'
import {
  discard,
  type HttpAnswer,
  type HttpRequest,
  isStream,
  type RequestBody,
} from './http-exchange.ts'
import { bodyTaken, HttpError } from './problem.ts'

/** What the platform does not tell. */
export interface RequestOrigin {
  readonly clientAddress?: string | undefined
}

export function fromWeb(
  request: Request,
  { clientAddress = 'unknown' }: RequestOrigin,
): HttpRequest {
  const { url } = request
  const slash = url.indexOf('/', url.indexOf('//') + 2)
  const target = slash < 0 ? '/' : url.slice(slash).replace(/#.*$/, '')
  return {
    method: request.method,
    target,
    header: (name) =>
      request.headers.get(name) ?? (name === 'host' ? new URL(url).host : undefined),
    headersWith: (prefix) =>
      [...request.headers]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value] as const),
    body: new WebBody(request),
    signal: request.signal,
    clientAddress,
    isTls: url.startsWith('https:'),
  }
}

export function toWeb(answer: HttpAnswer, method: string): Response {
  const { status, body } = answer
  const headers = new Headers()
  for (let i = 0; i < answer.headers.length; i += 2)
    headers.append(answer.headers[i]!, answer.headers[i + 1]!)
  const hasNoBody = method === 'HEAD' || status === 204 || status === 304 || body === undefined
  if (hasNoBody) {
    void discard(body)
    return new Response(null, { status, headers })
  }
  return new Response(
    isStream(body) ? streamOf(body) : (whole(body) as string | Uint8Array<ArrayBuffer>),
    { status, headers },
  )
}

function whole(body: string | Uint8Array | readonly Uint8Array[]): string | Uint8Array {
  return typeof body === 'string' || body instanceof Uint8Array ? body : concatBytes(body)
}

class WebBody implements RequestBody {
  readonly declaredBytes: number | undefined
  readonly #request: Request

  constructor(request: Request) {
    const length = request.headers.get('content-length')
    this.#request = request
    this.declaredBytes = request.body === null ? 0 : length === null ? undefined : Number(length)
  }

  async whole(maxBytes: number): Promise<Uint8Array> {
    if ((this.declaredBytes ?? 0) > maxBytes) throw tooLong(maxBytes)
    const parts: Uint8Array[] = []
    let total = 0
    for await (const chunk of this.chunks()) {
      total += chunk.length
      if (total > maxBytes) throw tooLong(maxBytes)
      parts.push(chunk)
    }
    return parts.length === 0 ? emptyBytes : concatBytes(parts)
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const { body, bodyUsed } = this.#request
    if (!body) return
    if (bodyUsed || body.locked) throw bodyTaken()
    const reader = body.getReader()
    try {
      for (;;) {
        const { value, done } = await reader.read()
        if (done) return
        yield value
      }
    } catch (cause) {
      throw new HttpError(400, 'The body ended before it was whole', {
        code: 'INVALID_REQUEST',
        cause,
      })
    } finally {
      reader.cancel().catch(() => undefined)
    }
  }
}

function streamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}

function tooLong(maxBytes: number): HttpError {
  return new HttpError(413, `The body is longer than ${maxBytes} bytes`, {
    code: 'MESSAGE_TOO_LARGE',
  })
}
