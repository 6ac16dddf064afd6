/**
 * Where telemetry looks on at a server: around each request that clients make, in the hall. `kafka-do/opentelemetry` has one
 * that speaks OpenTelemetry. Nothing is done for it where there is none.
 */

/** What the server calls around requests, for traces and durations: see `openTelemetryServer` of `kafka-do/opentelemetry`. */
export interface ServerTelemetry {
  /**
   * Calls `run` once and returns its result: the error in the response, or undefined. What `run` throws is why there is
   * no answer.
   */
  request(about: RequestTrace, run: () => Promise<string | undefined>): Promise<string | undefined>
}

/** A request that a client makes. */
export interface RequestTrace {
  /** Kafka's name for it: `Produce`. */
  readonly api: string
  readonly version: number
  /** As the client calls itself; null: it does not. */
  readonly clientId: string | null
  /** The name of the listener. */
  readonly listener: string
  /** Without its port. */
  readonly clientAddress: string
}

export function isServerTelemetry(value: unknown): value is ServerTelemetry {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { readonly request?: unknown }).request === 'function'
  )
}
