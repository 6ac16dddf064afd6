/** Telemetry that nobody looks at costs nothing. */
import { metrics, propagation, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import type { Client, Telemetry } from '../../src/index.ts'
import { openTelemetry } from '../../src/opentelemetry/index.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()

async function consumeOne(kafka: Client): Promise<void> {
  const enough = new AbortController()
  const config = { group: 'billing', signal: enough.signal }
  await kafka.consume('orders', config, () => enough.abort())
}

test('what is not active is not called, until it is', async () => {
  let isActive = false
  const called: string[] = []
  const telemetry: Telemetry = {
    isActive: () => isActive,
    send(about, run) {
      called.push(`send ${about.count}`)
      return run([])
    },
    process(_, run) {
      called.push('process')
      return run()
    },
    polled: () => void called.push('polled'),
  }
  const kafka = cluster.open({ telemetry })
  await kafka.admin.createTopic('orders')
  const producer = kafka.producer<number>('orders')
  await producer.send(1)
  await producer.sendBatch([2, 3])
  await consumeOne(kafka)
  expect(called).toEqual([])
  isActive = true
  await producer.send(4)
  await producer.sendBatch([5, 6])
  await consumeOne(kafka)
  expect(new Set(called)).toEqual(new Set(['send 1', 'send 2', 'process', 'polled']))
})

test("OpenTelemetry's is active once there is somewhere for spans, metrics or contexts to go", async () => {
  const exporter = new InMemorySpanExporter()
  const processors = { spanProcessors: [new SimpleSpanProcessor(exporter)] }
  const tracerProvider = new BasicTracerProvider(processors)
  const meterProvider = new MeterProvider()
  const telemetry = openTelemetry()
  expect(telemetry.isActive!()).toBe(false)
  expect(openTelemetry({ tracerProvider }).isActive!()).toBe(true)
  expect(openTelemetry({ meterProvider }).isActive!()).toBe(true)
  try {
    const kafka = cluster.open({ telemetry })
    await kafka.produce('orders', 1)
    trace.setGlobalTracerProvider(tracerProvider)
    expect(telemetry.isActive!()).toBe(true)
    await kafka.produce('orders', 2)
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['send orders'])
  } finally {
    trace.disable()
  }
  try {
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    expect(openTelemetry().isActive!()).toBe(true)
  } finally {
    propagation.disable()
  }
  try {
    metrics.setGlobalMeterProvider(meterProvider)
    expect(openTelemetry().isActive!()).toBe(true)
  } finally {
    metrics.disable()
  }
  expect(openTelemetry().isActive!()).toBe(false)
})
