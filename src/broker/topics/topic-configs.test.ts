import { describe, expect, test } from 'vitest'
import { resolveBrokerConfig } from '../config.ts'
import { checkOverrides, toLogConfig, topicConfigs } from './topic-configs.ts'

const config = resolveBrokerConfig()

test('every default is valid by its own rule', () => {
  for (const definition of topicConfigs) {
    expect([definition.name, definition.isValid(definition.defaultValue(config))]).toEqual([
      definition.name,
      true,
    ])
  }
})

test('the table is in alphabetical order and has no name twice', () => {
  const names = topicConfigs.map(({ name }) => name)
  expect(names).toEqual([...new Set(names)].sort())
})

test('the defaults make a log that is kept seven days', () => {
  expect(toLogConfig(new Map(), config)).toMatchObject({
    segmentBytes: 1_073_741_824,
    retentionMs: 604_800_000,
    retentionBytes: -1,
    maxMessageBytes: 1_048_588,
    cleanupPolicy: { delete: true, compact: false },
    messageTimestampType: 'CreateTime',
  })
})

test("a topic's own settings win over the broker's", () => {
  const overrides = checkOverrides([
    ['cleanup.policy', ' compact , delete '],
    ['retention.ms', '9223372036854775807'],
    ['min.cleanable.dirty.ratio', '.25'],
    ['message.timestamp.type', 'LogAppendTime'],
  ])
  expect(overrides.get('cleanup.policy')).toBe('compact,delete')
  expect(
    toLogConfig(overrides, resolveBrokerConfig({ retentionMs: 5, segmentMs: 7 })),
  ).toMatchObject({
    cleanupPolicy: { delete: true, compact: true },
    retentionMs: 2 ** 63,
    segmentMs: 7,
    minCleanableDirtyRatio: 0.25,
    messageTimestampType: 'LogAppendTime',
  })
})

test('a config of Kafka that has one possible value here is accepted at that value only', () => {
  expect(checkOverrides([['preallocate', 'false']])).toEqual(new Map())
  expect(() => checkOverrides([['preallocate', 'true']])).toThrow(
    /preallocate.*only its default false/,
  )
})

describe('refused with INVALID_CONFIG and the name', () => {
  test.each([
    ['retention.ms', '-2'],
    ['retention.ms', '1e3'],
    ['retention.ms', ''],
    ['segment.bytes', '100'],
    ['segment.bytes', '2147483648'],
    ['cleanup.policy', ''],
    ['cleanup.policy', 'compact,forget'],
    ['min.cleanable.dirty.ratio', '1.5'],
    ['min.insync.replicas', '2'],
    ['message.timestamp.type', 'createtime'],
    ['toString', '1'],
  ])('%s=%j', (name, value) => {
    expect(() => checkOverrides([[name, value]])).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(name) }),
    )
  })
})
