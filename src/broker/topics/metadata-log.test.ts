import { expect, test } from 'vitest'
import { ManualRuntime } from '../../../test/broker/manual-runtime.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'
import { resolveBrokerConfig } from '../config.ts'
import { LogStore } from '../log/log-store.ts'
import { metadataLogConfig } from './internal-topics.ts'
import { KeyedLog, type KeyedRecord } from './keyed-log.ts'
import { MetadataLog } from './metadata-log.ts'

async function openLog(): Promise<KeyedLog> {
  const runtime = new ManualRuntime()
  const store = await LogStore.open({
    fileSystem: createMemoryFileSystem(),
    runtime,
    flushIntervalMs: 1000,
    cleanupIntervalMs: 1000,
    producerIdExpirationMs: 1000,
  })
  return new KeyedLog(
    await store.openLog('__cluster_metadata', 0, metadataLogConfig(resolveBrokerConfig())),
    runtime,
  )
}

async function opened(...records: KeyedRecord[]): Promise<MetadataLog> {
  const log = await openLog()
  await log.append(records)
  return MetadataLog.open(log)
}

test('what was saved last is what a start finds', async () => {
  const log = await openLog()
  const first = await MetadataLog.open(log)
  const record = {
    id: 'id',
    partitions: 2,
    configs: new Map([['retention.ms', '1']]),
    state: 'live',
  } as const
  await first.saveTopic('gone', record)
  await first.saveTopic('kept', record)
  await first.saveTopic('kept', { ...record, partitions: 3 })
  await first.removeTopic('gone')
  await first.saveNextProducerId(2000n)
  const second = await MetadataLog.open(log)
  expect([...second.topics]).toEqual([['kept', { ...record, partitions: 3 }]])
  expect(second.nextProducerId).toBe(2000n)
})

test('keys that a later version has added are passed over', async () => {
  const metadata = await opened({ key: 'quota/alice', value: '{"version":1}' })
  expect(metadata.topics.size).toBe(0)
})

test('a record of a later version is an error that says so', async () => {
  const value = JSON.stringify({ version: 2, id: 'id', partitions: 1, configs: {}, state: 'live' })
  await expect(opened({ key: 'topic/orders', value })).rejects.toThrow(
    /newer kafka-do.*topic\/orders/,
  )
})

test.each([
  'not json',
  '[]',
  '{}',
  '{"version":1,"id":1,"partitions":1,"configs":{},"state":"live"}',
  '{"version":1,"id":"x","partitions":0,"configs":{},"state":"live"}',
  '{"version":1,"id":"x","partitions":1,"configs":{},"state":"sleeping"}',
])('a damaged record is an error that names it: %s', async (value) => {
  await expect(opened({ key: 'topic/orders', value })).rejects.toThrow(
    /topic\/orders.*cannot be read/,
  )
})
