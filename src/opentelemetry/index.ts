/**
 * kafka-do/opentelemetry: spans and metrics of sending and handling records, by OpenTelemetry's messaging conventions, and
 * the trace's context in the records' headers (`traceparent`), so that a trace goes on where a record is handled.
 *
 *   send orders ──traceparent in the header──▶ process orders ──▶ what the handler does
 *
 * Needs the package `@opentelemetry/api`; an SDK decides where spans and metrics go.
 */
import {
  type Attributes,
  type Context,
  type Counter,
  context,
  createNoopMeter,
  type Histogram,
  type Link,
  type MeterProvider,
  metrics,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { errorLabel } from '../client/metrics.ts'
import type { ProcessTrace, SendTrace, Telemetry, TraceHeaders } from '../client/telemetry.ts'
import { createRuntime } from '../core/runtime.ts'
import { version } from '../core/version.ts'
import type { OpenTelemetryOptions } from './options.ts'

const clock = createRuntime()

/**
 * For `telemetry` of a client's config.
 *
 * - `send TOPIC` (producer): one for a send, one for a batch.
 * - `process TOPIC` (consumer): around a handler of `consume` or `forEach`, a child of the span that sent the record; around
 *   a batch handler, with links to the spans that sent its records. Loops (`for await`) have none: see `contextOf`.
 * - `commit APP` (internal): a commit of a stream application.
 * - `poll TOPIC` (client): a fetch that brought records.
 *
 * Metrics: `messaging.client.sent.messages`, `messaging.client.consumed.messages`, and in seconds
 * `messaging.client.operation.duration` (sends and polls) and `messaging.process.duration` (handlers).
 * @example new Client({ telemetry: openTelemetry() })
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const provider = options.tracerProvider ?? trace
  const tracer = provider.getTracer('kafka-do', version)
  const { operations, sent, handlers, handed } = instruments(options.meterProvider ?? metrics)
  // Unlike a tracer, a meter stays what it was when it was made.
  const hasMeter = (options.meterProvider ?? metrics).getMeter('kafka-do') !== createNoopMeter()
  let isActive = hasMeter || options.tracerProvider !== undefined
  return {
    isActive() {
      isActive ||= hasSdk()
      return isActive
    },
    send(about, run) {
      const kind = SpanKind.PRODUCER
      const span = tracer.startSpan(`send ${about.topic}`, {
        kind,
        attributes: sendAttributes(about),
      })
      const within = trace.setSpan(context.active(), span)
      const labels = commonAttributes('send', about.topic)
      const measures = { durations: operations, messages: sent, count: about.count, labels }
      return ended(span, within, measures, async () => {
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
      const labels = {
        ...commonAttributes('process', soleTopic(records)),
        ...groupAttribute(about.group),
      }
      const measures = { durations: handlers, messages: handed, count: records.length, labels }
      return ended(span, trace.setSpan(parent, span), measures, run)
    },
    async commit({ application, clientId, transactionalId, tasks, count }, run) {
      const span = tracer.startSpan(`commit ${application}`, {
        kind: SpanKind.INTERNAL,
        root: true,
        attributes: {
          'messaging.system': 'kafka',
          'messaging.operation.name': 'commit',
          'messaging.operation.type': 'settle',
          'messaging.client.id': clientId,
          'messaging.consumer.group.name': application,
          'messaging.batch.message_count': count,
          'kafka_do.streams.tasks': [...tasks],
          ...(transactionalId !== undefined && {
            'kafka_do.streams.transactional_id': transactionalId,
          }),
        },
      })
      try {
        await context.with(trace.setSpan(context.active(), span), run)
      } catch (error) {
        failed(span, error)
        throw error
      } finally {
        span.end()
      }
    },
    polled({ topic, clientId, group, count, startedAt, durationMs }) {
      const labels = { ...commonAttributes('poll', topic), ...groupAttribute(group) }
      const span = tracer.startSpan(`poll ${topic}`, {
        kind: SpanKind.CLIENT,
        root: true,
        startTime: new Date(startedAt),
        attributes: {
          ...labels,
          'messaging.client.id': clientId,
          'messaging.batch.message_count': count,
        },
      })
      span.end(new Date(startedAt + durationMs))
      operations.record(durationMs / 1000, labels)
    },
  }
}

/** Whether spans go anywhere, or contexts are passed on. Without an SDK they do not, until one is registered. */
function hasSdk(): boolean {
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegateTracer?(name: string): unknown
  }
  const hasTracer = provider.getDelegateTracer?.('kafka-do') !== undefined
  return hasTracer || !provider.getDelegateTracer || propagation.fields().length > 0
}

/** The context that a record was sent in, for spans of your own; the active one where its headers name none. */
export function contextOf(record: {
  readonly headers: { readonly [name: string]: string | null }
}): Context {
  return propagation.extract(context.active(), record.headers)
}

/** Where one operation is written down besides its span. */
interface Measures {
  readonly durations: Histogram
  readonly messages: Counter
  /** Records. */
  readonly count: number
  readonly labels: Attributes
}

/** Runs it within its span, and ends the span with what came of it. */
async function ended<T>(
  span: Span,
  within: Context,
  { durations, messages, count, labels }: Measures,
  run: () => Promise<T>,
): Promise<T> {
  const startedAt = clock.monotonicNow()
  let outcome = labels
  try {
    return await context.with(within, run)
  } catch (error) {
    const type = errorLabel(error)
    outcome = { ...labels, 'error.type': type }
    failed(span, error)
    throw error
  } finally {
    span.end()
    durations.record((clock.monotonicNow() - startedAt) / 1000, outcome)
    messages.add(count, outcome)
  }
}

function failed(span: Span, error: unknown): void {
  span.setAttribute('error.type', errorLabel(error))
  span.recordException(error as Error)
  span.setStatus({ code: SpanStatusCode.ERROR, message: String((error as Error)?.message) })
}

/** Seconds, as the conventions advise. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

function instruments(provider: Pick<MeterProvider, 'getMeter'>) {
  const meter = provider.getMeter('kafka-do', version)
  const seconds = { unit: 's', advice: { explicitBucketBoundaries: boundaries } }
  const messages = { unit: '{message}' }
  return {
    operations: meter.createHistogram('messaging.client.operation.duration', {
      ...seconds,
      description:
        'Duration of sends until the records were stored, and of polls until records arrived',
    }),
    sent: meter.createCounter('messaging.client.sent.messages', {
      ...messages,
      description: 'Records passed to send',
    }),
    handlers: meter.createHistogram('messaging.process.duration', {
      ...seconds,
      description: 'Duration of handlers',
    }),
    handed: meter.createCounter('messaging.client.consumed.messages', {
      ...messages,
      description: 'Records passed to handlers',
    }),
  }
}

function groupAttribute(group: string | undefined): Attributes {
  return group === undefined ? {} : { 'messaging.consumer.group.name': group }
}

/** Undefined for a batch from several. */
function soleTopic(records: readonly { topic: string }[]): string | undefined {
  const [first, ...others] = records
  return others.every(({ topic }) => topic === first!.topic) ? first!.topic : undefined
}

/** What spans and metrics both say. */
function commonAttributes(
  operation: 'send' | 'poll' | 'process',
  topic: string | undefined,
): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation === 'poll' ? 'receive' : operation,
    ...(topic !== undefined && { 'messaging.destination.name': topic }),
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
    ...commonAttributes('send', topic),
    'messaging.client.id': clientId,
    ...(count !== 1 && { 'messaging.batch.message_count': count }),
    ...(typeof key === 'string' && { 'messaging.kafka.message.key': key }),
  }
}

function processAttributes({ records, isBatch, clientId, group }: ProcessTrace): Attributes {
  const [first] = records
  return {
    ...commonAttributes('process', soleTopic(records)),
    'messaging.client.id': clientId,
    ...groupAttribute(group),
    ...(isBatch
      ? { 'messaging.batch.message_count': records.length }
      : {
          'messaging.destination.partition.id': String(first!.partition),
          'messaging.kafka.offset': Number(first!.offset),
          ...(typeof first!.key === 'string' && { 'messaging.kafka.message.key': first!.key }),
        }),
  }
}

export type { RequestTrace, ServerTelemetry } from '../backend/server-telemetry.ts'
export type {
  PollTrace,
  ProcessTrace,
  SendTrace,
  Telemetry,
  TraceHeaders,
} from '../client/telemetry.ts'
export type { OpenTelemetryOptions } from './options.ts'
export { openTelemetryServer } from './server.ts'
