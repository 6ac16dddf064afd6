/** A server with an HTTP port, and requests to it. */
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at what it expects.
  readonly body: any
}

export interface HttpFixture {
  readonly server: Server
  readonly url: string
  /** `target` begins with a slash; an object as body is sent as JSON. */
  ask(
    method: string,
    target: string,
    init?: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Answered>
  [Symbol.asyncDispose](): Promise<void>
}

export async function openHttp(config: ServerConfig = {}): Promise<HttpFixture> {
  const server = await createServer({
    ...(config.upstream === undefined && { data: 'memory:', port: 0 }),
    httpPort: 0,
    ...config,
  })
  return { ...httpAt(server.httpUrl!), server, [Symbol.asyncDispose]: () => server.close() }
}

export function httpAt(url: string): Pick<HttpFixture, 'url' | 'ask'> {
  return {
    url,
    async ask(method, target, { body, headers = {}, signal } = {}) {
      const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
      const response = await fetch(url + target, {
        method,
        headers: { ...(!isRaw && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) }),
        ...(signal && { signal }),
      })
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json')
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson ? parse(text) : undefined,
      }
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
