/** Spans and a histogram of the requests that a server answers. */
import {
  context,
  type MeterProvider,
  metrics,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { ServerTelemetry } from '../backend/server-telemetry.ts'
import { KafkaError } from '../core/errors.ts'
import { createRuntime } from '../core/runtime.ts'
import { version } from '../core/version.ts'
import type { OpenTelemetryOptions } from './options.ts'

const clock = createRuntime()

/** Seconds; long polls wait for half a second by default, and for minutes at most. */
const boundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * For `telemetry` of a server's config.
 *
 * A span for each request, named after its Kafka API (`Produce`), of kind server: a child of what is active, such as
 * the span of an HTTP request. Kafka's protocol carries no trace, so those of its clients begin with it. The metric
 * `kafka_do.server.request.duration` has them in seconds, apart by `rpc.method` and `error.type`.
 * @example await createServer({ telemetry: openTelemetryServer() })
 */
export function openTelemetryServer(options: OpenTelemetryOptions = {}): ServerTelemetry {
  const tracer = (options.tracerProvider ?? trace).getTracer('kafka-do', version)
  const meters: Pick<MeterProvider, 'getMeter'> = options.meterProvider ?? metrics
  const durations = meters
    .getMeter('kafka-do', version)
    .createHistogram('kafka_do.server.request.duration', {
      unit: 's',
      description: 'Duration of requests; fetches and joins include waiting',
      advice: { explicitBucketBoundaries: boundaries },
    })
  return {
    async request({ api, version: apiVersion, clientId, listener, clientAddress }, run) {
      const startedAt = clock.monotonicNow()
      const labels = { 'rpc.system': 'kafka', 'rpc.method': api }
      const span = tracer.startSpan(api, {
        kind: SpanKind.SERVER,
        attributes: {
          ...labels,
          'client.address': clientAddress,
          'kafka_do.listener': listener,
          'kafka_do.api.version': apiVersion,
          ...(clientId !== null && { 'messaging.client.id': clientId }),
        },
      })
      let error: string | undefined
      try {
        error = await context.with(trace.setSpan(context.active(), span), run)
        return error
      } catch (cause) {
        error = cause instanceof KafkaError ? cause.code : 'UNKNOWN_SERVER_ERROR'
        span.recordException(cause as Error)
        throw cause
      } finally {
        if (error !== undefined) {
          span.setAttribute('error.type', error)
          span.setStatus({ code: SpanStatusCode.ERROR })
        }
        span.end()
        durations.record((clock.monotonicNow() - startedAt) / 1000, {
          ...labels,
          ...(error !== undefined && { 'error.type': error }),
        })
      }
    },
  }
}
