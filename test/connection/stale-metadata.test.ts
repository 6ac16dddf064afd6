/** What the client knows of topics grows old, or is forgotten at the wrong moment: nothing is skipped and nobody gets stuck. */
import { expect, test } from 'vitest'
import { createRuntime } from '../../src/core/runtime.ts'
import { Offset } from '../../src/index.ts'
import { fetch } from '../../src/protocol/messages/generated/fetch.ts'
import { metadata } from '../../src/protocol/messages/generated/metadata.ts'
import { offsetCommit } from '../../src/protocol/messages/generated/offset-commit.ts'
import { offsetFetch } from '../../src/protocol/messages/generated/offset-fetch.ts'
import { clientOf, fakeBroker } from './tcp-fixture.ts'

const metadataMaxAgeMs = 300_000

test.each([undefined, 'g'])(
  'a consumer goes on when its metadata is older than metadataMaxAge (group: %s)',
  async (group) => {
    const broker = await fakeBroker()
    let passedMs = 0
    const runtime = { ...createRuntime(), monotonicNow: () => performance.now() + passedMs }
    const kafka = clientOf(broker, { runtime })
    const producer = clientOf(broker)
    await producer.produce('t', 0)
    const read: unknown[] = []
    const config = { ...(group && { group }), fetchMaxWait: 10, autoCommitInterval: 10 }
    for await (const { value } of kafka.consumer('t', config)) {
      read.push(value)
      if (read.length === 5) break
      passedMs += metadataMaxAgeMs + 1
      await producer.produce('t', read.length)
    }
    expect(read).toEqual([0, 1, 2, 3, 4])
  },
)

test('an answer to a fetch counts although the topic was forgotten meanwhile', async () => {
  const broker = await fakeBroker()
  const kafka = clientOf(broker)
  await kafka.produce('t', 'x')
  broker.once(fetch, async ({ forward }) => {
    const response = await forward()
    // Forgets what is known of the topic, and looks.
    await clientForgets()
    return response
  })
  const clientForgets = () => kafka.admin.createPartitions('t', 2)
  expect((await kafka.consumer('t').take(1).toArray()).map(({ value }) => value)).toEqual(['x'])
  expect(broker.requests(fetch)).toHaveLength(1)
})

test('a consumer starts although the topic is forgotten while it does', async () => {
  const broker = await fakeBroker()
  const kafka = clientOf(broker)
  await kafka.produce('t', 'x')
  for (let i = 0; i < 20; i++) {
    const first = kafka.consumer('t').take(1).toArray()
    const described = kafka.admin.describeTopic('t')
    expect((await first).map(({ value }) => value)).toEqual(['x'])
    await described
  }
})

test('a group finds its offset, and commits, although the topic is forgotten meanwhile', async () => {
  const broker = await fakeBroker()
  const kafka = clientOf(broker)
  await kafka.produce('t', 'a')
  await kafka.produce('t', 'b')
  const forgetting = async <T>(forward: () => Promise<T>): Promise<T> => {
    const response = await forward()
    // Forgets what is known of the topic at once.
    void kafka.admin.describeTopic('t')
    return response
  }
  for (const value of ['a', 'b']) {
    const enough = new AbortController()
    const config = { group: 'g', offset: Offset.latest, signal: enough.signal }
    if (value === 'a') {
      await kafka.consume('t', { ...config, offset: Offset.earliest }, (record) => {
        expect(record.value).toBe(value)
        enough.abort()
      })
      // From here on there is an offset: whoever missed it would begin at the end, and wait for ever.
      broker.on(offsetFetch, ({ forward }) => forgetting(forward))
      broker.on(offsetCommit, ({ forward }) => forgetting(forward))
      continue
    }
    await kafka.consume('t', config, (record) => {
      expect(record.value).toBe(value)
      enough.abort()
    })
  }
  const { partitions } = await kafka.admin.describeGroup('g')
  expect(partitions.map(({ committed }) => committed)).toEqual([2n])
  expect(broker.requests(metadata).length).toBeGreaterThan(0)
})

test('what a group has committed is asked for anew when the topic has become another of its name', async () => {
  const broker = await fakeBroker()
  const [kafka, other] = [clientOf(broker), clientOf(broker)]
  await kafka.produce('t', 'old')
  await other.admin.deleteTopic('t')
  await other.admin.createTopic('t')
  await other.produce('t', 'new')
  const run = kafka.stream<string>('t', { app: 'copies' }).to('copies')
  expect((await other.consumer('copies').take(1).toArray()).map(({ value }) => value)).toEqual([
    'new',
  ])
  expect(run.state).toBe('running')
  await run.close()
})
