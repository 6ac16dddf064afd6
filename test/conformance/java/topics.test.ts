/** Topics and their settings through Kafka's own administration tools. */
import { expect, test } from 'vitest'
import { describeBroker } from './describe-broker.ts'

describeBroker('Java tools: kafka-topics', (broker) => {
  const topics = (...args: string[]) => broker().tool('topics', args)

  test('create, with partitions and settings', async () => {
    const created = await topics(
      ...['--create', '--topic', 'orders', '--partitions', '3', '--replication-factor', '1'],
      ...['--config', 'retention.ms=100000', '--config', 'cleanup.policy=compact,delete'],
    )
    expect(created).toBe('Created topic orders.\n')
  })

  test('list', async () => {
    await topics('--create', '--topic', 'payments')
    const listed = (await topics('--list', '--exclude-internal')).trim().split('\n')
    expect(listed).toEqual(['orders', 'payments'])
  })

  test('describe', async () => {
    const [topic, ...partitions] = (await topics('--describe', '--topic', 'orders'))
      .trim()
      .split('\n')
    expect(topic).toMatch(
      /^Topic: orders\tTopicId: \S{22}\tPartitionCount: 3\tReplicationFactor: 1/,
    )
    expect(topic).toContain('retention.ms=100000')
    expect(topic).toMatch(/cleanup\.policy=(compact,delete|delete,compact)/)
    expect(partitions).toHaveLength(3)
    for (const [i, partition] of partitions.entries()) {
      expect(partition).toMatch(
        new RegExp(`^\tTopic: orders\tPartition: ${i}\tLeader: 1\tReplicas: 1\tIsr: 1\t`),
      )
    }
  })

  test('describe by topic id', async () => {
    const id = /TopicId: (\S+)/.exec(await topics('--describe', '--topic', 'payments'))?.[1]
    expect(id).toHaveLength(22)
    expect(await topics('--describe', '--topic-id', String(id))).toContain('Topic: payments\t')
  })

  test('describe only what is under-replicated or unavailable: nothing', async () => {
    expect((await topics('--describe', '--under-replicated-partitions')).trim()).toBe('')
    expect((await topics('--describe', '--unavailable-partitions')).trim()).toBe('')
    expect((await topics('--describe', '--at-min-isr-partitions')).trim()).not.toBe('')
  })

  test('alter: more partitions', async () => {
    await topics('--alter', '--topic', 'orders', '--partitions', '5')
    expect(await topics('--describe', '--topic', 'orders')).toContain('PartitionCount: 5')
  })

  test('delete', async () => {
    await topics('--delete', '--topic', 'payments')
    expect(await topics('--list', '--exclude-internal')).toBe('orders\n')
  })

  test('errors: exists already, fewer partitions, unknown, not a name, too many replicas', async () => {
    const fails = (...args: string[]) => broker().toolFails('topics', args)
    await topics('--create', '--topic', 'taken', '--partitions', '3')
    expect(await fails('--create', '--topic', 'taken')).toContain("Topic 'taken' already exists")
    expect(await fails('--alter', '--topic', 'taken', '--partitions', '2')).toContain(
      'InvalidPartitionsException',
    )
    expect(await fails('--describe', '--topic', 'nobody')).toContain('does not exist')
    expect(await fails('--create', '--topic', 'not/a/name')).toContain('InvalidTopicException')
    expect(await fails('--create', '--topic', 'x', '--replication-factor', '2')).toContain(
      'InvalidReplicationFactorException',
    )
  })
})

describeBroker('Java tools: kafka-configs', (broker) => {
  const configs = (...args: string[]) => broker().tool('configs', args)
  const describeOrders = () =>
    configs('--describe', '--entity-type', 'topics', '--entity-name', 'orders')

  test('alter and describe a topic', async () => {
    await broker().tool('topics', ['--create', '--topic', 'orders'])
    await configs(
      ...['--alter', '--entity-type', 'topics', '--entity-name', 'orders'],
      ...['--add-config', 'retention.ms=5000,max.message.bytes=2000'],
    )
    const described = await describeOrders()
    expect(described).toContain('  retention.ms=5000 sensitive=false')
    expect(described).toContain('DYNAMIC_TOPIC_CONFIG:max.message.bytes=2000')
  })

  test('describe all of a topic, defaults too', async () => {
    const all = await configs('--describe', '--topic', 'orders', '--all')
    for (const setting of [
      'cleanup.policy=delete',
      'segment.bytes=1073741824',
      'min.insync.replicas=1',
      'compression.type=producer',
      'retention.ms=5000',
    ]) {
      expect(all).toContain(`  ${setting} sensitive=false`)
    }
  })

  test('append to and subtract from a list', async () => {
    await configs('--alter', '--topic', 'orders', '--add-config', 'cleanup.policy=[compact,delete]')
    expect(await describeOrders()).toMatch(/ cleanup\.policy=(compact,delete|delete,compact) /)
  })

  test('delete a setting', async () => {
    await configs('--alter', '--topic', 'orders', '--delete-config', 'retention.ms,cleanup.policy')
    const described = await describeOrders()
    expect(described).not.toContain('retention.ms')
    expect(described).not.toContain('cleanup.policy')
    expect(described).toContain('max.message.bytes=2000')
  })

  test('describe a broker', async () => {
    const all = await configs('--describe', '--broker', '1', '--all')
    expect(all).toContain('  message.max.bytes=1048588 sensitive=false')
    expect(all).toContain('  group.initial.rebalance.delay.ms=0 sensitive=false')
  })

  test('errors: a value that cannot be, a setting that is not, a topic that is not', async () => {
    const fails = (...args: string[]) => broker().toolFails('configs', args)
    await broker().tool('topics', ['--create', '--topic', 'taken'])
    expect(
      await fails('--alter', '--topic', 'taken', '--add-config', 'retention.ms=never'),
    ).toContain('InvalidConfigurationException')
    expect(await fails('--alter', '--topic', 'taken', '--add-config', 'no.such.thing=1')).toContain(
      'InvalidConfigurationException',
    )
    expect(await fails('--alter', '--topic', 'nobody', '--add-config', 'retention.ms=1')).toContain(
      'UnknownTopicOrPartitionException',
    )
  })
})
