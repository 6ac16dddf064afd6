/** Spans and durations of the requests that a server answers, by OpenTelemetry. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { context, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
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
import { afterEach, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { openTelemetryServer } from '../../src/opentelemetry/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'

const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})

let server: Server
afterEach(async () => {
  await server?.close()
  exporter.reset()
})

test('a request is a span, and is in the durations, with the error in its answer', async () => {
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const telemetry = openTelemetryServer({ tracerProvider, meterProvider })
  server = await createServer({ data: 'memory:', port: 0, telemetry })
  await using kafka = new Client({ url: server.url, clientId: 'shop' })
  await kafka.produce('orders', 1)
  await expect(kafka.admin.createTopic('orders')).rejects.toThrow('exists')
  const spans = exporter.getFinishedSpans()
  const produce = spans.find(({ name }) => name === 'Produce')!
  expect(produce.kind).toBe(SpanKind.SERVER)
  expect(produce.attributes).toMatchObject({
    'rpc.system': 'kafka',
    'rpc.method': 'Produce',
    'client.address': '127.0.0.1',
    'messaging.client.id': 'shop',
    'kafka_do.listener': 'kafka',
  })
  const failed = spans.find(({ name }) => name === 'CreateTopics')!
  expect(failed.attributes['error.type']).toBe('TOPIC_ALREADY_EXISTS')
  expect(failed.status.code).toBe(SpanStatusCode.ERROR)
  await reader.forceFlush()
  const [metric] = metricExporter.getMetrics()[0]!.scopeMetrics[0]!.metrics
  expect(metric!.descriptor).toMatchObject({ name: 'kafka_do.server.request.duration', unit: 's' })
  const labels = metric!.dataPoints.map(({ attributes }) => attributes)
  expect(labels).toContainEqual({ 'rpc.system': 'kafka', 'rpc.method': 'Produce' })
  await meterProvider.shutdown()
})

test('what is asked over HTTP is traced too, and what the server asks for itself is not', async () => {
  const telemetry = openTelemetryServer({ tracerProvider })
  server = await createServer({ data: 'memory:', port: 0, httpPort: 0, telemetry })
  const response = await fetch(`${server.httpUrl}/v1/topics/orders/records`, {
    method: 'POST',
    body: '{"n":1}',
  })
  expect(response.status).toBe(200)
  const listeners = exporter.getFinishedSpans().map((span) => span.attributes['kafka_do.listener'])
  expect(new Set(listeners)).toEqual(new Set(['http']))
})

test('a span is a child of the one that is active, and around what the request does', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  try {
    const telemetry = openTelemetryServer({ tracerProvider })
    const tracer = tracerProvider.getTracer('test')
    const about = { api: 'Fetch', version: 4, clientId: null, listener: 'x', clientAddress: 'y' }
    await tracer.startActiveSpan('outer', async (outer) => {
      await telemetry.request(about, async () => {
        tracer.startSpan('inner').end()
        return undefined
      })
      outer.end()
    })
    const spans = exporter.getFinishedSpans()
    const [inner, fetched, outer] = ['inner', 'Fetch', 'outer'].map(
      (name) => spans.find((span) => span.name === name)!,
    )
    expect(fetched!.parentSpanContext?.spanId).toBe(outer!.spanContext().spanId)
    expect(inner!.parentSpanContext?.spanId).toBe(fetched!.spanContext().spanId)
  } finally {
    context.disable()
  }
})

test('an error of the handler is thrown on, and said in the span', async () => {
  const telemetry = openTelemetryServer({ tracerProvider })
  const about = { api: 'Fetch', version: 4, clientId: null, listener: 'x', clientAddress: 'y' }
  await expect(telemetry.request(about, () => Promise.reject(new TypeError('oh')))).rejects.toThrow(
    'oh',
  )
  const [span] = exporter.getFinishedSpans()
  expect(span!.attributes['error.type']).toBe('UNKNOWN_SERVER_ERROR')
  expect(span!.events[0]?.name).toBe('exception')
})

test('kafka-do serve uses the SDK that its process was started with', async () => {
  const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const sdk = new URL('./registered-sdk.js', import.meta.url).href
  const child = spawn(
    process.execPath,
    ['--import', sdk, program, 'serve', '--data', 'memory:', '--port', '0'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  try {
    let out = ''
    let spans = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      spans += chunk
    })
    const url = () => /kafka:\/\/\S+/.exec(out)?.[0]
    await expect.poll(url, { timeout: 30_000 }).toBeDefined()
    await using kafka = new Client(url()!)
    await kafka.produce('orders', 1)
    await expect.poll(() => spans).toContain('span Produce\n')
  } finally {
    child.kill('SIGKILL')
  }
})
