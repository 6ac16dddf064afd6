/** The gateway before an Apache Kafka of three brokers: partitions have leaders of their own, and one of the brokers dies. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Client } from '../../src/index.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../../src/protocol/messages/generated/metadata.ts'
import { type HttpFixture, openHttp } from '../http/http-fixture.ts'
import { RawClient } from '../server/raw-client.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'

/** Each partition is kept by two brokers, and written while one of them is there. */
const replicated = {
  'default.replication.factor': 2,
  'min.insync.replicas': 1,
  'offsets.topic.replication.factor': 2,
  'transaction.state.log.replication.factor': 2,
  'broker.session.timeout.ms': 3000,
  'broker.heartbeat.interval.ms': 500,
}
const jvmArgs = ['-Xms128m', '-Xmx384m']

describeJava('a gateway before three brokers', () => {
  let brokers: ApacheKafka[] = []
  let gateway: HttpFixture
  beforeAll(async () => {
    const first = await startApacheKafka({ properties: replicated, jvmArgs })
    brokers = [first]
    const join = (nodeId: number) =>
      startApacheKafka({
        ...{ properties: replicated, jvmArgs },
        joins: { nodeId, controller: first.controller },
      })
    brokers.push(...(await Promise.all([2, 3].map(join))))
    gateway = await openHttp({
      upstream: brokers
        .map(({ url }) => url.slice(8))
        .join(',')
        .replace(/^/, 'kafka://'),
    })
    await using direct = new Client(first.url)
    const count = async () => (await direct.admin.describeCluster()).nodes.length
    await vi.waitFor(async () => expect(await count()).toBe(3), { timeout: 60_000 })
  })
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]()
    for (const broker of brokers.reverse()) await broker.stop()
  })

  async function makeTopic(name: string): Promise<void> {
    const body = { name, partitions: 6, replicationFactor: 2 }
    expect((await gateway.ask('POST', '/v1/topics', { body })).status).toBe(201)
    // Each broker hears of it in its own time.
    for (const { port } of brokers) {
      const leaders = async () => {
        const raw = await RawClient.open(port)
        const topics = [createMetadataRequestTopic({ name })]
        raw.send(metadata, 9, createMetadataRequest({ topics }))
        await raw.until(1)
        raw.socket.destroy()
        const [topic] = raw.decode(metadata, 9, 0).topics
        return new Set(topic!.partitions.map(({ leaderId }) => leaderId))
      }
      await expect.poll(leaders, { timeout: 30_000 }).toEqual(new Set([1, 2, 3]))
    }
  }

  const valuesOf = (records: readonly { readonly value: number }[]) =>
    records.map(({ value }) => value).sort((a, b) => a - b)

  async function readAll(topic: string, count: number): Promise<number[]> {
    const values: { value: number }[] = []
    for (let from = 'earliest'; values.length < count; ) {
      const target = `/v1/topics/${topic}/records?wait=5s&from=${encodeURIComponent(from)}`
      const { status, body } = await gateway.ask('GET', target)
      expect(status).toBe(200)
      values.push(...body.records)
      from = body.cursor
    }
    return valuesOf(values)
  }

  test('records of all partitions are written and read, one by one, in batches and live', async () => {
    await makeTopic('orders')
    for (let i = 0; i < 6; i++) {
      const target = `/v1/topics/orders/records?partition=${i}`
      expect((await gateway.ask('POST', target, { body: String(i) })).status).toBe(200)
    }
    const records = [6, 7, 8, 9, 10, 11].map((value) => ({ value, partition: value - 6 }))
    const batch = await gateway.ask('POST', '/v1/topics/orders/records:batch', {
      body: { records },
    })
    expect(batch).toMatchObject({ status: 200, body: { stored: 6 } })
    expect(await readAll('orders', 12)).toEqual([...Array(12).keys()])
    const live = await gateway.ask('GET', '/v1/topics/orders/records?from=earliest&limit=12', {
      headers: { accept: 'application/x-ndjson' },
    })
    expect(live.text.match(/"value":/g)).toHaveLength(12)
  })

  test('idempotency keys, pulls and acks, whichever broker leads what they need', async () => {
    await makeTopic('work')
    const write = (i: number) =>
      gateway.ask('POST', `/v1/topics/work/records?partition=${i % 6}`, {
        ...{ body: String(i), headers: { 'idempotency-key': `k${i}` } },
      })
    const indices = [...Array(12).keys()]
    const first = await Promise.all(indices.map(write))
    expect(first.map(({ status }) => status)).toEqual(Array(12).fill(200))
    const again = await Promise.all(indices.map(write))
    expect(again.map(({ text }) => text)).toEqual(first.map(({ text }) => text))
    const seen: { value: number }[] = []
    for (let i = 0; seen.length < 12; i++) {
      const pull = { topics: ['work'], pullId: `p${i}`, max: 5, wait: '5s' }
      const { body } = await gateway.ask('POST', '/v1/groups/workers/pull', { body: pull })
      if (!body.lease) continue
      seen.push(...body.records)
      const ack = { lease: body.lease, accept: 'all' }
      expect((await gateway.ask('POST', '/v1/groups/workers/ack', { body: ack })).status).toBe(200)
    }
    expect(valuesOf(seen)).toEqual(indices)
  })

  test('our client over HTTP: records, a group and a transaction', async () => {
    await makeTopic('client')
    await using kafka = new Client(gateway.url)
    const producer = kafka.producer<number>('client')
    await Promise.all([...Array(60).keys()].map((i) => producer.send(i, { key: String(i) })))
    await kafka.transaction('client', async (tx) => {
      await tx.sendBatch([60, 61, 62])
    })
    const consumer = kafka.consumer<number>('client', { group: 'readers' })
    const records = await consumer.take(63).toArray()
    expect(valuesOf(records)).toEqual([...Array(63).keys()])
  })

  test('a broker that dies: what was answered is there, and work goes on', async () => {
    await makeTopic('dies')
    const stored: number[] = []
    let isOver = false
    const writer = async (partition: number) => {
      for (let i = 0; !isOver; i++) {
        const value = i * 6 + partition
        const target = `/v1/topics/dies/records?partition=${partition}`
        const { status } = await gateway.ask('POST', target, {
          ...{ body: String(value), headers: { 'idempotency-key': `dies-${value}` } },
        })
        if (status === 200) stored.push(value)
      }
    }
    const writers = [0, 1, 2, 3, 4, 5].map(writer)
    await expect.poll(() => stored.length, { timeout: 60_000 }).toBeGreaterThan(30)
    await brokers[2]!.kill()
    const before = stored.length
    const isOn = () =>
      [0, 1, 2, 3, 4, 5].every((p) => stored.slice(before + 6).some((v) => v % 6 === p))
    await expect.poll(isOn, { timeout: 120_000 }).toBe(true)
    isOver = true
    await Promise.all(writers)
    const read = new Set(await readAll('dies', stored.length))
    expect(stored.filter((value) => !read.has(value))).toEqual([])
  })
})
