/** What both, that of a client and that of a server, are given. */
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'

/** Options of `openTelemetry` and `openTelemetryServer`. */
export interface OpenTelemetryOptions {
  /** Default: the one that is registered with the API. */
  tracerProvider?: TracerProvider | undefined
  /** Default: the one that is registered with the API. */
  meterProvider?: MeterProvider | undefined
}
