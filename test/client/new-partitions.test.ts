/** Partitions that a topic gets while it is read: found in time, and read from their beginning. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Client, Offset } from '../../src/index.ts'
import { until } from '../until.ts'
import { useCluster } from './test-cluster.ts'
import { openTwoClients, type TwoClients } from './two-clients.ts'

const groups = [undefined, 'group'] as const
const wanted = ['orders', /^ord/] as const
const both = groups.flatMap((group) => wanted.map((topics) => [group, topics] as const))

describe('found by the client that adds them, at once', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    kafka = cluster.open()
  })

  test.each(both)('group %s, topics %s', async (group, topics) => {
    await kafka.admin.createTopic('orders', { partitions: 1 })
    const seen: string[] = []
    const config = { group, offset: Offset.latest, heartbeatInterval: 50 }
    const consumer = kafka.consumer<string>(topics, config)
    const done = consumer.forEach(({ value }) => void seen.push(value))
    await consumer.ready()
    await kafka.admin.createPartitions('orders', 3)
    // Long before it can have been found.
    await kafka.produce('orders', 'in the new one', { partition: 2 })
    await vi.waitFor(() => expect(seen).toEqual(['in the new one']), 15_000)
    expect(consumer.positions()).toHaveLength(3)
    await consumer.close()
    await done
  })
})

describe('added by others, within the age of what is known', () => {
  let clients: TwoClients
  beforeEach(async () => {
    clients = await openTwoClients()
  })
  afterEach(() => clients.close())

  test.each([
    [undefined, 'orders', '5 min'],
    [undefined, /^ord/, '30s'],
    ['group', 'orders', '6 min'],
    ['group', /^ord/, '6 min'],
  ] as const)('group %s, topics %s: within %s', async (group, topics, age) => {
    const { kafka, other, clock } = clients
    await kafka.admin.createTopic('orders', { partitions: 1 })
    const seen: string[] = []
    const consumer = kafka.consumer<string>(topics, { group, offset: Offset.latest })
    const done = consumer.forEach(({ value }) => void seen.push(value))
    await consumer.ready()
    await other.admin.createPartitions('orders', 2)
    await other.produce('orders', 'new', { partition: 1 })
    await clock.advance('1s')
    expect(seen).toEqual([])
    await clock.advance(age)
    await until(() => seen.length > 0)
    expect(seen).toEqual(['new'])
    await consumer.close()
    await done
  })

  test('a topic that a pattern finds later is read from its beginning, also with Offset.latest', async () => {
    const { kafka, other, clock } = clients
    await other.produce('orders-1', 'old')
    const seen: string[] = []
    const consumer = kafka.consumer<string>(/^orders/, { offset: Offset.latest })
    const done = consumer.forEach(({ value }) => void seen.push(value))
    await consumer.ready()
    await other.produce('orders-2', 'first of a new topic')
    await clock.advance('30s')
    await until(() => seen.length > 0)
    expect(seen).toEqual(['first of a new topic'])
    await consumer.close()
    await done
  })

  test('in a partition that was not there, Offset.at is its beginning', async () => {
    const { kafka, other, clock } = clients
    await other.produce('orders', 'a')
    await other.produce('orders', 'b')
    const seen: string[] = []
    const consumer = kafka.consumer<string>('orders', { offset: Offset.at(1) })
    const done = consumer.forEach(({ value }) => void seen.push(value))
    await until(() => seen.length > 0)
    await other.admin.createPartitions('orders', 2)
    await other.produce('orders', 'new', { partition: 1 })
    await clock.advance('5 min')
    await until(() => seen.length > 1)
    expect(seen).toEqual(['b', 'new'])
    await consumer.close()
    await done
  })
})
