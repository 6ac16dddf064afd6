/**
 * The connection over HTTP: Kafka's frames in the body of `POST {base}/v1/frames/{node}`, answered by frames, with an API key
 * as bearer. The service knows where the nodes are; here they are only numbers.
 *
 * Requests go side by side, each in a POST of its own, so a fetch that waits holds up nobody. Produce requests to a node are
 * in order, which idempotence needs: one POST at a time, with all that was asked while the one before was under way
 * (`produce-line.ts`).
 *
 * Outcomes: what fails before a POST is made did not happen ('failed'); what was posted and got no answer may have
 * ('unknown').
 */

import type { BackupRequest } from '../../backend/backend.ts'
import { abortReason } from '../../core/backoff.ts'
import { concatBytes, emptyBytes } from '../../core/bytes.ts'
import {
  ClosedError,
  DisconnectedError,
  KafkaError,
  TimeoutError,
  UnauthorizedError,
} from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { version as packageVersion } from '../../core/version.ts'
import { within } from '../../core/within.ts'
import type { Api } from '../../protocol/api.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import { decodeResponseFrame, encodeRequestFrame } from '../../protocol/frame.ts'
import {
  type ApiVersionsResponse,
  apiVersions,
  createApiVersionsRequest,
} from '../../protocol/messages/generated/api-versions.ts'
import { produce } from '../../protocol/messages/generated/produce.ts'
import type { Connection, ExchangeOptions } from '../connection.ts'
import { ExchangesUnderWay } from '../exchanges-under-way.ts'
import { Throttle } from '../throttle.ts'
import { framesIn } from './frames-in.ts'
import type { ServiceUrl } from './http-url.ts'
import { type Post, type Posted, postByFetch } from './post.ts'
import { type Line, ProduceLine } from './produce-line.ts'
import { refusalOf, retryAfterMs } from './refusal.ts'

export interface HttpOptions {
  /** For messages. */
  readonly url: string
  readonly service: ServiceUrl
  readonly apiKey: string | undefined
  readonly clientId: string
  readonly runtime: Runtime
  /** For exchanges that give no limit, milliseconds. */
  readonly timeoutMs: number
  /** Default: by `fetch`. */
  readonly post?: Post | undefined
}

interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

/** What one node serves, by API. */
type NodeVersions = ReadonlyMap<number, VersionRange>

/** How long `close` waits for answers to what was asked before. */
const quietMs = 2000

export class HttpConnection implements Connection {
  readonly url: string
  readonly #options: HttpOptions
  readonly #runtime: Runtime
  readonly #post: Post
  readonly #headers: { readonly [name: string]: string }
  readonly #versions = new Map<string, Promise<NodeVersions>>()
  readonly #lines = new Map<string, ProduceLine>()
  readonly #throttle: Throttle
  readonly #closing = new AbortController()
  #correlationId = 0
  readonly #exchanges = new ExchangesUnderWay()
  #closed: Promise<void> | undefined

  constructor(options: HttpOptions) {
    this.url = options.url
    this.#options = options
    this.#runtime = options.runtime
    this.#post = options.post ?? postByFetch
    this.#throttle = new Throttle(options.runtime)
    this.#headers = {
      'content-type': 'application/octet-stream',
      ...(options.apiKey !== undefined && { authorization: `Bearer ${options.apiKey}` }),
    }
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options: ExchangeOptions = {},
  ): Promise<Response> {
    const { nodeId, signal, timeoutMs = this.#options.timeoutMs, oneWay = false } = options
    if (this.#closed) throw closedConnection()
    if (signal?.aborted) throw abortReason(signal)
    const node = nodeId === undefined ? 'any' : String(nodeId)
    const deadline = this.#runtime.monotonicNow() + timeoutMs
    const leftMs = () => Math.max(1, deadline - this.#runtime.monotonicNow())
    this.#exchanges.begin()
    try {
      const versions = await within(this.#runtime, this.#versionsOf(node), {
        timeoutMs,
        signal,
        onTimeout: () => this.#timedOut(api.name, timeoutMs, 'failed'),
      })
      if (this.#throttle.over) {
        await within(this.#runtime, this.#throttle.over, {
          timeoutMs: leftMs(),
          signal,
          onTimeout: () => this.#timedOut(api.name, timeoutMs, 'failed'),
        })
      }
      if (this.#closing.signal.aborted) throw closedConnection()
      const version = this.#versionIn(versions, api, options.maxVersion)
      const content =
        typeof request === 'function' ? (request as (version: number) => Request)(version) : request
      const frame = this.#encode(api, version, content)
      const giveUp = new AbortController()
      // A produce request may share its POST with others: it goes on without whoever waits no more.
      const answered =
        api.key === produce.key
          ? this.#lineTo(node).send({ frame, hasAnswer: !oneWay, signal: giveUp.signal })
          : this.#sendAlone(node, frame, giveUp.signal)
      const answer = await within(this.#runtime, answered, {
        timeoutMs: leftMs(),
        signal,
        onTimeout: () => this.#timedOut(api.name, timeoutMs, 'unknown'),
      }).catch((error: unknown) => {
        giveUp.abort(error)
        if (error instanceof DisconnectedError) this.#versions.delete(node)
        throw error
      })
      // There is no response.
      if (answer === undefined) return undefined as Response
      const response = decodeResponseFrame(api as Api<unknown, Response>, version, answer)
      this.#throttle.heed(api.key, version, response)
      return response
    } finally {
      this.#exchanges.end()
    }
  }

  /** It is under way until it ends, or the connection is closed. */
  async *backup(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined> {
    const { previous = emptyBytes, maxBytesPerSecond: rate, signal: ending } = request
    const closing = this.#closing.signal
    const signal = ending ? AbortSignal.any([ending, closing]) : closing
    const query = rate === undefined ? '' : `?maxBytesPerSecond=${rate}`
    const posted = await this.#posted(`backup${query}`, previous, signal, 'application/json')
    try {
      yield* posted.body ?? []
    } catch (error) {
      throw this.#lost(error, signal)
    }
  }

  /** Requests wait for no others: there is nothing to let go of. */
  releaseLane(): void {}

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#exchanges.quiet(this.#runtime, quietMs)
    this.#throttle.end()
    this.#closing.abort(closedConnection())
    this.#post.end?.()
  }

  #encode<Request>(api: Api<Request, unknown>, version: number, content: Request): Uint8Array {
    const correlationId = this.#correlationId
    this.#correlationId = (correlationId + 1) & 0x7fffffff
    const header = { apiVersion: version, correlationId, clientId: this.#options.clientId }
    return concatBytes(encodeRequestFrame(api, header, content))
  }

  #lineTo(node: string): Line {
    let line = this.#lines.get(node)
    if (!line) {
      line = new ProduceLine(
        (body, onFrame, abandoned) => {
          const signal = AbortSignal.any([abandoned, this.#closing.signal])
          return this.#exchangeFrames(node, body, signal, onFrame)
        },
        (count) => this.#cutOff(count),
      )
      this.#lines.set(node, line)
    }
    return line
  }

  async #sendAlone(node: string, frame: Uint8Array, giveUp: AbortSignal): Promise<Uint8Array> {
    let answer: Uint8Array | undefined
    const signal = AbortSignal.any([giveUp, this.#closing.signal])
    await this.#exchangeFrames(node, frame, signal, (received) => {
      answer = received
    })
    if (!answer) throw this.#cutOff(1)
    return answer
  }

  /** Posts frames and hands over those that come back. Rejects with `KafkaError`. */
  async #exchangeFrames(
    node: string,
    body: Uint8Array,
    signal: AbortSignal,
    onFrame: (frame: Uint8Array) => void,
  ): Promise<void> {
    const posted = await this.#posted(`frames/${node}`, body, signal)
    try {
      await framesIn(posted.body, onFrame)
    } catch (error) {
      throw error instanceof KafkaError ? error : this.#lost(error, signal)
    }
  }

  async #posted(
    path: string,
    body: Uint8Array,
    signal: AbortSignal,
    contentType?: string,
  ): Promise<Posted> {
    let posted: Posted
    try {
      posted = await this.#post(`${this.#options.service.base}/v1/${path}`, {
        headers: contentType ? { ...this.#headers, 'content-type': contentType } : this.#headers,
        body,
        signal,
      })
    } catch (error) {
      throw this.#lost(error, signal)
    }
    if (posted.status === 200) return posted
    const refusal = await refusalOf(posted, this.#options.service.origin)
    const pauseMs = posted.status === 429 || posted.status === 503 ? retryAfterMs(posted) : 0
    if (pauseMs > 0) this.#throttle.pauseFor(pauseMs)
    throw refusal
  }

  /** Asked once of each node, and again after it was lost. */
  #versionsOf(node: string): Promise<NodeVersions> {
    let versions = this.#versions.get(node)
    if (!versions) {
      const asked = this.#askVersions(node)
      versions = asked
      this.#versions.set(node, versions)
      asked.catch(() => {
        if (this.#versions.get(node) === asked) this.#versions.delete(node)
      })
    }
    return versions
  }

  async #askVersions(node: string): Promise<NodeVersions> {
    let response = await this.#askVersionsIn(node, 3)
    // Who does not know the version answers in the oldest, with what it knows (KIP-511).
    if (errorName(response.errorCode) === 'UNSUPPORTED_VERSION')
      response = await this.#askVersionsIn(node, 0)
    if (response.errorCode !== 0) throw errorFrom(response.errorCode)
    return new Map(
      response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
        apiKey,
        { minVersion, maxVersion },
      ]),
    )
  }

  async #askVersionsIn(node: string, version: number): Promise<ApiVersionsResponse> {
    const about =
      version >= 3 ? { clientSoftwareName: 'kafka-do', clientSoftwareVersion: packageVersion } : {}
    const frame = this.#encode(apiVersions, version, createApiVersionsRequest(about))
    const limit = new AbortController()
    const { timeoutMs } = this.#options
    try {
      const answer = await within(this.#runtime, this.#sendAlone(node, frame, limit.signal), {
        timeoutMs,
        onTimeout: () => this.#timedOut(apiVersions.name, timeoutMs, 'failed'),
      })
      return decodeResponseFrame(apiVersions, version, answer)
    } catch (error) {
      limit.abort(error)
      throw asNothingSent(error)
    }
  }

  /** The newest version that both sides know. Throws `KafkaError` UNSUPPORTED_VERSION. */
  #versionIn(
    versions: NodeVersions,
    api: Api<never, unknown> | Api<unknown, unknown>,
    maxVersion = api.maxVersion,
  ): number {
    const served = versions.get(api.key)
    const version = Math.min(maxVersion, api.maxVersion, served?.maxVersion ?? -1)
    if (version >= api.minVersion && version >= served!.minVersion) return version
    const theirs = served ? `v${served.minVersion} to v${served.maxVersion}` : 'none'
    throw new KafkaError(
      `${this.#options.service.origin} serves ${theirs} of ${api.name}; this client supports v${api.minVersion} to v${api.maxVersion}. The service is too old (or too new) for this request`,
      { code: 'UNSUPPORTED_VERSION' },
    )
  }

  #cutOff(unanswered: number): DisconnectedError {
    return new DisconnectedError(
      `${this.#options.service.origin} ended its response early: ${unanswered} of the requests have no response`,
      { code: 'NETWORK_EXCEPTION', retriable: true, outcome: 'unknown' },
    )
  }

  #lost(error: unknown, signal: AbortSignal): unknown {
    if (this.#closing.signal.aborted) return closedConnection()
    if (signal.aborted) return abortReason(signal)
    const cause = (error as { cause?: { code?: unknown; message?: unknown } } | undefined)?.cause
    const why =
      typeof cause?.message === 'string' && cause.message !== ''
        ? cause.message
        : (cause?.code ?? (error as Error).message)
    if (refusedCertificates.has(String(cause?.code))) {
      return new UnauthorizedError(
        `The certificate of ${this.#options.service.origin} is not trusted: ${why}. Add its authority with tls.ca or NODE_EXTRA_CA_CERTS`,
        { code: 'TLS_CERTIFICATE_REFUSED', cause: error },
      )
    }
    const isUnreached = unreached.has(String(cause?.code))
    return new DisconnectedError(
      isUnreached
        ? `${this.#options.service.origin} cannot be reached: ${why}`
        : `The connection to ${this.#options.service.origin} was lost, or never made: ${why}`,
      {
        code: 'NETWORK_EXCEPTION',
        retriable: true,
        outcome: isUnreached ? 'failed' : 'unknown',
        cause: error,
      },
    )
  }

  #timedOut(api: string, timeoutMs: number, outcome: 'failed' | 'unknown'): TimeoutError {
    const why = outcome === 'failed' ? 'it was not sent' : 'no answer came'
    return new TimeoutError(
      `${api} at ${this.#options.service.origin} took longer than ${Math.round(timeoutMs)} ms: ${why}`,
      { code: 'REQUEST_TIMED_OUT', retriable: true, outcome },
    )
  }
}

/** Nothing was sent after these: of Node, Deno and Bun, as far as they tell. */
const unreached: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'CONNECT_TIMED_OUT', 'ConnectionRefused'],
])

/** What Node says of a certificate. */
const refusedCertificates: ReadonlySet<string> = new Set([
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED'],
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ...['ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_NOT_YET_VALID'],
])

/** Whatever was asked to get there: the request itself was not sent. */
function asNothingSent(error: unknown): unknown {
  if (!(error instanceof DisconnectedError || error instanceof TimeoutError)) return error
  const Kind = error.constructor as typeof KafkaError
  const { message, code, retriable } = error
  return new Kind(message, { code, retriable, outcome: 'failed', cause: error })
}

function closedConnection(): ClosedError {
  return new ClosedError('The client is closed; create a new Client', {
    code: 'CLIENT_CLOSED',
  })
}
