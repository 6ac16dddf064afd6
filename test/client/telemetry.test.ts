/** Traces that go on from the sender to the handler, and metrics, by OpenTelemetry. */
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, Message } from '../../src/index.ts'
import { contextOf, openTelemetry } from '../../src/opentelemetry/index.ts'
import { useCluster } from './test-cluster.ts'

const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
})
afterAll(() => {
  context.disable()
  propagation.disable()
})

describe('telemetry with OpenTelemetry', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(async () => {
    exporter.reset()
    kafka = cluster.open({ clientId: 'traced', telemetry: openTelemetry({ tracerProvider }) })
    await kafka.admin.createTopic('orders')
  })

  const spans = () => exporter.getFinishedSpans()
  const spanOf = (name: string) => spans().find((span) => span.name === name)!

  async function consumeOne(handle: () => unknown): Promise<void> {
    const enough = new AbortController()
    const config = { group: 'billing', signal: enough.signal }
    await kafka.consume('orders', config, async () => {
      enough.abort()
      await handle()
    })
  }

  test('a send and the handling of its record are one trace, with what the handler does', async () => {
    const tracer = tracerProvider.getTracer('test')
    await tracer.startActiveSpan('request', async (span) => {
      await kafka.produce('orders', { n: 1 }, { key: 'k', headers: { own: 'header' } })
      span.end()
    })
    await consumeOne(() => tracer.startActiveSpan('bill', (span) => span.end()))
    const [request, sent, processed, bill] = [
      'request',
      'send orders',
      'process orders',
      'bill',
    ].map(spanOf)
    expect(sent).toMatchObject({
      kind: SpanKind.PRODUCER,
      parentSpanContext: { spanId: request!.spanContext().spanId },
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'orders',
        'messaging.destination.partition.id': '0',
        'messaging.kafka.offset': 0,
        'messaging.kafka.message.key': 'k',
        'messaging.client.id': 'traced',
      },
    })
    expect(processed).toMatchObject({
      kind: SpanKind.CONSUMER,
      parentSpanContext: { spanId: sent!.spanContext().spanId },
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.consumer.group.name': 'billing',
        'messaging.destination.name': 'orders',
        'messaging.kafka.offset': 0,
      },
    })
    expect(bill!.parentSpanContext?.spanId).toBe(processed!.spanContext().spanId)
    const traces = [request, sent, processed, bill].map((span) => span!.spanContext().traceId)
    expect(new Set(traces).size).toBe(1)
    const [record] = await kafka.consumer('orders').take(1).toArray()
    expect(Object.keys(record!.headers)).toEqual(['own', 'traceparent'])
    expect(trace.getSpanContext(contextOf(record!))?.spanId).toBe(sent!.spanContext().spanId)
  })

  test('a batch: one span for its sends, one with links for its handling', async () => {
    const producer = kafka.producer('orders')
    await producer.sendBatch([1, new Message(2, { headers: { traceparent: 'mine' } })])
    await producer.send(3)
    const enough = new AbortController()
    await kafka.consumeBatch(
      'orders',
      { group: 'billing', batchSize: 3, signal: enough.signal },
      () => enough.abort(),
    )
    const sends = spans().filter(({ name }) => name === 'send orders')
    expect(sends.map(({ attributes }) => attributes['messaging.batch.message_count'])).toEqual([
      2,
      undefined,
    ])
    const processed = spanOf('process orders')
    expect(processed.attributes).toMatchObject({ 'messaging.batch.message_count': 3 })
    // The header that was given by hand is kept, and names no span.
    expect(processed.links.map((link) => link.context.spanId)).toEqual(
      sends.map((span) => span.spanContext().spanId),
    )
  })

  test('a poll that brought records: a trace of its own', async () => {
    await kafka.producer('orders').sendBatch([1, 2, 3])
    const before = Date.now()
    await consumeOne(() => undefined)
    const polled = spanOf('poll orders')
    expect(polled).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'messaging.operation.name': 'poll',
        'messaging.operation.type': 'receive',
        'messaging.destination.name': 'orders',
        'messaging.consumer.group.name': 'billing',
        'messaging.client.id': 'traced',
        'messaging.batch.message_count': 3,
      },
    })
    expect(polled.parentSpanContext).toBeUndefined()
    const [startSeconds, startNanos] = polled.startTime
    const startedAt = startSeconds * 1000 + startNanos / 1e6
    expect(startedAt).toBeGreaterThanOrEqual(before - 1)
    expect(startedAt).toBeLessThanOrEqual(Date.now())
    // Empty answers have none.
    expect(spans().filter(({ name }) => name === 'poll orders')).toHaveLength(1)
  })

  test('in a transaction, too', async () => {
    await kafka.transaction('orders', async (tx) => {
      await tx.send(1)
    })
    expect(spanOf('send orders').status.code).toBe(SpanStatusCode.UNSET)
  })

  test('errors are in the spans: of a send, and of a handler', async () => {
    await expect(kafka.produce('orders', 1, { partition: 7 })).rejects.toThrow()
    expect(spanOf('send orders')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'UNKNOWN_TOPIC_OR_PARTITION' },
    })
    await kafka.produce('orders', 1)
    const failing = consumeOne(() => {
      throw new RangeError('too much')
    })
    await expect(failing).rejects.toThrow('too much')
    expect(spanOf('process orders')).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'too much' },
      attributes: { 'error.type': 'RangeError' },
      events: [{ name: 'exception' }],
    })
  })

  test('metrics: how many records were sent and handled, how long that took, and what failed', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter })
    const meterProvider = new MeterProvider({ readers: [reader] })
    kafka = cluster.open({ telemetry: openTelemetry({ tracerProvider, meterProvider }) })
    await kafka.producer('orders').sendBatch([1, 2])
    await expect(kafka.produce('orders', 1, { partition: 7 })).rejects.toThrow()
    await consumeOne(() => undefined)
    await reader.forceFlush()
    const scopes = exporter.getMetrics()[0]!.scopeMetrics
    expect(scopes.map(({ scope }) => scope.name)).toEqual(['kafka-do'])
    const points = scopes[0]!.metrics.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => ({ name: descriptor.name, attributes, value })),
    )
    const send = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'orders',
    }
    const failed = { ...send, 'error.type': 'UNKNOWN_TOPIC_OR_PARTITION' }
    const process = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'orders',
      'messaging.consumer.group.name': 'billing',
    }
    const poll = {
      ...process,
      'messaging.operation.name': 'poll',
      'messaging.operation.type': 'receive',
    }
    const once = expect.objectContaining({ count: 1, sum: expect.any(Number) })
    const expected = [
      { name: 'messaging.client.operation.duration', attributes: send, value: once },
      { name: 'messaging.client.operation.duration', attributes: failed, value: once },
      {
        name: 'messaging.client.operation.duration',
        attributes: poll,
        value: expect.objectContaining({ sum: expect.any(Number) }),
      },
      { name: 'messaging.client.sent.messages', attributes: send, value: 2 },
      { name: 'messaging.client.sent.messages', attributes: failed, value: 1 },
      { name: 'messaging.process.duration', attributes: process, value: once },
      { name: 'messaging.client.consumed.messages', attributes: process, value: 1 },
    ]
    expect(points).toHaveLength(expected.length)
    expect(points).toEqual(expect.arrayContaining(expected))
    await meterProvider.shutdown()
  })
})
