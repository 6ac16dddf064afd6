/**
 * kafka-do/opentelemetry: spans for sending and handling records, by OpenTelemetry's messaging conventions, and the trace's
 * context in the records' headers (`traceparent`), so that a trace goes on where a record is handled.
 *
 *   send orders ──traceparent in the header──▶ process orders ──▶ what the handler does
 *
 * Needs the package `@opentelemetry/api`; an SDK decides where spans go.
 */
import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { ProcessTrace, SendTrace, TraceHeaders, Tracing } from '../client/tracing.ts'
import { KafkaError } from '../core/errors.ts'
import { version } from '../core/version.ts'

/** Options of `openTelemetry`. */
export interface OpenTelemetryOptions {
  /** Default: the one that is registered with the API. */
  tracerProvider?: TracerProvider | undefined
}

/**
 * For `tracing` of a client's config.
 *
 * - `send TOPIC` (producer): one for a send, one for a batch.
 * - `process TOPIC` (consumer): around a handler of `consume` or `forEach`, a child of the span that sent the record; around
 *   a batch handler, with links to the spans that sent its records. Loops (`for await`) have none: see `contextOf`.
 * @example new Client({ tracing: openTelemetry() })
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Tracing {
  const provider = options.tracerProvider ?? trace
  const tracer = provider.getTracer('kafka-do', version)
  return {
    send(about, run) {
      const kind = SpanKind.PRODUCER
      const span = tracer.startSpan(`send ${about.topic}`, {
        kind,
        attributes: sendAttributes(about),
      })
      const within = trace.setSpan(context.active(), span)
      return ended(span, within, async () => {
        const stored = await run(injected(within))
        const [first] = stored
        if (first && about.count === 1) {
          span.setAttribute('messaging.destination.partition.id', String(first.partition))
          span.setAttribute('messaging.kafka.offset', Number(first.offset))
        }
        return stored
      })
    },
    process(about, run) {
      const { records, isBatch } = about
      const [first] = records
      const creators = records.map(contextOf)
      const links = isBatch ? creators.flatMap(linkTo) : []
      const parent = isBatch ? context.active() : creators[0]!
      const span = tracer.startSpan(
        `process ${first!.topic}`,
        { kind: SpanKind.CONSUMER, attributes: processAttributes(about), links },
        parent,
      )
      return ended(span, trace.setSpan(parent, span), run)
    },
  }
}

/** The context that a record was sent in, for spans of your own; the active one where its headers name none. */
export function contextOf(record: {
  readonly headers: { readonly [name: string]: string }
}): Context {
  return propagation.extract(context.active(), record.headers)
}

async function ended<T>(span: Span, within: Context, run: () => Promise<T>): Promise<T> {
  try {
    return await context.with(within, run)
  } catch (error) {
    const type = error instanceof KafkaError ? error.code : ((error as Error)?.name ?? '_OTHER')
    span.setAttribute('error.type', type)
    span.recordException(error as Error)
    span.setStatus({ code: SpanStatusCode.ERROR, message: String((error as Error)?.message) })
    throw error
  } finally {
    span.end()
  }
}

function injected(within: Context): TraceHeaders {
  const headers: { [name: string]: string } = {}
  propagation.inject(within, headers)
  return Object.entries(headers)
}

function linkTo(creator: Context): Link[] {
  const span = trace.getSpanContext(creator)
  return span ? [{ context: span }] : []
}

function sendAttributes({ topic, clientId, count, key }: SendTrace): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.client.id': clientId,
    ...(count !== 1 && { 'messaging.batch.message_count': count }),
    ...(typeof key === 'string' && { 'messaging.kafka.message.key': key }),
  }
}

function processAttributes({ records, isBatch, clientId, group }: ProcessTrace): Attributes {
  const [first] = records
  const topics = new Set(records.map(({ topic }) => topic))
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.client.id': clientId,
    ...(topics.size === 1 && { 'messaging.destination.name': first!.topic }),
    ...(group !== undefined && { 'messaging.consumer.group.name': group }),
    ...(isBatch
      ? { 'messaging.batch.message_count': records.length }
      : {
          'messaging.destination.partition.id': String(first!.partition),
          'messaging.kafka.offset': Number(first!.offset),
          ...(typeof first!.key === 'string' && { 'messaging.kafka.message.key': first!.key }),
        }),
  }
}

export type { ProcessTrace, SendTrace, TraceHeaders, Tracing } from '../client/tracing.ts'
