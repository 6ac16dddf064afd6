/** Records whose results the broker refuses: found among those of a commit, and treated as `onError` says. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Client,
  type ConsumerRecord,
  MessageTooLargeError,
  type StreamsConfig,
} from '../../src/index.ts'

let kafka: Client
beforeEach(() => {
  kafka = new Client({ url: 'memory:', retryBackoff: 5 })
})
afterEach(() => kafka.close())

const tooLarge = 'x'.repeat(2_000_000)
const numbers = Array.from({ length: 100 }, (_, n) => n)
const refused = [17, 18, 63]
const rest = numbers.filter((n) => !refused.includes(n))

async function produce(): Promise<void> {
  const producer = kafka.producer<number>('numbers')
  for (const n of numbers) void producer.send(n, { key: `key-${n % 7}` })
  await producer.flush()
}

const values = (records: readonly ConsumerRecord<unknown, unknown>[]) =>
  records.map(({ value }) => value)

/** What is in the topic once all numbers are done with. */
async function written(topic: string, count: number) {
  return values(await kafka.consumer(topic).take(count).toArray())
}

const enlarging = (config: StreamsConfig) =>
  kafka
    .stream<number>('numbers', { app: 'a', commitInterval: 20, ...config })
    .map((n) => (refused.includes(n) ? tooLarge : n))
    .to('out')

describe('results that are too large', () => {
  test('are passed over with their records, and nothing else is', async () => {
    await produce()
    const told: unknown[] = []
    const run = enlarging({
      onError: (error, { offset }, where) => {
        told.push([where, offset, error.cause instanceof MessageTooLargeError])
        return 'skip'
      },
    })
    expect(await written('out', rest.length)).toEqual(rest)
    expect(told).toEqual(refused.map((n) => ['produce', BigInt(n), true]))
    await run.close()
    const { partitions } = await kafka.admin.describeGroup('a')
    expect(partitions.map(({ committed }) => committed)).toEqual([100n])
  })

  test('go to the dead letters as the records that they were made of, not tried again', async () => {
    await produce()
    const run = enlarging({ onError: { retry: { attempts: 5 }, deadLetter: 'dead' } })
    expect(await written('out', rest.length)).toEqual(rest)
    const dead = await kafka.consumer('dead').take(refused.length).toArray()
    expect(values(dead)).toEqual(refused)
    expect(dead.map(({ headers }) => headers['original-offset']?.toString())).toEqual(
      refused.map(String),
    )
    await run.close()
  })

  test('stop the application at their record, with what came before it committed', async () => {
    await produce()
    const run = enlarging({})
    await expect(run).rejects.toMatchObject({
      name: 'StreamProcessingError',
      code: 'MESSAGE_TOO_LARGE',
      where: 'produce',
      offset: 17n,
      message: expect.stringMatching(/offset 17 of numbers-0: .*too large/),
    })
    expect(await written('out', 17)).toEqual(numbers.slice(0, 17))
  })

  test('at least once, too', async () => {
    await produce()
    const run = enlarging({ onError: 'skip', guarantee: 'at-least-once' })
    await expect
      .poll(async () => (await kafka.admin.describeGroup('a')).partitions[0]?.committed, {
        timeout: 20_000,
      })
      .toBe(100n)
    await run.close()
    const { offsets } = await kafka.admin.describeTopic('out')
    const found = new Set(await written('out', Number(offsets[0]!.latest)))
    expect([...found].sort((a, b) => Number(a) - Number(b))).toEqual(rest)
  })

  test('behind a repartition, with totals: the totals are those of the others', async () => {
    await produce()
    const run = kafka
      .stream<number>('numbers', { app: 'a', commitInterval: 20, onError: 'skip' })
      .groupBy((n) => `${n % 2}`)
      .reduce(0, (sum, n) => sum + n, { store: 'sums' })
      .toStream()
      .peek(() => undefined)
      .map((sum) => (sum === 2 + 4 ? tooLarge : sum))
      .to('out')
    await run.ready
    // Of the even ones, 0, 2 and 6 would be the first totals: 4 does not count.
    const even = numbers.filter((n) => n % 2 === 0).reduce((a, b) => a + b) - 4
    await expect.poll(() => run.store('sums').get('0'), { timeout: 20_000 }).toBe(even)
    expect(run.store('sums').get('1')).toBe(2500)
    await run.close()
  })

  test('of a timer stop the application', async () => {
    await produce()
    const run = kafka
      .stream<number>('numbers', { app: 'a', onError: 'skip' })
      .process<Record<never, never>, unknown>({
        init: (context) =>
          context.every('1ms', 'wall', () => context.forward({ key: 'k', value: tooLarge })),
        record: ({ key, value }, context) => context.forward({ key, value }),
      })
      .to('out')
    await expect(run).rejects.toMatchObject({ name: 'MessageTooLargeError' })
  })
})

test('records that a topic does not take as they are', async () => {
  await kafka.admin.createTopic('out', { configs: { 'cleanup.policy': 'compact' } })
  await produce()
  const run = kafka
    .stream<number>('numbers', { app: 'a', commitInterval: 20, onError: 'skip' })
    .rekey((n) => (refused.includes(n) ? null : `${n}`))
    .to('out')
  expect(await written('out', rest.length)).toEqual(rest)
  await run.close()
})
