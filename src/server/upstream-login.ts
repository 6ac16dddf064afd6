/**
 * What a gateway is told where the cluster behind it refuses its own login. Whoever asked has done nothing wrong, and is not told
 * as whom the gateway shows itself, or what the cluster said; the log is.
 */
import type { Connection } from '../connection/connection.ts'
import { KafkaError, UnauthorizedError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'

/** Of a connection that authenticates. What callers may not do is an answer, not an error, of the exchange. */
const refusals: ReadonlySet<string> = new Set([
  ...['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE'],
])
/** Every request meets it, and the log is told so often, milliseconds. */
const logEveryMs = 10_000

export function withOwnLogin(connection: Connection, runtime: Runtime): Connection {
  const { url } = connection
  let loggedAt = Number.NEGATIVE_INFINITY
  const told = (error: unknown): unknown => {
    if (!(error instanceof UnauthorizedError) || !refusals.has(error.code)) return error
    const now = runtime.monotonicNow()
    if (now - loggedAt >= logEveryMs) {
      loggedAt = now
      runtime.logger.error(
        { err: error, upstream: url },
        "the upstream cluster refuses the gateway's own credentials; every request fails until they are right",
      )
    }
    return new KafkaError(
      "The cluster behind this gateway refuses the gateway's own credentials; the key of this request is not the reason. Whoever operates the gateway finds more in its log",
      { code: 'GATEWAY_LOGIN_REFUSED', cause: error },
    )
  }
  return {
    url,
    exchange: (api, request, options) =>
      connection.exchange(api, request, options).catch((error: unknown) => {
        throw told(error)
      }),
    releaseLane: (lane) => connection.releaseLane(lane),
    close: () => connection.close(),
  }
}
