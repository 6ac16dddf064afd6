/** The HTTP API and the listener before it. Loaded by the server that has one: it brings a client's parts with it. */
import type { AccessGuard } from '../access/access-guard.ts'
import type { HallGuard } from '../backend/hall.ts'
import { isLoopback } from '../core/loopback.ts'
import { HttpApi } from '../http/handler.ts'
import type { ResolvedHttpConfig } from '../http/http-config.ts'
import type { HttpMetrics } from '../http/http-metrics.ts'
import { consolePages } from './console-pages.ts'
import { FetchMemory } from './fetch-memory.ts'
import { HttpListener, type HttpListenerOptions } from './http-listener.ts'
import type { Served } from './served.ts'
import type { ConnectionLimits, ResolvedServerConfig } from './server-config.ts'

/** What every listener of a server is given. */
export interface ListenerParts extends Omit<HttpListenerOptions, 'api' | 'config' | 'limits'> {
  readonly limits: ConnectionLimits
  /** Of all HTTP listeners together. */
  readonly httpMetrics: HttpMetrics
}

export function createHttpApi(
  { runtime, socketRequestMaxBytes, allowAnonymous }: ResolvedServerConfig,
  http: ResolvedHttpConfig,
  { nodes }: Served,
  guards: { readonly guard: AccessGuard | undefined; readonly hall: HallGuard },
  { name, host, tls, metrics, httpMetrics, budget }: ListenerParts,
): HttpApi {
  if (guards.guard && !tls && !isLoopback(host)) {
    runtime.logger.warn(
      { listener: name, host },
      'API keys are sent unencrypted over the network, unless a proxy in front of this server does TLS (--tls-cert, --tls-key)',
    )
  }
  const allowedHosts =
    http.allowedHosts ?? (isLoopback(host) ? [...loopbackNames, host] : undefined)
  return new HttpApi({
    ...{ ...guards, nodes, runtime, allowAnonymous },
    config: http,
    allowedHosts,
    maxFrameBytes: Math.min(socketRequestMaxBytes, budget.requestBytesMax),
    listener: name,
    metrics: httpMetrics,
    advertised: () => ({ host, port: 0 }),
    ...(http.console && { pages: consolePages() }),
    openAnswerMemory: () =>
      new FetchMemory({
        budget,
        bytesMax: http.maxReadBytes,
        onExpired: () => metrics.reached('memoryWaitTimeout'),
      }),
  })
}

/** Listens. Throws `KafkaError` LISTEN_FAILED. */
export function openHttpListener(
  http: ResolvedHttpConfig,
  api: HttpApi,
  parts: ListenerParts,
): Promise<HttpListener> {
  return HttpListener.open({ ...parts, api, config: http })
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']
