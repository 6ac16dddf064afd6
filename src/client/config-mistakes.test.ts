/**
 * Options given wrongly: what the error says of the config, the key, the value, and what is allowed. That every option
 * of every config refuses every wrong type, `test/config/wrong-types.test.ts` shows from the tables.
 */
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../core/errors.ts'
import { resolveClientConfig } from './config.ts'
import { resolveBatchConfig } from './consumer/batch-config.ts'
import { resolveConsumerConfig } from './consumer/consumer-config.ts'
import { resolveProducerConfig } from './producer/producer-config.ts'
import { resolveTransactionConfig } from './transaction/transaction-config.ts'
import { withRetry } from './with-retry.ts'

/** Wrong values of each option, with what the message must say besides its name. */
interface Kind {
  readonly resolve: (input: never) => unknown
  readonly wrong: { readonly [key: string]: readonly (readonly [value: unknown, says: RegExp])[] }
}

const notText = [[7, /a non-empty string; got 7/] as const, ['', /got ""/] as const]
const notDuration = [['soon', /got "soon"/] as const, [-1, /-1/] as const, [{}, /'30s'/] as const]
const notBoolean = [['yes', /true or false; got "yes"/] as const]
const notFunction = [['log', /a function; got "log"/] as const]
const notSignal = [[{}, /an AbortSignal; got/] as const]
const notCount = [
  [0, /a whole number from \d+ to \d+; got 0/] as const,
  [1.5, /got 1.5/] as const,
  ['10', /got "10"/] as const,
]

const wrongOfConsumer: Kind['wrong'] = {
  group: notText,
  offset: [
    ['earliest', /Offset\.earliest, Offset\.latest, .*; got "earliest"/],
    [5, /Offset\.at\(…\); got 5/],
  ],
  autoCommit: notBoolean,
  autoCommitInterval: notDuration,
  sessionTimeout: notDuration,
  heartbeatInterval: notDuration,
  rebalanceTimeout: notDuration,
  fetchMinBytes: [[-1, /from 0 to \d+; got -1/]],
  fetchMaxWait: notDuration,
  fetchMaxBytes: notCount,
  maxPartitionFetchBytes: notCount,
  maxPollRecords: notCount,
  isolation: [['committed', /"read_committed", "read_uncommitted"; got "committed"/]],
  assignor: [
    ['sticky', /"cooperative-sticky", "range", "roundrobin"; got "sticky"/],
    [{ name: 'mine' }, /an Assignor with name, protocol .* and assign; got/],
    [{ name: 'mine', protocol: 'lazy', assign: () => new Map() }, /'eager' or 'cooperative'/],
  ],
  partitions: [
    [[], /partitions must be an array .* with at least one/],
    ['orders-0', /array of \{ topic, partition, offset\? \}/],
    [[{ topic: 'a' }], /partitions\[0\].partition must be a whole number/],
    [[{ topic: 'a', partition: -1 }], /partitions\[0\].partition .*got -1/],
    [[{ topic: 'a', partition: 0, offset: 5 }], /partitions\[0\].offset must be Offset.earliest/],
    [[{ topic: 'a', partition: 0, offsets: 5 }], /no option 'offsets'. Did you mean 'offset'/],
    [
      [
        { topic: 'a', partition: 0 },
        { topic: 'a', partition: 0 },
      ],
      /names a-0 more than once/,
    ],
  ],
  groupInstanceId: notText,
  signal: notSignal,
  concurrency: notCount,
  ordering: [['offset', /"partition", "key", "none"; got "offset"/]],
  onError: [
    ['ignore', /'stop', 'skip' or an object with retry, otherwise or deadLetter; got "ignore"/],
    [{ deadletter: 'x' }, /no option 'deadletter'. Did you mean 'deadLetter'/],
    [{ deadLetter: 'x', otherwise: 'skip' }, /exclude each other/],
    [{ retry: 3 }, /must be an object; got 3/],
    [{ retry: { attempts: 0 } }, /attempts.*got 0/],
    [{ retry: { attempt: 3 } }, /no option 'attempt'. Did you mean 'attempts'/],
  ],
  onAssigned: notFunction,
  onRevoked: notFunction,
  onLost: notFunction,
  hookTimeout: notDuration,
}

const { concurrency, ordering, onError, ...wrongOfBatch } = wrongOfConsumer

const kinds: { readonly [name: string]: Kind } = {
  ClientConfig: {
    resolve: (input) => resolveClientConfig(input, {}),
    wrong: {
      url: notText,
      apiKey: notText,
      sasl: [
        ['alice', /must be an object/],
        [
          { mechanism: 'plain' },
          /one of "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"; got "plain"/,
        ],
        [{ mechanism: 'OAUTHBEARER' }, /sasl.token goes with .*'OAUTHBEARER'/],
        [{ mechanism: 'OAUTHBEARER', token: 't', username: 'a' }, /without a user/],
        [{ mechanism: 'OAUTHBEARER', token: 7 }, /a token, or a function that returns one; got 7/],
        [{ mechanism: 'OAUTHBEARER', token: 't', extensions: { auth: 'x' } }, /names in letters/],
        [{ mechanism: 'PLAIN', username: 'a', password: 'b', token: 't' }, /goes with .*mechanism/],
        [{ username: 'alice' }, /password/],
      ],
      tls: [
        ['yes', /tls/],
        [{ certificate: 'x' }, /no option 'certificate'/],
      ],
      clientId: notText,
      timeout: notDuration,
      retries: [[-1, /from 0 to \d+; got -1/]],
      retryBackoff: notDuration,
      metadataMaxAge: notDuration,
      logger: [[console.log, /debug, info, warn and error; got/]],
      telemetry: [[{}, /send and process; got/]],
      runtime: [[{}, /a Runtime; got/]],
    },
  },
  ProducerConfig: {
    resolve: resolveProducerConfig,
    wrong: {
      batchSize: notCount,
      linger: notDuration,
      compression: [['brotli', /"gzip", .*"zstd"; got "brotli"/]],
      acks: [[2, /one of .*"all".*; got 2/]],
      retries: [[-1, /from 0 to \d+; got -1/]],
      retryBackoff: notDuration,
      deliveryTimeout: notDuration,
      idempotent: notBoolean,
      partitioner: [['random', /a function.*; got "random"/]],
      maxRequestSize: notCount,
      bufferMemory: notCount,
    },
  },
  ConsumerConfig: {
    resolve: resolveConsumerConfig,
    wrong: wrongOfConsumer,
  },
  ConsumeBatchConfig: {
    resolve: resolveBatchConfig,
    wrong: {
      ...wrongOfBatch,
      batchSize: notCount,
      batchTimeout: notDuration,
    },
  },
  TransactionConfig: {
    resolve: resolveTransactionConfig,
    wrong: {
      id: notText,
      timeout: notDuration,
      batchSize: notCount,
      linger: notDuration,
      compression: [['brotli', /got "brotli"/]],
      deliveryTimeout: notDuration,
      maxRequestSize: notCount,
      bufferMemory: notCount,
      partitioner: [['random', /got "random"/]],
      retries: [[-1, /got -1/]],
      retryBackoff: notDuration,
    },
  },
  RetryOptions: {
    resolve: (input) => withRetry(() => 1, input),
    wrong: {
      attempts: notCount,
      baseDelay: notDuration,
      maxDelay: notDuration,
      jitter: [[2, /from 0 to 1; got 2/]],
      signal: notSignal,
      retryIf: notFunction,
    },
  },
}

async function errorOf(resolve: Kind['resolve'], input: object): Promise<ConfigError> {
  const error = await (async () => resolve(input as never))().catch((thrown: unknown) => thrown)
  expect(error, JSON.stringify(input)).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).code).toBe('INVALID_CONFIG')
  return error as ConfigError
}

describe.each(Object.entries(kinds))('%s', (name, { resolve, wrong }) => {
  test('one that is not there: the closest one, and all that are', async () => {
    const [first] = Object.keys(wrong)
    const { message } = await errorOf(resolve, { [`${first}s`]: 1 })
    expect(message).toContain(`${name} has no option '${first}s'. Did you mean '${first}'?`)
    const known = message.split('Known options: ')[1]!.split(', ')
    expect(known).toEqual(expect.arrayContaining(Object.keys(wrong)))
  })

  test.each(
    Object.entries(wrong).flatMap(([key, values]) =>
      values.map(([value, says]) => [key, value, says] as const),
    ),
  )('%s: %o', async (key, value, says) => {
    const { message } = await errorOf(resolve, { [key]: value })
    expect(message).toContain(`${name}.${key}`)
    expect(message).toMatch(says)
  })

  // A client's may be its URL.
  const notObjects = name === 'ClientConfig' ? [7, [], null] : [7, 'x', [], null]
  test.each(notObjects)('%o instead of an object', async (input) => {
    const { message } = await errorOf(resolve, input as never)
    expect(message).toMatch(/must be an object; got/)
  })
})

test.each([
  [{ concurrency }, resolveBatchConfig, "ConsumeBatchConfig has no option 'concurrency': batches"],
  [{ ordering }, resolveBatchConfig, "ConsumeBatchConfig has no option 'ordering': batches"],
  [{ onError }, resolveBatchConfig, "ConsumeBatchConfig has no option 'onError': batches"],
  [{ acks: 1 }, resolveTransactionConfig, "TransactionConfig has no option 'acks': a transaction"],
])('what relatives have: %o', async (input, resolve, says) => {
  expect((await errorOf(resolve, input)).message).toContain(says)
})
