/** What a client counts: `kafka.metrics()`. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

describe('metrics', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(async () => {
    kafka = cluster.open()
    await kafka.admin.createTopic('orders', { partitions: 2 })
  })

  /** The sum of a metric's values that have these labels. */
  function sumOf(name: string, labels: { [name: string]: string } = {}): number {
    const metric = kafka.metrics().find((candidate) => candidate.name === name)
    if (!metric) throw new Error(`no metric ${name}`)
    return metric.values
      .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
      .reduce((sum, { value }) => sum + value, 0)
  }

  test('count sends: records, bytes, how long they took, and those that failed by their error', async () => {
    const producer = kafka.producer('orders')
    await producer.sendBatch(['a', 'b', 'c'], { partition: 1 })
    await producer.send('d')
    await expect(producer.send('e', { partition: 9 })).rejects.toThrow()
    const topic = { topic: 'orders' }
    expect(sumOf('kafka_client_sent_records_total', topic)).toBe(4)
    expect(sumOf('kafka_client_sent_bytes_total', topic)).toBeGreaterThan(4 * 3)
    const batches = sumOf('kafka_client_send_seconds_count', topic)
    expect(batches).toBe(2)
    expect(sumOf('kafka_client_send_seconds_bucket', { ...topic, le: '+Inf' })).toBe(batches)
    expect(sumOf('kafka_client_send_seconds_sum', topic)).toBeGreaterThan(0)
    expect(sumOf('kafka_client_send_failures_total', { error: 'UNKNOWN_TOPIC_OR_PARTITION' })).toBe(
      1,
    )
    expect(sumOf('kafka_client_send_buffer_bytes')).toBe(0)
  })

  test('count requests by their name, with how long they took', async () => {
    await kafka.produce('orders', 1)
    for (const api of ['Produce', 'Metadata', 'CreateTopics']) {
      expect(sumOf('kafka_client_request_seconds_count', { api }), api).toBeGreaterThan(0)
      expect(sumOf('kafka_client_request_seconds_bucket', { api, le: '+Inf' })).toBe(
        sumOf('kafka_client_request_seconds_count', { api }),
      )
    }
    expect(sumOf('kafka_client_request_failures_total')).toBe(0)
  })

  test('count what is consumed, with the lag while it is, and the rebalances of the group', async () => {
    await kafka.producer('orders').sendBatch([1, 2, 3, 4], { partition: 0 })
    const labels = { topic: 'orders', group: 'billing' }
    const lags: number[] = []
    const enough = new AbortController()
    await kafka.consume('orders', { group: 'billing', signal: enough.signal }, ({ value }) => {
      lags.push(sumOf('kafka_client_consumer_lag', { ...labels, partition: '0' }))
      if (value === 4) enough.abort()
    })
    expect(lags).toEqual([3, 2, 1, 0])
    expect(sumOf('kafka_client_consumed_records_total', labels)).toBe(4)
    expect(sumOf('kafka_client_rebalances_total', { group: 'billing' })).toBe(1)
    // Nobody reads any more.
    expect(sumOf('kafka_client_consumer_lag')).toBe(0)
    expect(kafka.metrics().find(({ name }) => name.endsWith('_lag'))!.values).toEqual([])
  })

  test('count handlers that throw, by what follows', async () => {
    await kafka.producer('orders').sendBatch([1, 2], { partition: 0 })
    const enough = new AbortController()
    const onError = { retry: { attempts: 3, baseDelay: 1 }, deadLetter: 'failed' }
    const config = { group: 'g', onError, signal: enough.signal }
    await kafka.consume('orders', config, ({ value }) => {
      if (value === 1) throw new Error('no')
      enough.abort()
    })
    const count = (action: string) =>
      sumOf('kafka_client_handler_failures_total', { topic: 'orders', group: 'g', action })
    expect(['retry', 'skip', 'deadLetter'].map(count)).toEqual([2, 0, 1])
  })

  test('have a name, help and labels that Prometheus takes', async () => {
    await kafka.produce('orders', 1)
    const metrics = kafka.metrics()
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length)
    for (const { name, help, type, labelNames, values } of metrics) {
      expect(name).toMatch(/^kafka_client_[a-z_]+$/)
      expect(help).toMatch(/^[A-Z]/)
      expect(['counter', 'gauge']).toContain(type)
      for (const { labels, value } of values) {
        expect(Object.keys(labels)).toEqual(labelNames)
        expect(value).toBeGreaterThanOrEqual(0)
      }
    }
  })
})
