/** Consumers that name their partitions: without a group, and for a group's offsets only. */
import { beforeEach, describe, expect, test } from 'vitest'
import { type Client, Offset, PartitionNotFoundError, topic } from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

describe('named partitions', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(async () => {
    kafka = cluster.open()
    await kafka.admin.createTopic('orders', { partitions: 3 })
    for (const partition of [0, 1, 2]) {
      for (const value of ['a', 'b']) {
        await kafka.produce('orders', `${value}${partition}`, { partition })
      }
    }
  })
  const place = (partition: number) => ({ topic: 'orders', partition })

  test('they and no others are read, each from its own place', async () => {
    const seen: string[] = []
    const consumer = kafka.consumer<string>('orders', {
      partitions: [{ ...place(0), offset: Offset.at(1) }, place(2)],
    })
    for await (const { value } of consumer.take(3)) seen.push(value)
    expect(seen.sort()).toEqual(['a2', 'b0', 'b2'])
  })

  test('several can read the same', async () => {
    const config = { group: 'g', partitions: [place(1)] }
    const [one, two] = await Promise.all(
      [0, 1].map(() => kafka.consumer<string>('orders', config).take(2).toArray()),
    )
    expect(one!.map(({ value }) => value)).toEqual(two!.map(({ value }) => value))
  })

  test('with a group: starts from its offsets and commits to them, and is no member', async () => {
    const config = { group: 'g', autoCommit: false, partitions: [place(1)] }
    const first = kafka.consumer<string>('orders', config)
    for await (const record of first) {
      const { members } = await kafka.admin.describeGroup('g').catch(() => ({ members: [] }))
      expect(members).toEqual([])
      await record.commit()
      break
    }
    const { partitions, state } = await kafka.admin.describeGroup('g')
    expect(state).toBe('Empty')
    expect(partitions.map(({ partition, committed }) => [partition, committed])).toContainEqual([
      1,
      1n,
    ])
    const [second] = await kafka.consumer<string>('orders', config).take(1).toArray()
    expect(second!.value).toBe('b1')
  })

  test('with a group it commits by itself, also in transactions', async () => {
    const config = { group: 'g', partitions: [place(0)] }
    await kafka.consumer('orders', config).take(2).toArray()
    expect((await kafka.admin.describeGroup('g')).partitions[0]!.committed).toBe(2n)
    const other = { group: 'tx', autoCommit: false, partitions: [place(0)] }
    for await (const record of kafka.consumer('orders', other).take(1)) {
      await kafka.transaction('copies', async (tx) => {
        await tx.send(record.value)
        await tx.commitOffsets(record)
      })
    }
    // Apache Kafka answers the end of a transaction before its marker is in the offsets.
    const committed = async () => (await kafka.admin.describeGroup('tx')).partitions[0]!.committed
    await expect.poll(committed, { timeout: 20_000 }).toBe(1n)
  })

  test('where the group has members, a commit says why it is refused', async () => {
    const member = kafka.consumer('orders', { group: 'g' })
    await member.ready()
    const config = { group: 'g', autoCommit: false, partitions: [place(0)] }
    for await (const record of kafka.consumer('orders', config).take(1)) {
      await expect(record.commit()).rejects.toThrow(/Group 'g' has members that read/)
    }
    await member.close()
  })

  test('one that there is not', async () => {
    const consumer = kafka.consumer('orders', { partitions: [place(3)] })
    const reading = consumer.take(1).toArray()
    await expect(reading).rejects.toThrow(PartitionNotFoundError)
    await expect(kafka.consumer('orders', { partitions: [place(3)] }).ready()).rejects.toThrow(
      "orders-3 does not exist: topic 'orders' has 3 partitions, counted from 0",
    )
  })

  test('one that was added a moment ago by another is found', async () => {
    await kafka.consumer('orders').ready()
    await cluster.open().admin.createTopic('other')
    const config = { partitions: [place(2)] }
    expect(await kafka.consumer('orders', config).take(1).toArray()).toHaveLength(1)
  })

  test.each([
    ['assignor', 'range'],
    ['groupInstanceId', 'one'],
    ['sessionTimeout', '10s'],
    ['heartbeatInterval', '1s'],
    ['rebalanceTimeout', '10s'],
    ['onLost', () => undefined],
  ])('%s makes no sense beside it', (key, value) => {
    const config = { group: 'g', partitions: [place(0)], [key]: value }
    const message = `ConsumerConfig.partitions and ConsumerConfig.${key} exclude each other`
    expect(() => kafka.consumer('orders', config)).toThrow(message)
  })

  test('topics and partitions belong together', () => {
    const config = { partitions: [place(0)] }
    expect(() => kafka.consumer(/^ord/, config)).toThrow('needs topic names; got the pattern')
    expect(() => kafka.consumer('other', config)).toThrow("names topic 'orders', which is not")
    expect(() => kafka.consumer([topic('orders'), 'other'], config)).toThrow(
      "names no partition of topic 'other'",
    )
  })
})

describe('what is no partition or no offset is refused', () => {
  const cluster = useCluster()

  test('by seek, pause and resume', async () => {
    const kafka = cluster.open()
    await kafka.produce('orders', 1)
    const consumer = kafka.consumer('orders')
    await consumer.ready()
    const here = { topic: 'orders', partition: 0 }
    for (const wrong of [Number.NaN, -1, 1.5, '5', null, undefined, 2 ** 53, -1n, 2n ** 63n])
      expect(() => consumer.seek(here, wrong as never), String(wrong)).toThrow(/^seek takes/)
    for (const wrong of ['orders-0', null, [here], { topic: 'orders' }, { partition: 0 }])
      expect(() => consumer.seek(wrong as never, 0n)).toThrow(/partition to seek/)
    for (const method of ['pause', 'resume'] as const) {
      expect(() => consumer[method](here as never)).toThrow(`${method} takes an array`)
      expect(() => consumer[method]([{ topic: 'orders' }] as never)).toThrow(`${method}(…)[0]`)
    }
    consumer.seek(here, 0)
    expect(consumer.positions()[0]!.position).toBe(0n)
    await consumer.close()
  })

  test.each(['5', null, undefined, 1.5, Number.NaN, true, {}])('by Offset: %s', (wrong) => {
    for (const make of [Offset.at, Offset.shift, Offset.timestamp])
      expect(() => make(wrong as never)).toThrow(/^Offset\.\w+ takes a/)
  })

  test('by Offset.at, one below 0', () => {
    expect(() => Offset.at(-1)).toThrow('Offset.at takes an offset of 0 or more; got -1')
    expect(() => Offset.at(-1n)).toThrow('Offset.at takes an offset of 0 or more; got -1n')
  })
})
