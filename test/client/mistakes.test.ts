/** What an application developer is told of a mistake: what is wrong, with its name and value, and what to do. */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import { Client, Message, topic } from '../../src/index.ts'
import { isServed, testOfOurBroker, useCluster } from './test-cluster.ts'

describe('a mistake', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    kafka = cluster.open()
  })

  /** `work` fails with an error of this class and code, and this message. */
  async function expectError(
    work: () => unknown,
    [name, code, message]: readonly [name: string, code: string, message: RegExp | string],
  ): Promise<void> {
    const error = await (async () => work())().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name, code })
    if (typeof message === 'string') expect((error as Error).message).toBe(message)
    else expect((error as Error).message).toMatch(message)
  }

  const circular: { self?: unknown } = {}
  circular.self = circular
  const unserialisable = (what: string): readonly [string, string, string] => [
    'SerializationError',
    'SERIALIZATION_FAILED',
    `The ${what}`,
  ]

  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'it is undefined; use null for a tombstone'],
    ['a function', () => 1, 'JSON cannot express a function'],
    ['a symbol', Symbol('x'), 'JSON cannot express Symbol(x)'],
    ['a BigInt', { total: 1n }, 'JSON has no BigInt; make it a string or a number'],
    ['a circle', circular, 'it refers to itself'],
  ])('in a value: %s', async (_, value, reason) => {
    const what = `value of a record for topic 'orders' cannot be serialised as json: ${reason}`
    await expectError(() => kafka.produce('orders', value), unserialisable(what))
  })

  test.each<[string, object | string, string]>([
    [
      'a key that is no string',
      { key: 7 },
      "key of a record for topic 'orders' cannot be serialised as string: expected a string, got 7",
    ],
    [
      'a key that is an object',
      { key: {} },
      "key of a record for topic 'orders' cannot be serialised as string: expected a string, got an object",
    ],
  ])('in a key: %s', async (_, options, what) => {
    await expectError(() => kafka.produce('orders', 1, options as never), unserialisable(what))
  })

  test.each<[string, unknown, RegExp]>([
    [
      'text instead of options',
      'my-key',
      /options of a send must be an object, such as \{ key: 'a' \}; got "my-key"/,
    ],
    ['no options', null, /options of a send must be an object.*got null/],
    [
      'an option that is not there',
      { Key: 'a' },
      /SendOptions has no option 'Key'. Did you mean 'key'\? Known options: key, headers, partition, timestamp, signal/,
    ],
    [
      'a header that is a number',
      { headers: { a: 1 } },
      /header 'a' must be a string or bytes; got 1/,
    ],
    [
      'a negative partition',
      { partition: -1 },
      /partition must be a whole number from 0 to \d+; got -1/,
    ],
    [
      'a time that is none',
      { timestamp: 'now' },
      /timestamp must be a valid Date or whole epoch milliseconds \(0 to 8.64e15\); got "now"/,
    ],
  ])('in the options of a send: %s', async (_, options, message) => {
    const expected = ['ConfigError', 'INVALID_CONFIG', message] as const
    await expectError(() => kafka.produce('orders', 1, options as never), expected)
    if (typeof options === 'object' && options !== null) {
      const batch = () => kafka.producer('orders').sendBatch([new Message(1, options as never)])
      await expectError(batch, expected)
    }
  })

  test.each(['', '.', '..', 'a b', 'a/b', 'ö', 'x'.repeat(250)])(
    'in the name of a topic: "%s"',
    async (name) => {
      const message = `'${name}' is not a valid topic name: use 1 to 249 letters, digits, '.', '_' or '-', and not '.' or '..'`
      const expected = ['ConfigError', 'INVALID_CONFIG', message] as const
      await expectError(() => kafka.produce(name, 1), expected)
      await expectError(() => kafka.consumer(name), expected)
      await expectError(() => topic(name), expected)
    },
  )

  test('a partition that the topic has not', async () => {
    await kafka.admin.createTopic('orders', { partitions: 2 })
    await expectError(
      () => kafka.produce('orders', 1, { partition: 2 }),
      [
        'PartitionNotFoundError',
        'UNKNOWN_TOPIC_OR_PARTITION',
        "Topic 'orders' has 2 partitions, numbered from 0; partition 2 does not exist",
      ],
    )
  })

  test('a topic that is not there', async () => {
    const expected = ['TopicNotFoundError', 'UNKNOWN_TOPIC_OR_PARTITION', /nope/] as const
    await expectError(
      () => kafka.admin.describeTopic('nope'),
      [
        'TopicNotFoundError',
        'UNKNOWN_TOPIC_OR_PARTITION',
        "Topic 'nope' does not exist. Create it with kafka.admin.createTopic('nope')",
      ],
    )
    await expectError(() => kafka.admin.deleteTopic('nope'), expected)
    await expectError(() => kafka.admin.alterTopic('nope', { retention: '1h' }), expected)
  })

  test('a topic that is there', async () => {
    await kafka.admin.createTopic('orders')
    await expectError(
      () => kafka.admin.createTopic('orders'),
      ['KafkaError', 'TOPIC_ALREADY_EXISTS', /^Topic 'orders' already exists/],
    )
  })

  testOfOurBroker('a topic that is not there, where none is created by itself', async () => {
    const strict = await cluster.openBroker({ autoCreateTopics: false })
    const expected = [
      'TopicNotFoundError',
      'UNKNOWN_TOPIC_OR_PARTITION',
      "Topic 'nope' does not exist and the broker did not create it. Create it with kafka.admin.createTopic('nope'), or turn the broker's auto-creation on",
    ] as const
    await expectError(() => strict.produce('nope', 1), expected)
    await expectError(() => strict.consumer('nope').take(1).toArray(), expected)
  })

  test('a group that is not there', async () => {
    await expectError(
      () => kafka.admin.describeGroup('nope'),
      ['KafkaError', 'GROUP_ID_NOT_FOUND', /group nope: the group does not exist/],
    )
  })

  test('a handler that throws: its own error, and a line in the log that names the record', async () => {
    const errors: { fields: object; message: string }[] = []
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (fields: object, message: string) => errors.push({ fields, message }),
    }
    const logged = cluster.open({ logger })
    await logged.producer('orders').sendBatch([1, 2])
    const boom = new RangeError('boom')
    for (const config of [{ group: 'g' }, { group: 'h', concurrency: 5 }]) {
      const consuming = logged.consume('orders', config, ({ value }) => {
        if (value === 2) throw boom
      })
      await expect(consuming).rejects.toBe(boom)
      expect(errors.splice(0)).toEqual([
        {
          fields: { err: boom, group: config.group, topic: 'orders', partition: 0, offset: '1' },
          message: 'a handler failed, so its consumer stops; the record is not handled',
        },
      ])
    }
  })

  test.each<[string, (kafka: Client) => unknown, RegExp]>([
    [
      'no handler',
      (client) => client.consume('t', { group: 'g' }, undefined as never),
      /needs a function that handles records; got undefined/,
    ],
    [
      'a handler in the place of the config',
      (client) => client.consume('t', (() => 1) as never, undefined as never),
      /ConsumerConfig must be an object; got a function/,
    ],
    [
      'no array',
      (client) => client.producer('t').sendBatch('x' as never),
      /sendBatch takes an array of values or Messages; got "x"/,
    ],
    [
      'a transaction that does nothing',
      (client) => client.transaction('t', {} as never),
      /transaction\(topic, config\?, work\) needs a function that does the work/,
    ],
    [
      'a commit without a group',
      async (client) => {
        await client.produce('t', 1)
        for await (const record of client.consumer('t').take(1)) await record.commit()
      },
      /A commit needs a group; pass \{ group: … \}/,
    ],
  ])('%s', async (_, work, message) => {
    await expectError(() => work(kafka), ['ConfigError', 'INVALID_CONFIG', message])
  })

  test('a client, a producer or a consumer that is closed', async () => {
    const producer = kafka.producer('orders')
    await producer.close()
    await expectError(
      () => producer.send(1),
      ['ClosedError', 'PRODUCER_CLOSED', 'The producer is closed; create a new one'],
    )
    const consumer = kafka.consumer('orders')
    await consumer.close()
    await expectError(() => consumer.toArray(), ['ClosedError', 'CONSUMER_CLOSED', /closed/])
    await kafka.close()
    const expected = [
      'ClosedError',
      'CLIENT_CLOSED',
      'The client is closed; create a new Client',
    ] as const
    await expectError(() => kafka.produce('orders', 1), expected)
    await expectError(() => kafka.producer('orders'), expected)
    await expectError(() => kafka.consumer('orders'), expected)
    await expectError(() => kafka.consume('orders', {}, () => undefined), expected)
    await expectError(() => kafka.transaction('orders', async () => undefined), expected)
    await expectError(() => kafka.admin.listTopics(), expected)
  })

  test('close() that comes before the sends are awaited loses none of them', async () => {
    const sends = [1, 2, 3].map((n) => kafka.produce('orders', n))
    const [closed, ...stored] = await Promise.all([kafka.close(), ...sends])
    expect(closed).toBeUndefined()
    expect(stored.map(({ offset }) => offset)).toEqual([0n, 1n, 2n])
  })

  // The way to the broker: once is enough.
  if (isServed) return
  describe('in where the broker is', () => {
    test.each<[string, RegExp]>([
      [
        'redis://x',
        /'redis:\/\/x' cannot be used: give file:.\/folder \(embedded, durable\), memory: .*, kafka:\/\/host:9092, kafka\+tls:\/\/host:9092, http:\/\/host:8080 or https:\/\/host$/,
      ],
      ['kafak://x', /'kafak:\/\/x' cannot be used/],
      ['kafka://', /kafka:\/\//],
      ['kafka://host:port', /port/],
      ['kafka://alice:secret@host:99999', /99999/],
    ])('%s', async (url, message) => {
      const using = async () => {
        const client = new Client({ url, timeout: 500 })
        try {
          await client.admin.listTopics()
        } finally {
          await client.close()
        }
      }
      await expectError(using, ['ConfigError', 'INVALID_CONFIG', message])
      const error = await using().catch((thrown: Error) => thrown.message)
      expect(error).not.toContain('secret')
    })

    async function failureAt(port: number): Promise<string> {
      await using client = new Client({ url: `kafka://127.0.0.1:${port}`, timeout: 2000 })
      return client.produce('orders', 1).then(String, (error: Error) => error.message)
    }

    test('nothing listens there', async () => {
      const server = createTcpServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      await new Promise((resolve) => server.close(resolve))
      expect(await failureAt(port)).toContain(
        `No connection to a broker at 127.0.0.1:${port}: nothing listens there (ECONNREFUSED). Is the broker running?`,
      )
    })

    test('something else listens there', async () => {
      const server = createHttpServer((_, response) => response.end()).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      expect(await failureAt(port)).toMatch(
        new RegExp(`at 127.0.0.1:${port}: it speaks HTTP; use the port of a Kafka listener`),
      )
      await new Promise((resolve) => server.close(resolve))
    })
  })
})
