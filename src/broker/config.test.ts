import { expect, test } from 'vitest'
import { ConfigError } from '../core/errors.ts'
import { type BrokerConfigInput, resolveBrokerConfig } from './config.ts'

test('without options everything has its default, and cannot be changed', () => {
  const config = resolveBrokerConfig()
  expect(config).toMatchObject({
    autoCreateTopics: true,
    defaultPartitions: 1,
    messageMaxBytes: 1_048_588,
  })
  expect(Object.isFrozen(config)).toBe(true)
})

test('durations can be written as text, and -1 means for ever', () => {
  expect(resolveBrokerConfig({ retention: '2 days' }).retention).toBe(172_800_000)
  expect(resolveBrokerConfig({ retention: -1 }).retention).toBe(-1)
})

test.each<[BrokerConfigInput, string]>([
  [{ defaultPartitions: 0 }, 'defaultPartitions'],
  [{ defaultPartitions: 1.5 }, 'defaultPartitions'],
  [{ nodeId: -1 }, 'nodeId'],
  [{ retention: -2 }, 'retention'],
  [{ segmentBytes: 10 }, 'segmentBytes'],
  [{ flushInterval: 'soon' }, 'flushInterval'],
  [{ autoCreateTopics: 'yes' as never }, 'autoCreateTopics'],
  [{ defaultPartitions: 20, maxPartitionsPerTopic: 10 }, 'maxPartitionsPerTopic'],
  [{ groupMinSessionTimeout: '1h', groupMaxSessionTimeout: '1m' }, 'groupMaxSessionTimeout'],
  [{ partitions: 3 } as never, 'partitions'],
])('%o is a ConfigError that names %s', (input, name) => {
  expect(() => resolveBrokerConfig(input)).toThrow(ConfigError)
  expect(() => resolveBrokerConfig(input)).toThrow(name)
})
