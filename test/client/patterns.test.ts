/** Subscribing by pattern: topics that match, come and go. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { type Client, topic } from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

describe('topics by pattern', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    // Looks for topics so often; else every 30 s.
    kafka = cluster.open({ metadataMaxAge: 100 })
  })

  function reading(wanted: Parameters<typeof kafka.consumer<string>>[0], group?: string) {
    const seen: string[] = []
    const consumer = kafka.consumer<string>(wanted, { group })
    const done = consumer.forEach(({ topic, value }) => void seen.push(`${topic} ${value}`))
    return { seen, consumer, done }
  }

  test.each([undefined, 'group'])(
    'with group %s: those that are there, and those that come',
    async (group) => {
      for (const name of ['orders-eu', 'orders-us', 'other']) {
        await kafka.admin.createTopic(name, { partitions: 2 })
        await kafka.produce(name, 'first')
      }
      const { seen, consumer, done } = reading(/^orders-/, group)
      await vi.waitFor(
        () => expect(seen.sort()).toEqual(['orders-eu first', 'orders-us first']),
        15_000,
      )
      expect(consumer.topics).toEqual(['/^orders-/'])
      await kafka.admin.createTopic('orders-asia')
      await kafka.produce('orders-asia', 'later')
      await kafka.produce('orders-eu', 'second')
      await vi.waitFor(() => expect(seen).toHaveLength(4), 15_000)
      expect(seen.slice(2).sort()).toEqual(['orders-asia later', 'orders-eu second'])
      await consumer.close()
      await done
    },
  )

  test.each([undefined, 'group'])(
    'with group %s: one that is deleted ends nothing',
    async (group) => {
      for (const name of ['orders-eu', 'orders-us']) {
        await kafka.admin.createTopic(name)
        await kafka.produce(name, 'first')
      }
      const { seen, consumer, done } = reading(/^orders-/, group)
      await vi.waitFor(() => expect(seen).toHaveLength(2), 15_000)
      await kafka.admin.deleteTopic('orders-us')
      const read = () => consumer.positions().map(({ topic }) => topic)
      await vi.waitFor(() => expect(read()).toEqual(['orders-eu']), 15_000)
      await kafka.produce('orders-eu', 'second')
      await vi.waitFor(() => expect(seen).toHaveLength(3), 15_000)
      await consumer.close()
      await done
      const names = (await kafka.admin.listTopics()).map(({ name }) => name)
      expect(names, 'nobody makes it again').not.toContain('orders-us')
    },
  )

  test('names and patterns together, each topic once, with the types that were given', async () => {
    const numbers = topic<number>('numbers')
    await kafka.admin.createTopic('orders-eu')
    await kafka.produce('orders-eu', 'order')
    await kafka.produce(numbers, 1)
    const { seen, consumer, done } = reading([numbers, /s/g, /^orders-/] as never)
    await vi.waitFor(() => expect(seen.sort()).toEqual(['numbers 1', 'orders-eu order']), 15_000)
    await consumer.close()
    await done
  })

  test('internal topics never match', async () => {
    await kafka.admin.createTopic('mine')
    await kafka.produce('mine', 'value')
    const first = reading(/.*/, 'group')
    await vi.waitFor(() => expect(first.seen).toEqual(['mine value']), 15_000)
    await first.consumer.close()
    await first.done
    const second = reading(/.*/)
    await vi.waitFor(() => expect(second.seen).toEqual(['mine value']), 15_000)
    expect(second.consumer.positions().map((position) => position.topic)).toEqual(['mine'])
    await second.consumer.close()
    await second.done
  })

  test('a pattern that matches nothing yet waits for topics', async () => {
    const { seen, consumer, done } = reading(/^later-/, 'group')
    const group = () => kafka.admin.describeGroup('group')
    await vi.waitFor(async () => expect((await group()).state).toBe('Stable'), 15_000)
    await kafka.admin.createTopic('later-1')
    await kafka.produce('later-1', 'value')
    await vi.waitFor(() => expect(seen).toEqual(['later-1 value']), 15_000)
    await consumer.close()
    await done
  })

  test('two members share what matches', async () => {
    for (const name of ['orders-eu', 'orders-us'])
      await kafka.admin.createTopic(name, { partitions: 2 })
    const [one, two] = [reading(/^orders-/, 'group'), reading(/^orders-/, 'group')]
    const shares = () => [one, two].map(({ consumer }) => consumer.positions().length)
    await vi.waitFor(() => expect(shares()).toEqual([2, 2]), 15_000)
    for (const { consumer, done } of [one, two]) {
      await consumer.close()
      await done
    }
  })
})

test('what is no topic is refused', async () => {
  const { Client } = await import('../../src/index.ts')
  await using kafka = new Client('memory:')
  for (const wrong of [undefined, 7, {}, null])
    expect(() => kafka.consumer(wrong as never)).toThrow("A topic's name must be a string")
})

test('a consumer without a handler is refused at once, not at the first record', async () => {
  const { Client } = await import('../../src/index.ts')
  await using kafka = new Client('memory:')
  const missing = undefined as never
  for (const consuming of [
    kafka.consume('orders', { group: 'g' }, missing),
    kafka.consumeBatch('orders', { group: 'g' }, missing),
    kafka.consumer('orders').forEach(missing),
  ])
    await expect(consuming).rejects.toThrow('needs a function that handles records; got undefined')
})
