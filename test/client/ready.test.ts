/** When a consumer is ready, and what that is good for: a request whose reply is not missed. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Client, Offset } from '../../src/index.ts'
import { MockClient } from '../../src/testing/index.ts'
import { useCluster } from './test-cluster.ts'

describe('ready()', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    kafka = cluster.open()
  })

  test.each([
    [undefined, 'ready()'],
    [undefined, 'onAssigned'],
    ['replies-group', 'ready()'],
    ['replies-group', 'onAssigned'],
  ] as const)(
    'with group %s and Offset.latest, the reply to a request that is sent after %s comes, 40 times of 40',
    async (group, when) => {
      await kafka.admin.createTopic('requests')
      await kafka.admin.createTopic('replies')
      await kafka.produce('replies', 'of another time')
      const serving = kafka.consumer<number>('requests')
      const served = serving.forEach(async ({ value }) => {
        await kafka.produce('replies', value + 1)
      })
      for (let n = 0; n < 40; n++) {
        let isAssigned: () => void = () => undefined
        const assigned = new Promise<void>((resolve) => {
          isAssigned = resolve
        })
        const consumer = kafka.consumer<number>('replies', {
          group: group && `${group}-${n}`,
          offset: Offset.latest,
          onAssigned: () => isAssigned(),
        })
        if (when === 'ready()') {
          await consumer.ready()
          await kafka.produce('requests', n)
        } else void assigned.then(() => kafka.produce('requests', n))
        const [reply] = await consumer.take(1).toArray()
        expect(reply!.value).toBe(n + 1)
      }
      await serving.close()
      await served
    },
  )

  test('records wait for the reader that comes', async () => {
    await kafka.produce('orders', 'early')
    const consumer = kafka.consumer<string>('orders', { group: 'g' })
    await consumer.ready()
    await consumer.ready()
    expect(consumer.positions()).toMatchObject([{ topic: 'orders', position: 0n }])
    const [record] = await consumer.take(1).toArray()
    expect(record!.value).toBe('early')
    expect((await kafka.admin.describeGroup('g')).partitions[0]!.committed).toBe(1n)
  })

  test('one that nobody ever reads can be closed', async () => {
    await kafka.produce('orders', 'early')
    const consumer = kafka.consumer<string>('orders', { group: 'g' })
    await consumer.ready()
    await consumer.close()
    expect((await kafka.admin.describeGroup('g')).members).toEqual([])
  })

  test('a member for whom there is nothing is ready, too', async () => {
    await kafka.admin.createTopic('orders', { partitions: 1 })
    const consumers = [0, 1].map(() =>
      kafka.consumer('orders', { group: 'g', heartbeatInterval: 20 }),
    )
    for (const consumer of consumers) await consumer.ready()
    for (const consumer of consumers) await consumer.close()
  })

  test('positions are printable as JSON', async () => {
    await kafka.produce('orders', 'early')
    const consumer = kafka.consumer<string>('orders')
    await consumer.ready()
    const [record] = await consumer.take(1).toArray()
    expect(JSON.parse(JSON.stringify(record))).toMatchObject({ offset: '0', value: 'early' })
    const other = kafka.consumer<string>('orders')
    await other.ready()
    expect(JSON.parse(JSON.stringify(other.positions()))).toMatchObject([
      { topic: 'orders', partition: 0, position: '0', isPaused: false },
    ])
    await other.close()
  })
})

describe('ready() rejects', () => {
  let kafka: MockClient
  beforeEach(() => {
    kafka = new MockClient({ broker: { autoCreateTopics: false } })
  })
  afterEach(() => kafka.close())

  test('when the consumer cannot begin, which ends it', async () => {
    const consumer = kafka.consumer('nowhere')
    await expect(consumer.ready()).rejects.toThrow("Topic 'nowhere' does not exist")
    await expect(consumer.take(1).toArray()).rejects.toThrow("Topic 'nowhere' does not exist")
  })

  test('when it is closed before, or was', async () => {
    await kafka.admin.createTopic('orders')
    kafka.faults.delay('ListOffsets', '1h')
    const consumer = kafka.consumer('orders')
    const ready = expect(consumer.ready()).rejects.toMatchObject({ code: 'CONSUMER_CLOSED' })
    await consumer.close()
    await ready
    await expect(consumer.ready()).rejects.toMatchObject({ code: 'CONSUMER_CLOSED' })
  })

  test('when what it needs fails for good', async () => {
    await kafka.admin.createTopic('orders')
    kafka.faults.fail('ListOffsets', 'TOPIC_AUTHORIZATION_FAILED', { times: 1000 })
    const consumer = kafka.consumer('orders')
    await expect(consumer.ready()).rejects.toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' })
  })
})
