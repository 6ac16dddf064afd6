/**
 * Who may talk to the door at all, before anybody is asked for a key: the host that a request is for (a web page of elsewhere
 * could have its own name lead here: DNS rebinding), and the origins whose pages may use the API from a browser (CORS).
 */
import type { HttpReply, HttpRequest } from './http-exchange.ts'
import { HttpError } from './problem.ts'

export interface AdmissionOptions {
  /** Names without ports; undefined: any. */
  readonly allowedHosts: readonly string[] | undefined
  /** Undefined: none. */
  readonly corsOrigins: readonly string[] | undefined
}

/** Of every answer: nothing of it is a page, and nobody may keep it. */
const always: readonly string[] = [
  ...['cache-control', 'no-store'],
  ...['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ...['x-content-type-options', 'nosniff'],
]
const sameOrigin: readonly string[] = [...always, 'cross-origin-resource-policy', 'same-origin']

const exposed = 'ETag, Location, Retry-After, X-Request-Id'

export class Admission {
  readonly #hosts: ReadonlySet<string> | undefined
  readonly #origins: ReadonlySet<string>
  /** The last one that was let in: most requests are for the same. */
  #admittedHost: string | undefined

  constructor({ allowedHosts, corsOrigins }: AdmissionOptions) {
    this.#hosts = allowedHosts && new Set(allowedHosts.map((name) => name.toLowerCase()))
    this.#origins = new Set(corsOrigins ?? [])
  }

  /** Throws `HttpError` 421 for a host that is not ours, 400 for a request that names none, or several. */
  checkHost(request: HttpRequest): void {
    const host = request.header('host')
    if (host !== undefined && host === this.#admittedHost) return
    if (host?.includes(',')) {
      throw new HttpError(400, 'The request names several hosts', { code: 'INVALID_REQUEST' })
    }
    if (!this.#hosts) {
      this.#admittedHost = host
      return
    }
    const name = host?.toLowerCase().replace(/:\d*$/, '')
    if (name !== undefined && this.#hosts.has(name)) {
      this.#admittedHost = host
      return
    }
    throw new HttpError(
      name === undefined ? 400 : 421,
      name === undefined
        ? 'The request names no host'
        : `This service does not answer for the host '${name.slice(0, 100)}'. If it should, add it to the allowed hosts (--http-allowed-hosts)`,
      { code: 'HOST_NOT_ALLOWED' },
    )
  }

  /**
   * Throws `HttpError` 403 for a change that a web page of elsewhere asks for. A browser sends such a request, with a body of
   * plain text, without asking first, and only keeps the answer from the page.
   */
  checkOrigin(request: HttpRequest): void {
    const { method } = request
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return
    const origin = request.header('origin')
    if (origin === undefined || this.#allows(origin)) return
    const host = request.header('host')
    if (host !== undefined && origin.toLowerCase().endsWith(`://${host.toLowerCase()}`)) return
    throw new HttpError(
      403,
      `Web pages of '${origin.slice(0, 100)}' may not change anything here. If they should, add it to the origins (--http-cors-origins)`,
      { code: 'ORIGIN_NOT_ALLOWED' },
    )
  }

  /** What goes with the answer to a request of this origin: name, value, name, value … */
  headersFor(request: HttpRequest): readonly string[] {
    if (this.#origins.size === 0) return sameOrigin
    const origin = request.header('origin')
    if (origin === undefined || !this.#allows(origin)) return [...sameOrigin, 'vary', 'Origin']
    return [
      ...always,
      ...['cross-origin-resource-policy', 'cross-origin'],
      ...['vary', 'Origin'],
      ...['access-control-allow-origin', this.#origins.has('*') ? '*' : origin],
      ...['access-control-expose-headers', exposed],
    ]
  }

  /** The answer to a browser that asks before it asks; `allow`: the methods of the path. */
  preflight(request: HttpRequest, allow: string): HttpReply {
    const wanted = request.header('access-control-request-method')
    const origin = request.header('origin')
    if (wanted === undefined || origin === undefined || !this.#allows(origin))
      return { status: 204, headers: { allow } }
    return {
      status: 204,
      headers: {
        allow,
        'access-control-allow-methods': allow,
        // Kafka-Header-… have any name.
        'access-control-allow-headers':
          request.header('access-control-request-headers') ?? 'Authorization, Content-Type',
        'access-control-max-age': '600',
      },
    }
  }

  #allows(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(origin)
  }
}
