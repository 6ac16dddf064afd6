/** Telemetry that looks on at the requests of clients, from before the first step of a hall. */
import { errorName } from '../protocol/error-codes.ts'
import type { Answer } from './backend.ts'
import { eachErrorCode } from './errors-in-answer.ts'
import type { Serve } from './hall.ts'
import type { RequestTrace, ServerTelemetry } from './server-telemetry.ts'

/** For `trace` of a hall. */
export function tracedBy(telemetry: ServerTelemetry): (next: Serve) => Serve {
  return (next) => async (served, request, context) => {
    const { session, version, clientId } = context
    // What the server does for itself is no request of a client.
    if (session.authentication === 'system') return next(served, request, context)
    const { listener, clientAddress } = session
    const about: RequestTrace = { api: served.api.name, version, clientId, listener, clientAddress }
    let answer: Answer<unknown> | undefined
    await telemetry.request(about, async () => {
      answer = await next(served, request, context)
      return firstError(answer.response)
    })
    return answer!
  }
}

function firstError(response: unknown): string | undefined {
  let first: string | undefined
  eachErrorCode(response, (code) => {
    first ??= errorName(code)
  })
  return first
}
