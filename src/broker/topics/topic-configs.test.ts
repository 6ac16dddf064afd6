import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { resolveBrokerConfig } from '../config.ts'
import { topicConfigs } from './topic-config-table.ts'
import { checkOverrides, toLogConfig } from './topic-configs.ts'

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
    toLogConfig(overrides, resolveBrokerConfig({ retention: 5, maxSegmentAge: 7 })),
  ).toMatchObject({
    cleanupPolicy: { delete: true, compact: true },
    retentionMs: 2 ** 63,
    segmentMs: 7,
    minCleanableDirtyRatio: 0.25,
    messageTimestampType: 'LogAppendTime',
  })
})

test('every config of Apache Kafka is taken and kept, also where there is nothing for it to act on', () => {
  const given: [string, string][] = [
    ['flush.ms', '1000'],
    ['flush.messages', '1'],
    ['compression.type', 'zstd'],
    ['compression.gzip.level', '9'],
    ['min.insync.replicas', '2'],
    ['preallocate', 'TRUE'],
    ['leader.replication.throttled.replicas', '0:1, 1:1'],
    ['cleanup.policy', ''],
    ['message.downconversion.enable', 'true'],
  ]
  expect([...checkOverrides(given)]).toEqual([
    ['flush.ms', '1000'],
    ['flush.messages', '1'],
    ['compression.type', 'zstd'],
    ['compression.gzip.level', '9'],
    ['min.insync.replicas', '2'],
    ['preallocate', 'true'],
    ['leader.replication.throttled.replicas', '0:1,1:1'],
    ['cleanup.policy', ''],
  ])
  for (const definition of topicConfigs) {
    const value = definition.defaultValue(resolveBrokerConfig())
    expect(checkOverrides([[definition.name, value]]).get(definition.name)).toBe(value)
  }
})

test('docs/topic-configs.md has them all (UPDATE_DOCS=1 writes it)', async () => {
  const rows = topicConfigs.map(
    ({ name, documentation, isKeptOnly, expected, defaultValue }) =>
      `| \`${name}\` | ${defaultValue(resolveBrokerConfig()) || '(nothing)'} | ${expected} | ${isKeptOnly ? 'kept' : 'acts'} | ${documentation} |`,
  )
  const page = `# Topic configs

The topic configs of Apache Kafka 4.3. All are accepted, checked as in Kafka, stored and returned, so tools that set them work. Those
marked "acts" change what the broker does; those marked "kept" have no effect on this broker.

| config | default | must be | effect | |
|---|---|---|---|---|
${rows.join('\n')}

Differences from Kafka: \`segment.bytes\` may be as small as 1,024 (Kafka: 1 MiB), and \`remote.storage.enable\` cannot be true.
`
  const file = fileURLToPath(new URL('../../../docs/topic-configs.md', import.meta.url))
  if (process.env.UPDATE_DOCS) writeFileSync(file, page)
  expect(readFileSync(file, 'utf8')).toBe(page)
})

describe('refused with INVALID_CONFIG and the name', () => {
  test.each([
    ['retention.ms', '-2'],
    ['retention.ms', '1e3'],
    ['retention.ms', ''],
    ['segment.bytes', '100'],
    ['segment.bytes', '2147483648'],
    ['cleanup.policy', 'compact,forget'],
    ['compression.type', 'brotli'],
    ['compression.gzip.level', '0'],
    ['compression.lz4.level', '18'],
    ['flush.messages', '0'],
    ['preallocate', 'yes'],
    ['remote.storage.enable', 'true'],
    ['max.compaction.lag.ms', '0'],
    ['leader.replication.throttled.replicas', '0-1'],
    ['min.cleanable.dirty.ratio', '1.5'],
    ['min.insync.replicas', '0'],
    ['message.timestamp.type', 'createtime'],
    ['toString', '1'],
  ])('%s=%j', (name, value) => {
    expect(() => checkOverrides([[name, value]])).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(name) }),
    )
  })
})
