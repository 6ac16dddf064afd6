/** Our client with the brokers of earlier Kafka releases: as far as they can, they do all that newer ones do. */
import { describe, expect, test } from 'vitest'
import { type Client, type ConsumerRecord, Offset } from '../../src/index.ts'
import type { FakeBroker } from './fake-broker.ts'
import { kafkaReleases, oldestVersions } from './kafka-releases.ts'
import { clientOf, errorOf, fakeBroker } from './tcp-fixture.ts'

/** Handles `count` records; with a group, they are committed then. */
async function read(
  kafka: Client,
  topics: string[],
  group: string | undefined,
  count: number,
): Promise<ConsumerRecord[]> {
  const enough = new AbortController()
  const records: ConsumerRecord[] = []
  const config = { ...(group && { group }), offset: Offset.earliest, signal: enough.signal }
  await kafka.consume(topics, config, (record) => {
    records.push(record)
    if (records.length === count) enough.abort()
  })
  return records
}

const valuesOf = (records: ConsumerRecord[]) => records.map(({ value }) => value).sort()

/** No request may be newer than the broker said. */
function expectKeptTo(broker: FakeBroker, versions: { readonly [api: string]: number }): void {
  for (const { api, version } of broker.received) {
    if (api === 'ApiVersions' && version === 3) continue
    expect(version, api).toBeLessThanOrEqual(versions[api] ?? -1)
  }
}

describe.each(Object.entries(kafkaReleases))('a broker of Kafka %s', (_release, versions) => {
  async function open(): Promise<{ kafka: Client; broker: FakeBroker }> {
    const broker = await fakeBroker({ versions })
    return { kafka: clientOf(broker), broker }
  }

  test('stores what is produced, and gives it back', async () => {
    const { kafka, broker } = await open()
    const sent = await Promise.all(
      ['a', 'b', 'c'].map((value) => kafka.produce('letters', value, { key: 'k' })),
    )
    expect(sent.map(({ offset }) => offset)).toEqual([0n, 1n, 2n])
    const records = await read(kafka, ['letters'], undefined, 3)
    expect(records.map(({ value, key }) => [key, value])).toEqual([
      ['k', 'a'],
      ['k', 'b'],
      ['k', 'c'],
    ])
    expectKeptTo(broker, versions)
  })

  test('a group goes on where it was, in each of its topics', async () => {
    const { kafka, broker } = await open()
    // Different counts, so that an offset of one topic that was taken for the other's would show.
    for (let i = 0; i < 5; i++) await kafka.produce('many', `many ${i}`)
    await kafka.produce('few', 'few 0')
    expect(await read(kafka, ['many', 'few'], 'g', 6)).toHaveLength(6)
    await kafka.produce('many', 'many 5')
    await kafka.produce('few', 'few 1')
    expect(valuesOf(await read(kafka, ['many', 'few'], 'g', 2))).toEqual(['few 1', 'many 5'])
    expectKeptTo(broker, versions)
  })

  test('two members share the partitions', async () => {
    const { kafka, broker } = await open()
    await kafka.admin.createTopic('shared', { partitions: 2, replicationFactor: 1 })
    const positions = [0, 1].map(() => {
      const consumer = kafka.consumer('shared', { group: 'g', heartbeatInterval: 50 })
      const partitions = new Set<number>()
      void (async () => {
        for await (const { partition } of consumer) partitions.add(partition)
      })()
      return partitions
    })
    for (let round = 0; positions.some(({ size }) => size === 0); round++) {
      await Promise.all([0, 1].map((partition) => kafka.produce('shared', round, { partition })))
    }
    expect(positions.every(({ size }) => size > 0)).toBe(true)
    expectKeptTo(broker, versions)
  })

  test('offsets by time', async () => {
    const { kafka, broker } = await open()
    for (const timestamp of [1000, 2000, 3000]) {
      await kafka.produce('times', timestamp, { timestamp: new Date(timestamp) })
    }
    const consumer = kafka.consumer('times', { offset: Offset.timestamp(new Date(1500)) })
    for await (const { value } of consumer) {
      expect(value).toBe(2000)
      break
    }
    expectKeptTo(broker, versions)
  })

  test('a transaction commits, one aborts, and what was read moves with what was written', async () => {
    const { kafka, broker } = await open()
    await kafka.transaction('out', async (tx) => void (await tx.send('kept')))
    await expect(
      kafka.transaction('out', async (tx) => {
        await tx.send('dropped')
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await kafka.transaction('out', async (tx) => void (await tx.send('last')))
    expect(valuesOf(await read(kafka, ['out'], undefined, 2))).toEqual(['kept', 'last'])

    await kafka.produce('in', 'one')
    const consumer = kafka.consumer('in', {
      group: 'mover',
      offset: Offset.earliest,
      autoCommit: false,
    })
    for await (const record of consumer) {
      await kafka.transaction('out', async (tx) => {
        await tx.send(record.value)
        await tx.commitOffsets(record)
      })
      break
    }
    await consumer.close()
    await kafka.produce('in', 'two')
    expect(valuesOf(await read(kafka, ['in'], 'mover', 1))).toEqual(['two'])
    expectKeptTo(broker, versions)
  })

  test('topics and groups are administered', async () => {
    const { kafka, broker } = await open()
    await kafka.admin.createTopic('t', { partitions: 2, replicationFactor: 1 })
    await kafka.produce('t', 'x', { partition: 1 })
    expect((await kafka.admin.describeTopic('t')).offsets.map(({ latest }) => latest)).toEqual([
      0n,
      1n,
    ])
    await read(kafka, ['t'], 'g', 1)
    const group = await kafka.admin.describeGroup('g')
    expect(
      group.partitions.map(({ partition, committed }) => [partition, committed]),
    ).toContainEqual([1, 1n])
    await kafka.admin.createPartitions('t', 3)
    await kafka.admin.deleteTopic('t')
    expect(await kafka.admin.listTopics()).toEqual([])
    expectKeptTo(broker, versions)
  })

  test(`a static member ${(versions.JoinGroup ?? 0) >= 5 ? 'keeps its place' : 'is refused, and told why'}`, async () => {
    const { kafka } = await open()
    await kafka.produce('t', 'x')
    const config = { group: 'g', groupInstanceId: 'me', offset: Offset.earliest }
    const first = kafka.consumer('t', config).take(1).toArray()
    if ((versions.JoinGroup ?? 0) >= 5) {
      expect(valuesOf(await first)).toEqual(['x'])
    } else {
      const error = await errorOf(first)
      expect(error.code).toBe('UNSUPPORTED_VERSION')
      expect(error.message).toMatch(/groupInstanceId/)
    }
  })
})

test('the oldest version of each API is enough to produce, and for a group to go on where it was', async () => {
  const broker = await fakeBroker({ versions: oldestVersions })
  const kafka = clientOf(broker)
  for (const value of ['a', 'b']) await kafka.produce('t', value)
  await kafka.produce('other', 'x')
  expect(valuesOf(await read(kafka, ['t', 'other'], 'g', 3))).toEqual(['a', 'b', 'x'])
  await kafka.produce('t', 'c')
  expect(valuesOf(await read(kafka, ['t', 'other'], 'g', 1))).toEqual(['c'])
  expectKeptTo(broker, oldestVersions)
})
