/** Consumers and a broker that is away, frozen or out of sorts: who waits, how long, and what is said of it. */
import { afterEach, describe, expect, test } from 'vitest'
import { consumerOptions } from '../../src/client/consumer/consumer-config.ts'
import type { ConsumerConfig } from '../../src/index.ts'
import { KafkaError, TimeoutError } from '../../src/index.ts'
import { type HeldClient, openHeldClient } from './held-connection.ts'

let opened: HeldClient[] = []
afterEach(async () => {
  const clients = opened
  opened = []
  await Promise.all(
    clients.map(async (client) => {
      client.connection.isDown = false
      client.connection.isHeld = () => false
      const closed = client.kafka.close()
      await client.pass(10_000)
      await closed
    }),
  )
})

interface Line {
  readonly level: string
  readonly message: string
}

function open(config: Parameters<typeof openHeldClient>[1] = {}) {
  const lines: Line[] = []
  const write =
    (level: string) =>
    (_about: object, message = '') => {
      lines.push({ level, message })
    }
  const logger = {
    debug: () => undefined,
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
  const client = openHeldClient({}, { logger, ...config })
  opened.push(client)
  const waiting = () =>
    client.kafka
      .metrics()
      .find(({ name }) => name === 'kafka_client_consumers_waiting')!
      .values.reduce((sum, { value }) => sum + value, 0)
  return { ...client, lines, waiting }
}

/** Reads 'numbers' until it ends; what it got, and the error it ended with. */
function read({ kafka }: HeldClient, config: ConsumerConfig) {
  const values: unknown[] = []
  const reading: { values: unknown[]; error: unknown } = { values, error: undefined }
  kafka
    .consume('numbers', config, async (record) => {
      values.push(record.value)
      if (config.group) await record.commit()
    })
    .catch((error: unknown) => {
      reading.error = error
    })
  return reading
}

const kinds: [kind: string, config: ConsumerConfig][] = [
  ['with a group', { group: 'g' }],
  ['without a group', {}],
  ['of named partitions', { partitions: [{ topic: 'numbers', partition: 0 }] }],
]

describe.each(kinds)('a consumer %s', (_kind, config) => {
  test('outlives a broker that is away for ten minutes, says so once a minute, and is counted', async () => {
    const client = open()
    const { kafka, connection, lines, waiting } = client
    await kafka.produce('numbers', 1)
    const reading = read(client, config)
    await client.pass(1000)
    expect(reading.values).toEqual([1])
    expect(waiting()).toBe(0)
    connection.isDown = true
    await client.pass(600_000)
    expect(reading.error).toBeUndefined()
    expect(waiting()).toBe(1)
    const told = lines.filter(({ message }) => message.includes('keeps retrying'))
    expect(told.length).toBeGreaterThanOrEqual(9)
    expect(told.length).toBeLessThanOrEqual(11)
    connection.isDown = false
    await client.pass(5000)
    await kafka.produce('numbers', 2)
    await client.pass(5000)
    expect(reading.values).toEqual([1, 2])
    expect(waiting()).toBe(0)
    expect(lines.at(-1)).toEqual({ level: 'info', message: 'the consumer continues' })
  })

  test('gives up after giveUpAfter, with an error that does not call for another try', async () => {
    const client = open()
    const { kafka, connection } = client
    await kafka.produce('numbers', 1)
    const reading = read(client, { ...config, giveUpAfter: '1m' })
    await client.pass(1000)
    connection.isDown = true
    await client.pass(50_000)
    expect(reading.error).toBeUndefined()
    await client.pass(60_000)
    expect(reading.error).toBeInstanceOf(TimeoutError)
    expect(reading.error).toMatchObject({ retriable: false })
    expect((reading.error as Error).message).toMatch(/giveUpAfter/)
  })
})

test('record.commit() waits for a coordinator that is away, as its consumer does', async () => {
  const client = open()
  const { kafka, connection } = client
  await kafka.produce('numbers', 1)
  let isFirst = true
  let isCommitted = false
  const reading = kafka.consume('numbers', { group: 'g', autoCommit: false }, async (record) => {
    connection.isDown = isFirst
    isFirst = false
    await record.commit()
    isCommitted = true
  })
  await client.pass(120_000)
  expect(isCommitted).toBe(false)
  connection.isDown = false
  await client.pass(5000)
  expect(isCommitted).toBe(true)
  const closing = kafka.close()
  await client.pass(5000)
  await Promise.all([closing, reading])
})

test.each([
  ['Fetch', 'with a group', { group: 'g' }],
  ['Fetch', 'without a group', {}],
  ['ListOffsets', 'without a group', {}],
  ['JoinGroup', 'with a group', { group: 'g' }],
  ['SyncGroup', 'with a group', { group: 'g' }],
] as const)('UNKNOWN_SERVER_ERROR at %s does not end a consumer %s', async (api, _kind, config) => {
  const client = open()
  const { kafka, connection } = client
  await kafka.produce('numbers', 1)
  connection.failureOf = (exchange) =>
    exchange.api === api
      ? new KafkaError('something went wrong there', { code: 'UNKNOWN_SERVER_ERROR' })
      : undefined
  const reading = read(client, config)
  await client.pass(60_000)
  expect(connection.count(api)).toBeGreaterThan(10)
  expect(reading).toEqual({ values: [], error: undefined })
  connection.failureOf = () => undefined
  await client.pass(5000)
  expect(reading).toEqual({ values: [1], error: undefined })
})

test('an error that another try cannot mend ends it at once', async () => {
  const client = open()
  await client.kafka.produce('numbers', 1)
  const refused = new KafkaError('no', { code: 'TOPIC_AUTHORIZATION_FAILED' })
  client.connection.failureOf = ({ api }) => (api === 'Fetch' ? refused : undefined)
  const reading = read(client, {})
  await client.pass(1000)
  expect(reading.error).toBe(refused)
})

describe('close() beside a broker that answers nothing', () => {
  test.each(kinds)('takes no longer than closeTimeout, %s', async (_kind, config) => {
    const client = open({ timeout: '5s' })
    const { kafka, connection } = client
    await kafka.produce('numbers', 1)
    const reading = read(client, config)
    await client.pass(1000)
    connection.isHeld = () => true
    const from = client.elapsed()
    let took = -1
    const closing = kafka.close().then(() => {
      took = client.elapsed() - from
    })
    await client.pass(30_000)
    await closing
    const { closeTimeout, closeHandlerTimeout } = consumerOptions
    expect(took).toBeLessThanOrEqual(closeTimeout.fallback + closeHandlerTimeout.fallback + 200)
    expect(reading.error).toBeUndefined()
  })

  test('takes as long as the options say', async () => {
    const client = open({ timeout: '5s' })
    const { kafka, connection } = client
    await kafka.produce('numbers', 1)
    const reading = kafka.consume(
      'numbers',
      { group: 'g', closeTimeout: 700, closeHandlerTimeout: 300 },
      () => new Promise(() => undefined),
    )
    await client.pass(1000)
    connection.isHeld = () => true
    const from = client.elapsed()
    let took = -1
    void kafka.close().then(() => {
      took = client.elapsed() - from
    })
    await client.pass(3000)
    expect(took).toBeGreaterThanOrEqual(300)
    expect(took).toBeLessThanOrEqual(1200)
    void reading.catch(() => undefined)
  })
})

describe('a member that comes and goes before it is in', () => {
  const moments = Array.from({ length: 21 }, (_, ms) => ms)

  test.each(moments)('leaves nothing behind in its group: closed after %i ms', async (ms) => {
    const client = open()
    const { kafka, connection } = client
    await kafka.produce('numbers', 1)
    // The answer to its first join is what it would leave without.
    connection.delayOf = ({ api }) => (api === 'JoinGroup' ? 10 : 0)
    const brief = kafka.consumer('numbers', { group: 'g' })
    const ready = brief.ready().catch(() => undefined)
    await client.pass(ms, 1)
    const closed = brief.close()
    await client.pass(100)
    await Promise.all([closed, ready])
    connection.delayOf = () => 0
    const reading = read(client, { group: 'g' })
    await client.pass(4000)
    expect(reading).toEqual({ values: [1], error: undefined })
    expect((await kafka.admin.describeGroup('g')).members).toHaveLength(1)
  })
})
