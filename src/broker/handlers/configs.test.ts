/** DescribeConfigs, IncrementalAlterConfigs and AlterConfigs. */
import { describe, expect, test } from 'vitest'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  alterConfigs,
  createAlterConfigsRequest,
  createAlterConfigsRequestAlterConfigsResource,
} from '../../protocol/messages/generated/alter-configs.ts'
import {
  createDescribeConfigsRequest,
  createDescribeConfigsRequestDescribeConfigsResource,
  describeConfigs,
} from '../../protocol/messages/generated/describe-configs.ts'
import {
  createIncrementalAlterConfigsRequest,
  createIncrementalAlterConfigsRequestAlterableConfig,
  createIncrementalAlterConfigsRequestAlterConfigsResource,
  incrementalAlterConfigs,
} from '../../protocol/messages/generated/incremental-alter-configs.ts'

const topicType = 2
const brokerType = 4
const operations = { set: 0, delete: 1, append: 2, subtract: 3 }
type Change = [name: string, operation: number, value?: string | null]

async function describeOne(
  broker: TestBroker,
  resourceName: string,
  options: { type?: number; keys?: string[]; version?: number } = {},
) {
  const { type = topicType, keys, version = 4 } = options
  const request = createDescribeConfigsRequest({
    resources: [
      createDescribeConfigsRequestDescribeConfigsResource({
        resourceType: type,
        resourceName,
        configurationKeys: keys ?? null,
      }),
    ],
    includeSynonyms: true,
    includeDocumentation: version >= 3,
  })
  const [result] = (await broker.ask(describeConfigs, request, { version })).results
  return { ...result!, error: errorName(result!.errorCode) }
}

async function configValue(
  broker: TestBroker,
  topic: string,
  name: string,
): Promise<string | null> {
  return (await describeOne(broker, topic, { keys: [name] })).configs[0]!.value
}

async function alter(
  broker: TestBroker,
  resourceName: string,
  changes: Change[],
  { type = topicType, validateOnly = false } = {},
): Promise<string> {
  const configs = changes.map(([name, configOperation, value = null]) =>
    createIncrementalAlterConfigsRequestAlterableConfig({ name, configOperation, value }),
  )
  const request = createIncrementalAlterConfigsRequest({
    resources: [
      createIncrementalAlterConfigsRequestAlterConfigsResource({
        resourceType: type,
        resourceName,
        configs,
      }),
    ],
    validateOnly,
  })
  const [response] = (await broker.ask(incrementalAlterConfigs, request)).responses
  return errorName(response!.errorCode)
}

describe('DescribeConfigs', () => {
  test("a topic's own value, the broker's, and Kafka's default, with their sources", async () => {
    const broker = await openTestBroker({ config: { retention: '1 hour' } })
    await createTopic(broker, 'orders', 1, { 'retention.ms': '1000' })
    const { configs } = await describeOne(broker, 'orders', {
      keys: ['retention.ms', 'segment.ms'],
    })
    expect(configs).toMatchObject([
      {
        name: 'retention.ms',
        value: '1000',
        configSource: 1,
        configType: 5,
        readOnly: false,
        documentation: expect.any(String),
        synonyms: [
          { name: 'retention.ms', value: '1000', source: 1 },
          { name: 'log.retention.ms', value: '3600000', source: 4 },
          { name: 'log.retention.ms', value: '604800000', source: 5 },
        ],
      },
      { name: 'segment.ms', value: '604800000', configSource: 5 },
    ])
  })

  test('all configs when no keys are given', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const { configs } = await describeOne(broker, 'orders')
    expect(configs.map(({ name }) => name)).toContain('cleanup.policy')
    expect(configs.length).toBeGreaterThan(10)
  })

  test('no keys are all keys', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const all = await describeOne(broker, 'orders')
    expect(await describeOne(broker, 'orders', { keys: [] })).toEqual(all)
  })

  test('the broker', async () => {
    const broker = await openTestBroker({ config: { defaultPartitions: 6 } })
    const { configs } = await describeOne(broker, '1', {
      type: brokerType,
      keys: ['num.partitions'],
    })
    expect(configs).toMatchObject([
      { name: 'num.partitions', value: '6', readOnly: true, configSource: 4 },
    ])
  })

  test('what was set for all brokers at run time is nothing', async () => {
    const broker = await openTestBroker({ config: { defaultPartitions: 6 } })
    expect(await describeOne(broker, '', { type: brokerType })).toMatchObject({
      error: 'NONE',
      configs: [],
    })
  })

  test.each([
    [topicType, 'nowhere', 'UNKNOWN_TOPIC_OR_PARTITION'],
    [topicType, 'a b', 'INVALID_TOPIC_EXCEPTION'],
    [brokerType, '2', 'INVALID_REQUEST'],
    [32, 'group', 'INVALID_REQUEST'],
  ])('resource type %i %j: %s', async (type, name, error) => {
    const broker = await openTestBroker()
    expect(await describeOne(broker, name, { type })).toMatchObject({ error, configs: [] })
  })

  test.each([1, 2, 3])('version %i', async (version) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    expect(await describeOne(broker, 'orders', { version })).toMatchObject({ error: 'NONE' })
  })
})

describe('IncrementalAlterConfigs', () => {
  test('sets and deletes, durably', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 1, { 'retention.ms': '5' })
    const changes: Change[] = [
      ['segment.ms', operations.set, '7'],
      ['retention.ms', operations.delete],
    ]
    expect(await alter(broker, 'orders', changes)).toBe('NONE')
    const again = await broker.restart()
    expect(await configValue(again, 'orders', 'segment.ms')).toBe('7')
    expect(await configValue(again, 'orders', 'retention.ms')).toBe('604800000')
  })

  test('appends to lists and subtracts from them', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    expect(await alter(broker, 'orders', [['cleanup.policy', operations.append, 'compact']])).toBe(
      'NONE',
    )
    expect(await configValue(broker, 'orders', 'cleanup.policy')).toBe('delete,compact')
    expect(await alter(broker, 'orders', [['cleanup.policy', operations.subtract, 'delete']])).toBe(
      'NONE',
    )
    expect(await configValue(broker, 'orders', 'cleanup.policy')).toBe('compact')
  })

  test('takes effect at once', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await alter(broker, 'orders', [['max.message.bytes', operations.set, '80']])
    expect(await produceTo(broker, 'orders', batch('x'.repeat(100)))).toMatchObject({
      error: 'MESSAGE_TOO_LARGE',
    })
  })

  test('changes nothing when it only validates', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    expect(
      await alter(broker, 'orders', [['segment.ms', operations.set, '7']], { validateOnly: true }),
    ).toBe('NONE')
    expect(await configValue(broker, 'orders', 'segment.ms')).toBe('604800000')
  })

  test.each<[string, Change[], string]>([
    ['orders', [['segment.ms', operations.set, 'x']], 'INVALID_CONFIG'],
    ['orders', [['segment.ms', operations.set, null]], 'INVALID_REQUEST'],
    ['orders', [['no.such', operations.set, '1']], 'INVALID_CONFIG'],
    ['orders', [['segment.ms', operations.append, '1']], 'INVALID_CONFIG'],
    ['orders', [['cleanup.policy', operations.append, 'forget']], 'INVALID_CONFIG'],
    ['orders', [['segment.ms', 9, '1']], 'INVALID_REQUEST'],
    ['nowhere', [['segment.ms', operations.set, '1']], 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['no where', [['segment.ms', operations.set, '1']], 'INVALID_TOPIC_EXCEPTION'],
    ['', [['segment.ms', operations.set, '1']], 'INVALID_REQUEST'],
    ['__consumer_offsets', [['segment.ms', operations.set, '1']], 'INVALID_TOPIC_EXCEPTION'],
  ])('%s %o: %s, and nothing is changed', async (name, changes, error) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const all: Change[] = [['retention.bytes', operations.set, '1'], ...changes]
    expect(await alter(broker, name, all)).toBe(error)
    expect(await configValue(broker, 'orders', 'retention.bytes')).toBe('-1')
  })

  test('one config twice is INVALID_REQUEST', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const changes: Change[] = [
      ['segment.ms', operations.set, '1'],
      ['segment.ms', operations.delete],
    ]
    expect(await alter(broker, 'orders', changes)).toBe('INVALID_REQUEST')
  })

  test('one topic twice is INVALID_REQUEST, and nothing is changed', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await createTopic(broker, 'others')
    const resources = ['orders', 'others', 'orders'].map((resourceName, i) =>
      createIncrementalAlterConfigsRequestAlterConfigsResource({
        resourceType: topicType,
        resourceName,
        configs: [{ name: 'segment.ms', configOperation: operations.set, value: String(1 + i) }],
      }),
    )
    const request = createIncrementalAlterConfigsRequest({ resources })
    const { responses } = await broker.ask(incrementalAlterConfigs, request)
    expect(responses.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'INVALID_REQUEST',
      'NONE',
      'INVALID_REQUEST',
    ])
    expect(await configValue(broker, 'orders', 'segment.ms')).toBe('604800000')
    expect(await configValue(broker, 'others', 'segment.ms')).toBe('2')
  })

  test('broker configs are INVALID_REQUEST', async () => {
    const broker = await openTestBroker()
    expect(
      await alter(broker, '1', [['num.partitions', operations.set, '1']], { type: brokerType }),
    ).toBe('INVALID_REQUEST')
  })
})

test('AlterConfigs replaces all that the topic had', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 1, { 'retention.ms': '5' })
  const resource = createAlterConfigsRequestAlterConfigsResource({
    resourceType: topicType,
    resourceName: 'orders',
    configs: [{ name: 'segment.ms', value: '7' }],
  })
  const { responses } = await broker.ask(
    alterConfigs,
    createAlterConfigsRequest({ resources: [resource] }),
  )
  expect(responses).toMatchObject([{ errorCode: 0, resourceName: 'orders' }])
  expect(await configValue(broker, 'orders', 'segment.ms')).toBe('7')
  expect(await configValue(broker, 'orders', 'retention.ms')).toBe('604800000')
})
