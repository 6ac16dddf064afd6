/** Options of an application that say how its own topics are made, and how long a task waits. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Client, ConfigError, Window } from '../../src/index.ts'
import { valuesOfEveryType } from '../values-of-every-type.ts'

test("configs for an application's own topics are theirs from the start", async () => {
  await using kafka = new Client('memory:')
  await kafka.admin.createTopic('orders', { partitions: 2 })
  const app = kafka.streams({
    app: 'shop',
    internalTopics: {
      changelog: { 'segment.bytes': 1_048_576, 'min.compaction.lag.ms': 5 },
      repartition: { 'segment.ms': '600000' },
    },
  })
  app
    .stream<{ city: string }>('orders')
    .groupBy('by-city', ({ city }) => city)
    .count({ store: 'cities' })
    .to('cities')
  await using run = await app.start()
  expect(run.state).toBe('running')
  const configs = async (topic: string) => (await kafka.admin.describeTopic(topic)).configs
  expect(await configs('shop-cities-changelog')).toMatchObject({
    'cleanup.policy': 'compact',
    'segment.bytes': '1048576',
    'min.compaction.lag.ms': '5',
  })
  const repartition = (await kafka.admin.listTopics()).find(({ name }) =>
    name.endsWith('-repartition'),
  )
  expect(await configs(repartition!.name)).toMatchObject({
    'retention.ms': '-1',
    'segment.ms': '600000',
  })
})

test('history that a table needs is not given up for a shorter lag', async () => {
  await using kafka = new Client('memory:')
  const app = kafka.streams({
    app: 'prices-app',
    internalTopics: { changelog: { 'min.compaction.lag.ms': 5 } },
  })
  app.stream<number>('prices').toTable({ store: 'prices', history: '1h' })
  await using run = await app.start()
  expect(run.state).toBe('running')
  const { configs } = await kafka.admin.describeTopic('prices-app-prices-changelog')
  expect(configs['min.compaction.lag.ms']).toBe(String(25 * 3_600_000))
})

test('configs that the broker does not know end the start with its error', async () => {
  await using kafka = new Client('memory:')
  const app = kafka.streams({ app: 'odd', internalTopics: { changelog: { 'no.such': 1 } } })
  app.stream('orders').groupByKey().window(Window.tumbling('1m')).count().to('out')
  await expect(app.start()).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
})

test('a record waits for another partition only so long', async () => {
  await using kafka = new Client('memory:')
  await kafka.produce('a', 1)
  const app = kafka.streams({ app: 'waits', maxTaskIdle: '20ms' })
  const taken = new Promise((resolve) => {
    app.stream('a').merge(app.stream('b')).forEach(resolve)
  })
  await using run = await app.start()
  expect(run.state).toBe('running')
  expect(await taken).toBe(1)
})

test('values of wrong types are refused by the name of the option', () => {
  const kafka = new Client('memory:')
  const start = (config: object) => () => kafka.streams({ app: 'a', ...config })
  for (const value of valuesOfEveryType) {
    const name = inspect(value)
    if (value === undefined) continue
    const isPlain = Object.prototype.toString.call(value) === '[object Object]'
    if (!isPlain) {
      expect(start({ internalTopics: value }), name).toThrow(ConfigError)
      expect(start({ internalTopics: { changelog: value } }), name).toThrow(
        /internalTopics\.changelog/,
      )
    }
    expect(start({ internalTopics: { changelog: { 'segment.ms': [value] } } }), name).toThrow(
      /internalTopics\.changelog\['segment\.ms'\]/,
    )
  }
  expect(start({ internalTopics: { source: {} } })).toThrow(/internalTopics\.source is not known/)
  for (const key of ['cleanup.policy', 'message.timestamp.type']) {
    expect(start({ internalTopics: { repartition: { [key]: 'x' } } })).toThrow(
      `internalTopics.repartition cannot set '${key}'`,
    )
  }
  for (const value of [-1, 'soon', {}, null, true]) {
    expect(start({ maxTaskIdle: value })).toThrow(/maxTaskIdle/)
  }
})
