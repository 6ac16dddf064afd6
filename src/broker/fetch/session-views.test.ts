/** Whatever happens, a client in a session sees what full fetches would show it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { amount } from '../../../test/amount.ts'
import { type Fate, keyOf, SessionClient, type View } from '../../../test/broker/session-client.ts'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords,
} from '../../protocol/messages/generated/delete-records.ts'
import {
  createDeleteTopicsRequest,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'

const names = ['orders', 'flights', 'trades'] as const
const partitions = 3

interface Place {
  readonly topic: number
  readonly partition: number
}

type Step =
  | ({ readonly do: 'want' | 'truncate'; readonly offset: number } & Place)
  | ({ readonly do: 'forget' | 'produce' } & Place)
  | { readonly do: 'delete' | 'create' | 'learn id'; readonly topic: number }
  | { readonly do: 'evict' | 'restart' }
  | { readonly do: 'poll'; readonly fate: Fate; readonly moves: boolean }

const topic = fc.nat(names.length - 1)
// One more than there are, so that some are missing.
const place = { topic, partition: fc.nat(partitions) }
const offset = fc.nat(6)
const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('answered') },
  { weight: 1, arbitrary: fc.constantFrom<Fate>('request lost', 'answer lost', 'sent twice') },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('want', 'truncate'), offset, ...place }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('forget', 'produce'), ...place }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('produce'), ...place }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('delete', 'create', 'learn id'), topic }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('evict', 'restart') }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('poll'), fate, moves: fc.boolean() }) },
)

/** A broker, a client in a session, and what the client believes the topics' ids to be. */
class World {
  readonly client: SessionClient
  broker: TestBroker
  readonly #version: number
  readonly #ids = new Map<number, string>()
  readonly #knownIds = new Map<number, string>()
  #records = 0

  private constructor(broker: TestBroker, version: number) {
    this.broker = broker
    this.#version = version
    this.client = new SessionClient(version)
  }

  static async open(version: number): Promise<World> {
    const broker = await openTestBroker({
      config: { maxFetchSessions: 2, autoCreateTopics: false },
    })
    let ids = 0
    broker.runtime.random = () => ++ids / 10_000
    const world = new World(broker, version)
    for (const [i] of names.entries()) {
      await world.#create(i)
      world.#learnId(i)
    }
    return world
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'want':
        return this.client.want({
          topic: this.#named(step.topic),
          partition: step.partition,
          offset: BigInt(step.offset),
        })
      case 'forget':
        return this.client.forget(this.#named(step.topic), step.partition)
      case 'learn id':
        return this.#learnId(step.topic)
      case 'produce': {
        const { partition } = step
        const values = batch(`r${this.#records++}`, `r${this.#records++}`)
        await produceTo(this.broker, names[step.topic]!, values, { partition })
        return
      }
      case 'truncate':
        return this.#truncate(step)
      case 'delete': {
        const request = createDeleteTopicsRequest({ topicNames: [names[step.topic]!] })
        await this.broker.ask(deleteTopics, request, { version: 5 })
        this.#ids.delete(step.topic)
        return
      }
      case 'create':
        if (!this.#ids.has(step.topic)) await this.#create(step.topic)
        return
      case 'evict':
        return this.#evict()
      case 'restart':
        this.broker = await this.broker.restart()
        return
      case 'poll':
        return this.#poll(step)
    }
  }

  async #poll({ fate, moves }: Step & { do: 'poll' }): Promise<void> {
    const views = await this.client.poll(this.broker, fate)
    if (!views) return
    const expected = await this.client.look(this.broker)
    expect(this.#comparable(views)).toEqual(this.#comparable(expected))
    if (!moves) return
    for (const want of [...this.client.wants.values()]) {
      const read = views.get(keyOf(want.topic, want.partition))!.values.length
      this.client.want({ ...want, offset: want.offset + BigInt(read) })
    }
  }

  /** A session by id knows more of a topic that has gone than a full fetch does, so it has other errors for it. */
  #comparable(views: ReadonlyMap<string, View>): Map<string, View> {
    const gone = ['UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION']
    if (this.#version < 13) return new Map(views)
    return new Map(
      [...views].map(([key, view]) => [
        key,
        gone.includes(view.error) ? { ...view, error: 'gone' } : view,
      ]),
    )
  }

  #named(topic: number): string {
    return this.#version >= 13 ? this.#knownIds.get(topic)! : names[topic]!
  }

  async #create(topic: number): Promise<void> {
    this.#ids.set(topic, await createTopic(this.broker, names[topic]!, partitions))
  }

  #learnId(topic: number): void {
    const id = this.#ids.get(topic)
    if (id === undefined) return
    const old = this.#knownIds.get(topic)
    this.#knownIds.set(topic, id)
    if (this.#version < 13 || old === undefined || old === id) return
    // What it reads of the topic that has gone, it now reads of the new one.
    for (const want of [...this.client.wants.values()]) {
      if (want.topic !== old) continue
      this.client.forget(old, want.partition)
      this.client.want({ ...want, topic: id })
    }
  }

  async #truncate({ topic, partition, offset }: Place & { offset: number }): Promise<void> {
    const one = createDeleteRecordsRequestDeleteRecordsPartition({
      partitionIndex: partition,
      offset: BigInt(offset),
    })
    const topics = [
      createDeleteRecordsRequestDeleteRecordsTopic({ name: names[topic]!, partitions: [one] }),
    ]
    await this.broker.ask(deleteRecords, createDeleteRecordsRequest({ topics, timeoutMs: 1000 }))
  }

  /** Others come while the client is idle, and take the room. */
  async #evict(): Promise<void> {
    this.broker.runtime.advance(120_001)
    const partition = createFetchRequestFetchPartition()
    const topics = [createFetchRequestFetchTopic({ topic: 'nowhere', partitions: [partition] })]
    const request = createFetchRequest({ sessionEpoch: 0, topics })
    for (let i = 0; i < 2; i++) await this.broker.ask(fetch, request, { version: 12 })
  }
}

test.each([12, 18])('version %i', async (version) => {
  let incremental = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const world = await World.open(version)
      for (const one of steps) {
        if (one.do === 'poll' && world.client.isInSession) incremental++
        await world.run(one)
      }
      await world.broker.broker.close()
    }),
    { numRuns: amount(40, 400) },
  )
  expect(incremental).toBeGreaterThan(100)
})

test('answers that hold one batch bring every record once, in order, and no partition waits long', async () => {
  const backlog = fc.array(fc.nat(5), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(backlog, fc.infiniteStream(fate), async (batches, fates) => {
      const broker = await openTestBroker()
      await createTopic(broker, 'orders', batches.length)
      const client = new SessionClient(12, { maxBytes: 1 })
      for (const [partition, count] of batches.entries()) {
        client.want({ topic: 'orders', partition, offset: 0n })
        for (let i = 0; i < count; i++) {
          await produceTo(broker, 'orders', batch(`${partition}.${i}`), { partition })
        }
      }
      const read = batches.map((): string[] => [])
      const waits = batches.map(() => 0)
      const isDone = () => read.every((values, i) => values.length === batches[i])
      const polls = batches.reduce((sum, count) => sum + count, 0)
      for (let polled = 0, lost = 0; !isDone(); polled++) {
        // Every answer that comes brings a batch.
        expect(polled - lost).toBeLessThan(polls)
        const views = await client.poll(broker, lost < 20 ? fates.next().value! : 'answered')
        if (!views) {
          lost++
          // A new session begins with the first partition again.
          waits.fill(0)
          continue
        }
        for (const want of [...client.wants.values()]) {
          const { partition } = want
          const { values } = views.get(keyOf('orders', partition))!
          read[partition]!.push(...values)
          client.want({ ...want, offset: want.offset + BigInt(values.length) })
          const isWaiting = values.length === 0 && read[partition]!.length < batches[partition]!
          waits[partition] = isWaiting ? waits[partition]! + 1 : 0
        }
        expect(Math.max(...waits)).toBeLessThan(batches.length)
      }
      for (const [partition, count] of batches.entries()) {
        expect(read[partition]).toEqual(
          Array.from({ length: count }, (_, i) => `${partition}.${i}`),
        )
      }
      await broker.broker.close()
    }),
    { numRuns: amount(25, 250) },
  )
})
