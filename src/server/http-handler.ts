/** The HTTP API as a web-standard handler, to be mounted in somebody else's server. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { OpenGuard } from '../access/open-guard.ts'
import { type BrokerConfig, type BrokerConfigInput, brokerOption } from '../broker/config.ts'
import { loggerOption } from '../core/logger-option.ts'
import {
  invalid,
  nested,
  type OptionsOf,
  type OptionTable,
  pem,
  resolveOptions,
  text,
} from '../core/options.ts'
import { createRuntime, type Logger, type Runtime } from '../core/runtime.ts'
import { runtimeOption } from '../core/runtime-option.ts'
import { HttpApi } from '../http/handler.ts'
import { type HttpConfig, httpOptions, type ResolvedHttpConfig } from '../http/http-config.ts'
import type { HttpRequest } from '../http/http-exchange.ts'
import { answerNode } from '../http/node-adapter.ts'
import { StallClock } from '../http/stall-clock.ts'
import { fromWeb, type RequestOrigin, toWeb } from '../http/web-adapter.ts'
import { consolePages } from './console-pages.ts'
import { openServed } from './served.ts'
import { serverOptions } from './server-config.ts'

/** Options of `createHttpHandler`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface HttpHandlerConfig {
  /**
   * The data folder, as a path or a `file:` URL, or `memory:` to keep data in memory only. Default
   * `'./.kafka-do'`.
   */
  data?: string | undefined
  /**
   * Cluster to act as a gateway for: `kafka://host:9092,host2:9092` or
   * `kafka+tls://user:password@host`. Default: the data folder is served.
   */
  upstream?: string | undefined
  /**
   * Certificate authorities to trust for an `upstream` with TLS, PEM. Default: the well-known ones.
   */
  upstreamCa?: string | Uint8Array | undefined
  /** Path it is mounted at, such as `/events`. Default: the root. */
  basePath?: string | undefined
  /** Limits and access rules of HTTP. */
  http?: HttpConfig | undefined
  /** Settings of the broker. */
  broker?: BrokerConfigInput | undefined
  /** Receives structured log messages; a pino logger fits. Default: none. */
  logger?: Logger | undefined
  /** Clock, timers and randomness, for tests. */
  runtime?: Runtime | undefined
}

/** The API, ready to be mounted. Its functions may be passed on by themselves. */
export interface HttpHandler {
  /** For Bun.serve, Deno.serve, Hono, Next.js and whatever else takes a `Request` and gives a `Response`. Never rejects. */
  readonly fetch: (request: Request, origin?: RequestOrigin) => Promise<Response>
  /** For Express and for `node:http`, which it costs less. Never rejects. */
  readonly node: (message: IncomingMessage, response: ServerResponse) => Promise<void>
  /** Ends live streams, finishes requests in flight, and releases all resources. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface ResolvedHandlerConfig {
  readonly data: string
  readonly upstream: string | undefined
  readonly upstreamCa: string | Uint8Array | undefined
  readonly basePath: string | undefined
  readonly http: ResolvedHttpConfig | undefined
  readonly broker: BrokerConfig | undefined
  readonly logger: Logger
  readonly runtime: Runtime | undefined
}

export const httpHandlerOptions: OptionTable<ResolvedHandlerConfig> = {
  data: serverOptions.data,
  upstream: text(undefined),
  upstreamCa: pem(),
  basePath: { ...text(undefined), read: readBasePath },
  http: nested(undefined, httpOptions, (given) => given),
  broker: brokerOption,
  logger: loggerOption,
  runtime: runtimeOption,
} satisfies OptionsOf<HttpHandlerConfig>

const maxFrameBytes = 100 * 1_048_576

/** Throws `ConfigError` naming the key. */
export function resolveHttpHandlerConfig(input: HttpHandlerConfig | undefined) {
  const { logger, runtime, http, ...config } = resolveOptions(
    'HttpHandlerConfig',
    httpHandlerOptions,
    input,
  )
  if (config.upstream !== undefined && input?.data !== undefined) {
    throw invalid('HttpHandlerConfig.data and HttpHandlerConfig.upstream exclude each other')
  }
  return {
    ...config,
    http: http ?? resolveOptions('HttpHandlerConfig.http', httpOptions, {}),
    runtime: runtime ?? createRuntime(logger),
  }
}

/**
 * Opens the data folder, or acts as a gateway to another cluster. It has no access control: the code in front of it
 * decides who gets here. Throws as `createServer` does.
 * @example
 * const handler = await createHttpHandler({ upstream: 'kafka://broker:9092' })
 * Bun.serve({ port: 8080, fetch: handler.fetch })
 */
export async function createHttpHandler(config?: HttpHandlerConfig): Promise<HttpHandler> {
  const resolved = resolveHttpHandlerConfig(config)
  const { runtime, http, basePath = '' } = resolved
  const hall = new OpenGuard()
  const { nodes } = await openServed({
    ...{ ...resolved, guard: hall, urlName: 'HttpHandlerConfig.upstream' },
  })
  const api = new HttpApi({
    ...{ nodes, runtime, hall, config: http, maxFrameBytes, listener: 'http' },
    advertised: () => ({ host: 'http', port: 0 }),
    // Whoever mounts the API may have pages of their own there.
    ...(config?.http?.console && { pages: consolePages(basePath) }),
  })
  const handle = (request: HttpRequest) => api.handle(below(basePath, request))
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= api.close().finally(() => nodes.close())
    return closing
  }
  const { bodyTimeout, sendTimeout } = http
  const stalls = new StallClock(runtime)
  return {
    fetch: async (request, origin = {}) =>
      toWeb(await handle(fromWeb(request, origin ?? {})), request.method),
    node: (message, response) =>
      answerNode(message, response, handle, { runtime, stalls, bodyTimeout, sendTimeout }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The request as the API would have it, were it mounted at the root. */
function below(basePath: string, request: HttpRequest): HttpRequest {
  const { target } = request
  if (basePath === '' || !target.startsWith(`${basePath}/`)) return request
  return {
    method: request.method,
    target: target.slice(basePath.length),
    header: (name) => request.header(name),
    headersWith: (prefix) => request.headersWith(prefix),
    body: request.body,
    get signal() {
      return request.signal
    },
    clientAddress: request.clientAddress,
    isTls: request.isTls,
  }
}

function readBasePath(value: unknown, name: string): string {
  const path = text('').read(value, name)
  if (/^(\/[^/?#\s]+)+$/.test(path)) return path
  throw invalid(`${name} must be a path such as /events, without a slash at its end; got '${path}'`)
}
