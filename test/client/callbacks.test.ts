/** What the application gives the client to call, and the rule for each when it throws or rejects. */
import { expect, test } from 'vitest'
import { Client, type Logger, type Telemetry, topic } from '../../src/index.ts'
import { createServer } from '../../src/server/index.ts'
import { until } from '../until.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()
const angry = () => {
  throw new Error('mine')
}
const rejecting = () => Promise.reject(new Error('mine'))

test.each([
  ['throws', angry],
  ['rejects', rejecting],
])('a logger that %s costs nothing but its lines', async (_how, line) => {
  const logger: Logger = { debug: line, info: line, warn: line, error: line }
  const kafka = cluster.open({ logger })
  await kafka.produce('orders', 1)
  const values: unknown[] = []
  const reading = kafka.consume('orders', { group: 'g', onError: 'skip' }, ({ value }) => {
    values.push(value)
    throw new Error('so that there is something to log')
  })
  await until(() => values.length === 1)
  await kafka.produce('orders', 2)
  await until(() => values.length === 2)
  await kafka.close()
  await reading
})

test('a logger that throws costs a server nothing but its lines', async () => {
  const logger: Logger = { debug: angry, info: angry, warn: angry, error: angry }
  const server = await createServer({ data: 'memory:', port: 0, logger })
  const kafka = new Client({ url: server.url })
  expect((await kafka.produce('orders', 1)).offset).toBe(0n)
  await kafka.close()
  await server.close()
})

test('telemetry.polled that throws costs no record; send and process fail what they are around', async () => {
  let isAngry = false
  const telemetry: Telemetry = {
    send: (_about, run) => (isAngry ? angry() : run([])),
    process: (_about, run) => (isAngry ? angry() : run()),
    polled: angry,
  }
  const kafka = cluster.open({ telemetry })
  await kafka.produce('orders', 1)
  const [record] = await kafka.consumer('orders').take(1).toArray()
  expect(record!.value).toBe(1)
  isAngry = true
  await expect(kafka.produce('orders', 2)).rejects.toThrow('mine')
  await expect(kafka.consume('orders', {}, () => undefined)).rejects.toThrow('mine')
})

test('a partitioner that throws fails the send that it was asked for, and no other', async () => {
  const kafka = cluster.open()
  const producer = kafka.producer('orders', {
    partitioner: ({ key }) => ((key ? String(key) === 'bad' : false) ? angry() : 0),
  })
  const sends = await Promise.allSettled([
    producer.send(1, { key: 'good' }),
    producer.send(2, { key: 'bad' }),
    producer.send(3, { key: 'good' }),
  ])
  expect(sends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((sends[1] as PromiseRejectedResult).reason).toMatchObject({ message: /mine/ })
})

test('a serializer that throws fails its send, or the record that it reads', async () => {
  const kafka = cluster.open()
  const fussy = topic<number>('orders', {
    value: {
      name: 'fussy',
      serialize: (value) => (value === 2 ? angry() : Buffer.from([value])),
      deserialize: (data) => (data[0] === 3 ? angry() : data[0]!),
    },
  })
  const sends = await Promise.allSettled([1, 2, 3, 4].map((n) => kafka.produce(fussy, n)))
  expect(sends.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  const values: unknown[] = []
  const stop = new AbortController()
  await kafka.consume(fussy, { onError: 'skip', signal: stop.signal }, ({ value }) => {
    values.push(value)
    if (value === 4) stop.abort()
  })
  expect(values).toEqual([1, 4])
  await expect(kafka.consume(fussy, {}, () => undefined)).rejects.toThrow('mine')
})

test('retryIf that throws ends the consumer with its error', async () => {
  const kafka = cluster.open()
  await kafka.produce('orders', 1)
  const retryIf = () => {
    throw new Error('retryIf failed')
  }
  const reading = kafka.consume('orders', { onError: { retry: { retryIf } } }, angry)
  await expect(reading).rejects.toThrow('retryIf failed')
})
