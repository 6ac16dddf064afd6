/** What a server counts, read as an exporter would. */
import { afterEach, expect, test } from 'vitest'
import { Client, type Metric } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'

let server: Server
let kafka: Client
afterEach(async () => {
  await kafka.close()
  await server.close()
})

function totalOf(metrics: readonly Metric[], name: string, label?: string): number {
  const metric = metrics.find((one) => one.name === name)
  expect(metric, name).toBeDefined()
  const values = metric!.values.filter(
    ({ labels }) => label === undefined || Object.values(labels).includes(label),
  )
  return values.reduce((sum, { value }) => sum + value, 0)
}

test('requests, bytes, errors, syncs and connections are counted', async () => {
  server = await createServer({ data: 'memory:', port: 0 })
  kafka = new Client(server.url)
  for (let i = 0; i < 3; i++) await kafka.produce('orders', 'x'.repeat(1000))
  await expect(kafka.admin.describeGroup('nobody')).rejects.toThrow('nobody')
  const metrics = server.metrics()
  expect(totalOf(metrics, 'kafkado_request_seconds_count', 'Produce')).toBe(3)
  expect(totalOf(metrics, 'kafkado_request_seconds_sum', 'Produce')).toBeGreaterThan(0)
  expect(totalOf(metrics, 'kafkado_received_bytes_total', 'kafka')).toBeGreaterThan(3000)
  expect(totalOf(metrics, 'kafkado_sent_bytes_total', 'kafka')).toBeGreaterThan(100)
  expect(totalOf(metrics, 'kafkado_connections', 'kafka')).toBe(server.connections)
  expect(totalOf(metrics, 'kafkado_accepted_connections_total')).toBeGreaterThan(0)
  expect(totalOf(metrics, 'kafkado_log_sync_seconds_count')).toBeGreaterThanOrEqual(3)
  expect(totalOf(metrics, 'kafkado_log_bytes')).toBeGreaterThan(3000)
  expect(totalOf(metrics, 'kafkado_offline_partitions')).toBe(0)
  const names = metrics.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
