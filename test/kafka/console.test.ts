/** The console at a real Apache Kafka: what its views ask for, through `kafka-do console`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveClientConfig } from '../../src/client/config.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { openConnection } from '../../src/entry/open-connection.ts'
import { Client } from '../../src/index.ts'
import { type ConsoleServer, openConsoleServer } from '../../src/server/console-server.ts'
import { httpAt } from '../http/http-fixture.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'

describeJava('the console at Apache Kafka', () => {
  let kafka: ApacheKafka
  let server: ConsoleServer
  let ask: ReturnType<typeof httpAt>['ask']
  beforeAll(async () => {
    kafka = await startApacheKafka()
    const connection = openConnection(resolveClientConfig({ url: kafka.url }, {}), undefined)
    server = await openConsoleServer({ connection, runtime: createRuntime(), port: 0 })
    ask = httpAt(server.url.replace(/\/$/, '')).ask
    await using client = new Client(kafka.url)
    await client.admin.createTopic('orders', { partitions: 2 })
    for (let order = 0; order < 10; order++)
      await client.produce('orders', { order }, { key: `k${order}` })
    const consumer = client.consumer('orders', { group: 'billing' })
    for await (const record of consumer.take(4)) await record.commit()
  })
  afterAll(async () => {
    await server?.close()
    await kafka?.stop()
  })

  test('the page is there', async () => {
    expect((await ask('GET', '/')).text).toContain('<div id="app">')
  })

  test('topics have records and bytes, and disks are told', async () => {
    const { body } = await ask('GET', '/v1/sizes/topics')
    const orders = body.topics.find(({ name }: { name: string }) => name === 'orders')
    expect(orders).toMatchObject({ partitions: 2, records: '10', end: '10' })
    expect(Number(orders.bytes)).toBeGreaterThan(0)
    const disks = await ask('GET', '/v1/sizes/disks')
    expect(disks.body.disks).toHaveLength(1)
    // Apache Kafka tells how much room there is.
    expect(Number(disks.body.disks[0].freeBytes)).toBeGreaterThan(0)
  })

  test('groups are behind in records and in time, and are moved', async () => {
    const groups = await ask('GET', '/v1/sizes/groups')
    expect(groups.body.groups).toMatchObject([{ group: 'billing', totalLag: '6' }])
    const lag = await ask('GET', '/v1/groups/billing/lag')
    expect(lag.body.behindMs).toBeGreaterThan(0)
    const to = { topic: 'orders', to: 'latest' }
    const preview = await ask('POST', '/v1/groups/billing/offsets:reset', { body: to })
    expect(preview.body).toMatchObject({ dryRun: true })
    const body = { ...to, dryRun: false }
    expect((await ask('POST', '/v1/groups/billing/offsets:reset', { body })).status).toBe(200)
    expect((await ask('GET', '/v1/groups/billing')).body.totalLag).toBe('0')
  })

  test('records are chosen, cut and copied', async () => {
    const filter = encodeURIComponent('value.order >= 8')
    const found = await ask(
      'GET',
      `/v1/topics/orders/records?from=latest-100&to=latest&filter=${filter}`,
    )
    expect(found.body.records).toHaveLength(2)
    const [{ partition, offset }] = found.body.records
    const place = `/v1/topics/orders/partitions/${partition}/records/${offset}`
    expect((await ask('GET', `${place}?maxValueBytes=3`)).body).toMatchObject({ valueText: '{"o' })
    const records = [{ topic: 'orders', partition, offset }]
    const copied = await ask('POST', '/v1/topics/orders/records:copy', { body: { records } })
    expect(copied.body).toMatchObject({ stored: 1, failed: 0 })
  })

  test('topics are made, changed and deleted', async () => {
    const configs = { 'retention.ms': '60000' }
    expect((await ask('POST', '/v1/topics', { body: { name: 'temporary' } })).status).toBe(201)
    await ask('PATCH', '/v1/topics/temporary', { body: { configs, partitions: 3 } })
    expect((await ask('GET', '/v1/topics/temporary')).body).toMatchObject({
      partitions: 3,
      configs,
    })
    expect((await ask('DELETE', '/v1/topics/temporary')).status).toBe(204)
  })
})
