import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { TopicNotFoundError } from '../core/errors.ts'
import {
  createMetadataResponse,
  createMetadataResponsePartition,
  createMetadataResponseTopic,
  type MetadataRequest,
} from '../protocol/messages/generated/metadata.ts'
import { Cluster } from './cluster.ts'
import { resolveClientConfig } from './config.ts'

/** Partitions by topic; or an error code for it. */
type Answers = { [topic: string]: number | { error: number } }

/** A cluster that answers so, and notes what it is asked. */
function clusterOf(answers: Answers) {
  const asked: string[][] = []
  const connection: Connection = {
    url: 'fake:',
    exchange: async (_, request) => {
      await Promise.resolve()
      const names = (request as MetadataRequest).topics!.map(({ name }) => name!)
      asked.push(names)
      const topics = names.map((name) => {
        const answer = answers[name] ?? { error: 3 }
        const count = typeof answer === 'number' ? answer : 0
        return createMetadataResponseTopic({
          name,
          errorCode: typeof answer === 'number' ? 0 : answer.error,
          partitions: Array.from({ length: count }, (__, partitionIndex) =>
            createMetadataResponsePartition({ partitionIndex, leaderId: 1 }),
          ),
        })
      })
      return createMetadataResponse({ topics }) as never
    },
    releaseLane: () => undefined,
    close: () => Promise.resolve(),
  }
  const cluster = new Cluster(connection, resolveClientConfig({ retryBackoff: 1 }, {}))
  return { cluster, asked, answers }
}

const quietly = { create: false, absent: 'leave out' } as const

describe('a topic that was just created', () => {
  test('is looked for until each broker has heard of it, also by who creates none', async () => {
    const { cluster, asked, answers } = clusterOf({})
    cluster.topicCreated('new')
    const looking = cluster.ensureTopic('new', { create: false })
    while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
    answers.new = 2
    expect((await looking).partitions).toHaveLength(2)
  })

  test('is not waited for so long once it was seen: others may have deleted it', async () => {
    const { cluster, answers } = clusterOf({ new: 1 })
    cluster.topicCreated('new')
    await cluster.ensureTopic('new', { create: false })
    cluster.invalidateTopic('new')
    answers.new = { error: 3 }
    const looking = cluster.ensureTopic('new', { create: false })
    await expect(looking).rejects.toBeInstanceOf(TopicNotFoundError)
  })

  test('and deleted is not', async () => {
    const { cluster, asked } = clusterOf({})
    cluster.topicCreated('new')
    cluster.topicDeleted('new')
    const looking = cluster.ensureTopic('new', { create: false })
    await expect(looking).rejects.toBeInstanceOf(TopicNotFoundError)
    expect(asked).toEqual([['new']])
  })
})

describe('many topics', () => {
  test('are asked for in one request, without those that are known', async () => {
    const { cluster, asked } = clusterOf({ a: 1, b: 2, c: 3 })
    await cluster.ensureTopic('b')
    const found = await cluster.ensureTopics(['a', 'b', 'c', 'a'])
    expect(asked).toEqual([['b'], ['a', 'c']])
    expect([...found].map(([name, { partitions }]) => [name, partitions.length]).sort()).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
  })

  test('one look-up of a topic at a time is shared', async () => {
    const { cluster, asked } = clusterOf({ a: 1, b: 2 })
    await Promise.all([cluster.ensureTopics(['a', 'b']), cluster.ensureTopic('a')])
    await cluster.ensureTopic('b')
    expect(asked).toEqual([['a', 'b']])
  })

  test('one that is not there keeps no other from its answer', async () => {
    const { cluster, asked } = clusterOf({ there: 1 })
    const names = ['nowhere', 'there']
    const [refusing, leaving] = await Promise.allSettled([
      cluster.ensureTopics(names, { create: false }),
      cluster.ensureTopics(names, quietly),
    ])
    expect(refusing).toMatchObject({ reason: expect.any(TopicNotFoundError) })
    expect(leaving).toMatchObject({ status: 'fulfilled' })
    expect(cluster.topic('there')).toBeDefined()
    expect(asked).toEqual([names])
  })

  test('one whose leader is being elected is asked for again, by itself', async () => {
    const { cluster, asked, answers } = clusterOf({ a: 1, b: { error: 5 } })
    const looking = cluster.ensureTopics(['a', 'b'])
    answers.b = 1
    expect((await looking).size).toBe(2)
    expect(asked).toEqual([['a', 'b']])
    answers.c = { error: 5 }
    const others = cluster.ensureTopics(['c', 'd'], quietly)
    while (asked.length < 3) await new Promise((resolve) => setImmediate(resolve))
    answers.c = 1
    expect([...(await others).keys()]).toEqual(['c'])
    expect(asked[1]).toEqual(['c', 'd'])
  })

  test('who is interested hears of partitions that a topic has got, also after it was forgotten', async () => {
    const { cluster, answers } = clusterOf({ a: 1 })
    const grown: string[] = []
    const stop = cluster.onTopicGrown((topic) => grown.push(topic))
    await cluster.ensureTopic('a')
    cluster.invalidateTopic('a')
    await cluster.ensureTopic('a')
    expect(grown).toEqual([])
    answers.a = 2
    cluster.invalidateTopic('a')
    await cluster.ensureTopic('a')
    expect(grown).toEqual(['a'])
    stop()
    answers.a = 3
    cluster.invalidateTopic('a')
    await cluster.ensureTopic('a')
    expect(grown).toEqual(['a'])
  })
})
