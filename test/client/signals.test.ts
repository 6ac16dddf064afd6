/** One AbortSignal for many sends and consumers: Node sees no leak, and nothing of ours stays on it. */
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AbortedError, type Client } from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()
let kafka: Client
let warnings: Error[]
const note = (warning: Error) => void warnings.push(warning)
beforeEach(async () => {
  kafka = cluster.open()
  warnings = []
  process.on('warning', note)
  await kafka.admin.createTopic('orders', { partitions: 2 })
})
afterEach(() => {
  process.off('warning', note)
})

const listenersOn = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

test('a hundred sends and thirty consumers', async () => {
  const stop = new AbortController()
  const { signal } = stop
  const producer = kafka.producer('orders')
  const sends = Array.from({ length: 100 }, (_, n) => producer.send(n, { signal }))
  const seen = new Set<number>()
  const consuming = Array.from({ length: 30 }, (_, i) =>
    kafka.consume<number>('orders', { signal }, () => {
      seen.add(i)
      if (seen.size === 30) void Promise.all(sends).then(() => stop.abort())
    }),
  )
  expect(listenersOn(signal)).toBeLessThanOrEqual(1)
  await Promise.all(sends)
  await Promise.all(consuming)
  expect(seen.size).toBe(30)
  expect(listenersOn(signal)).toBe(0)
  expect(warnings).toEqual([])
})

test('what has settled leaves the signal alone', async () => {
  const { signal } = new AbortController()
  for (let n = 0; n < 20; n++) {
    await kafka.produce('orders', n, { signal })
    await kafka.consumer('orders', { signal }).take(1).toArray()
  }
  expect(listenersOn(signal)).toBe(0)
  expect(warnings).toEqual([])
})

test('a signal that aborts ends all that is under way with it', async () => {
  const stop = new AbortController()
  const consuming = Array.from({ length: 12 }, (_, i) =>
    kafka.consume('orders', { group: `g${i}`, signal: stop.signal }, () => undefined),
  )
  stop.abort()
  await Promise.all(consuming)
  const late = kafka.produce('orders', 1, { signal: stop.signal })
  await expect(late).rejects.toBeInstanceOf(AbortedError)
  expect(listenersOn(stop.signal)).toBe(0)
})
