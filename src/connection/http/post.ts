/**
 * How a request reaches the service: one POST, whose answer comes as a stream. `fetch` does it everywhere; on Node there is a
 * faster way (`node-post.ts`).
 */

export interface Posted {
  readonly status: number
  readonly header: (name: string) => string | null
  /** The body as it comes; null: none. */
  readonly body: AsyncIterable<Uint8Array> | null
}

export interface PostOptions {
  readonly headers: { readonly [name: string]: string }
  readonly body: Uint8Array
  /** Ends the request, also while its answer is read. */
  readonly signal: AbortSignal
}

/** Rejects with whatever the platform says when there is no answer. */
export interface Post {
  (url: string, options: PostOptions): Promise<Posted>
  /** Lets go of connections that are kept for more, where that is ours to do. */
  end?(): void
}

export const postByFetch: Post = async (url, { headers, body, signal }) => {
  // A key must not follow a redirect to elsewhere. Not 'error', which edge workers do not know.
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body: body as Uint8Array<ArrayBuffer>,
    signal,
    redirect: 'manual',
  })
  return {
    status: response.status,
    header: (name) => response.headers.get(name),
    body: response.body && chunksOf(response.body),
  }
}

/** Browsers have no iterator of a stream. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // Whoever leaves early wants no more of it.
    reader.cancel().catch(() => undefined)
  }
}
