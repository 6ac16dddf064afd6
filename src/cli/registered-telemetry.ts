/**
 * OpenTelemetry for `kafka-do serve`, when the process was started with an SDK (`node --import …`): an SDK leaves itself in a
 * global of the API's. Without one nothing is loaded.
 */
import type { ServerTelemetry } from '../backend/server-telemetry.ts'
import type { Logger } from '../core/runtime.ts'

/** Where version 1 of `@opentelemetry/api` keeps what was registered with it. */
const registered = Symbol.for('opentelemetry.js.api.1')

export async function registeredTelemetry(logger: Logger): Promise<ServerTelemetry | undefined> {
  const api = (globalThis as { readonly [registered]?: object })[registered]
  if (!api || !('trace' in api || 'metrics' in api)) return undefined
  try {
    const { openTelemetryServer } = await import('../opentelemetry/index.ts')
    return openTelemetryServer()
  } catch (error) {
    logger.warn(
      { err: error },
      'an OpenTelemetry SDK is registered, but @opentelemetry/api cannot be loaded from here; install it beside kafka-do',
    )
    return undefined
  }
}
