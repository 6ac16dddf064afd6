/**
 * A request and its reply as routes see them: less than the platform's `Request` and `Response`, which cost more than a whole
 * small request on Node. An adapter makes them of what the platform has: `web-adapter.ts`, `node-adapter.ts`.
 */

export interface RequestBody {
  /** As Content-Length says, bytes; undefined: it does not say. 0: there is none. */
  readonly declaredBytes: number | undefined
  /**
   * All of it, as it was sent. Rejects with `HttpError` 413 once there are more than `maxBytes`, with 400 when it is cut off,
   * and 408 when it stops coming.
   */
  whole(maxBytes: number): Promise<Uint8Array>
  /** Piece by piece, as it was sent; no more is read than is taken. */
  chunks(): AsyncIterable<Uint8Array>
}

export interface HttpRequest {
  /** In capitals. */
  readonly method: string
  /** Path and query as they were sent: `/v1/topics/a%20b?key=c`. */
  readonly target: string
  /** The value of a header, by its name in small letters; several are joined with `, `. */
  header(name: string): string | undefined
  /** The headers whose names begin with this, in small letters: names without it, in small letters, and values. */
  headersWith(prefix: string): readonly (readonly [name: string, value: string])[]
  readonly body: RequestBody
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
  /** Without its port; `unknown` where the platform does not tell. */
  readonly clientAddress: string
  readonly isTls: boolean
}

/** Ends by itself once the request's signal aborts. It holds no more in memory than the piece that is being sent. */
export type ReplyStream = AsyncIterable<Uint8Array>

export interface HttpReply {
  readonly status: number
  /** Names in small letters. */
  readonly headers: { readonly [name: string]: string }
  /** A list of pieces is one body. */
  readonly body?: string | Uint8Array | readonly Uint8Array[] | ReplyStream | undefined
}

/** A reply with all that goes with it. */
export interface HttpAnswer {
  readonly status: number
  /** Name, value, name, value …: a list costs less than an object that is made for each answer. */
  readonly headers: readonly string[]
  readonly body: HttpReply['body']
}

/** The headers of a reply behind those that go with every answer, in whose place they stand where both name one. */
export function headerList(
  always: readonly string[],
  own: HttpReply['headers'],
  requestId: string,
): string[] {
  const list = ['x-request-id', requestId]
  for (let i = 0; i < always.length; i += 2)
    if (!Object.hasOwn(own, always[i]!)) list.push(always[i]!, always[i + 1]!)
  for (const name in own) list.push(name, own[name]!)
  return list
}

export function isStream(body: HttpReply['body']): body is ReplyStream {
  return typeof body === 'object' && Symbol.asyncIterator in body
}

/** For a stream that nobody will read: it is begun, so that it ends and gives back what it holds. */
export async function discard(body: HttpReply['body']): Promise<void> {
  if (!isStream(body)) return
  const iterator = body[Symbol.asyncIterator]()
  await iterator.next().catch(() => undefined)
  await iterator.return?.()
}

export function jsonReply(
  status: number,
  value: unknown,
  headers: HttpReply['headers'] = {},
): HttpReply {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)),
  }
}
