/** The Kafka listener before another cluster: whatever a client does through it happens there. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { createKafkajs } from '../conformance/npm/kafkajs-client.ts'
import { until } from '../until.ts'
import { type Gateway, openGateway } from './gateway.ts'

let server: Server
let gateway: Gateway
let kafka: Client
/** Straight to the cluster. */
let direct: Client
let topic = ''
let topics = 0
beforeAll(async () => {
  server = await createServer({ data: 'memory:', port: 0 })
  gateway = await openGateway(server.port)
  kafka = new Client(gateway.url)
  direct = new Client(server.url)
})
beforeEach(() => {
  topic = `orders-${++topics}`
})
afterAll(async () => {
  await kafka.close()
  await direct.close()
  await gateway.close()
  await server.close()
})

test('records go through, in both directions, with their keys, headers and times', async () => {
  await kafka.produce(topic, { n: 1 }, { key: 'k', headers: { h: 'x' }, timestamp: 5 })
  const [there] = await direct.consumer(topic).take(1).toArray()
  expect(there).toMatchObject({ value: { n: 1 }, key: 'k', timestamp: new Date(5) })
  await direct.produce(topic, { n: 2 })
  const here = await kafka.consumer(topic).take(2).toArray()
  expect(here.map(({ value }) => value)).toEqual([{ n: 1 }, { n: 2 }])
})

test('clients are told the address of the listener, never that of the node', async () => {
  const { nodes } = await kafka.admin.describeCluster()
  expect(nodes).toMatchObject([{ host: '127.0.0.1', port: gateway.listener.port }])
  expect(server.port).not.toBe(gateway.listener.port)
  const before = server.connections
  await using another = new Client(gateway.url)
  await another.produce(topic, 1)
  const connected = server.connections - before
  // Those of the gateway: the client has none of its own to the node.
  expect(connected).toBeLessThanOrEqual(gateway.listener.connections)
})

test('a group of two shares the partitions and commits', async () => {
  await kafka.admin.createTopic(topic, { partitions: 4 })
  const values = Array.from({ length: 40 }, (_, n) => n)
  const seen: number[] = []
  const stop = new AbortController()
  const consuming = [1, 2].map(() =>
    kafka.consume<number>(topic, { group: topic, signal: stop.signal }, ({ value }) => {
      seen.push(value)
      if (seen.length === values.length) stop.abort()
    }),
  )
  for (const n of values) await kafka.produce(topic, n, { partition: n % 4 })
  await Promise.all(consuming)
  expect(seen.sort((a, b) => a - b)).toEqual(values)
  const { partitions } = await direct.admin.describeGroup(topic)
  const committed = partitions.reduce((sum, one) => sum + (one.committed ?? 0n), 0n)
  expect(committed).toBe(BigInt(values.length))
})

test('transactions: what is committed is there, what is aborted is not', async () => {
  await kafka.transaction(topic, async (tx) => {
    await tx.send('kept')
  })
  const failing = kafka.transaction(topic, async (tx) => {
    await tx.send('dropped')
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  await kafka.produce(topic, 'last')
  const read = await direct.consumer(topic).take(2).toArray()
  expect(read.map(({ value }) => value)).toEqual(['kept', 'last'])
})

test('a reader that waits holds up nobody else', async () => {
  await kafka.admin.createTopic(topic)
  const waiting = kafka.consumer(topic, { fetchMaxWait: '30s' }).take(1).toArray()
  for (let n = 0; n < 20; n++) await kafka.produce(`${topic}-other`, n)
  await kafka.produce(topic, 'at last')
  expect((await waiting).map(({ value }) => value)).toEqual(['at last'])
})

test('acks 0, and a version that the cluster does not speak', async () => {
  const producer = kafka.producer(topic, { acks: 0, idempotent: false })
  await producer.send('x')
  expect((await direct.consumer(topic).take(1).toArray())[0]?.value).toBe('x')
  expect(gateway.backend.apis.length).toBeGreaterThan(30)
  for (const { api, accepted } of gateway.backend.apis)
    expect(accepted.maxVersion, api.name).toBeLessThanOrEqual(api.maxVersion)
})

test('kafkajs produces, consumes in a group, and administers', async () => {
  const kafkajs = createKafkajs({ bootstrap: gateway.bootstrap } as never)
  const admin = kafkajs.admin()
  const producer = kafkajs.producer()
  const consumer = kafkajs.consumer({ groupId: topic })
  await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })
  await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
  await consumer.subscribe({ topic, fromBeginning: true })
  const seen: string[] = []
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        seen.push(String(message.value))
        if (seen.length === 2) resolve()
      },
    })
  })
  expect(seen.sort()).toEqual(['a', 'b'])
  await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
})

test('clients that leave take their connections to the cluster with them', async () => {
  const clients = Array.from({ length: 5 }, () => new Client(gateway.url))
  await Promise.all(clients.map((client) => client.produce(topic, 1)))
  expect(server.connections).toBeGreaterThan(5)
  await Promise.all(clients.map((client) => client.close()))
  const left = () => server.connections <= gateway.listener.connections + 3
  await until(left)
})
