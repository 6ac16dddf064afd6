/** Where logs begin and end, by time, and cutting them: kafka-get-offsets and kafka-delete-records. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from '../../../src/index.ts'
import { describeBroker } from './describe-broker.ts'

const noon = Date.UTC(2026, 0, 1, 12)

describeBroker('Java tools: kafka-get-offsets and kafka-delete-records', (broker) => {
  const offsets = async (...args: string[]) =>
    (await broker().tool('get-offsets', args)).trim().split('\n')
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-delete-records-'))
    // Its records are of an old date, and retention goes by that.
    const settings = ['--partitions', '2', '--config', 'retention.ms=-1']
    await broker().tool('topics', ['--create', '--topic', 'orders', ...settings])
    await using client = new Client(broker().url)
    const producer = client.producer('orders')
    // One batch each; the fourth of the six is the youngest.
    for (const minutes of [0, 1, 2, 9, 4, 5]) {
      await producer.send({ minutes }, { partition: 0, timestamp: noon + minutes * 60_000 })
    }
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('latest, earliest, of all partitions', async () => {
    expect(await offsets('--topic', 'orders')).toEqual(['orders:0:6', 'orders:1:0'])
    expect(await offsets('--topic', 'orders', '--time', 'latest')).toEqual([
      'orders:0:6',
      'orders:1:0',
    ])
    expect(await offsets('--topic', 'orders', '--time', 'earliest')).toEqual([
      'orders:0:0',
      'orders:1:0',
    ])
  })

  test('by topic and partition pattern', async () => {
    expect(await offsets('--topic-partitions', 'ord.*:0')).toEqual(['orders:0:6'])
    expect(await offsets('--topic', 'orders', '--partitions', '1')).toEqual(['orders:1:0'])
  })

  test('by timestamp', async () => {
    const at = (time: number) => offsets('--topic-partitions', 'orders:0', '--time', String(time))
    expect(await at(noon)).toEqual(['orders:0:0'])
    expect(await at(noon + 60_001)).toEqual(['orders:0:2'])
    expect(await at(noon + 3 * 60_000)).toEqual(['orders:0:3'])
  })

  test('of the youngest record', async () => {
    const youngest = await offsets('--topic-partitions', 'orders:0', '--time', 'max-timestamp')
    expect(youngest).toEqual(['orders:0:3'])
  })

  test('earliest on the local disk, as tiered storage asks', async () => {
    const at = (time: string) => offsets('--topic-partitions', 'orders:0', '--time', time)
    expect(await at('earliest-local')).toEqual(['orders:0:0'])
  })

  async function deleteRecords(partition: number, offset: number): Promise<string> {
    const file = join(folder, 'offsets.json')
    const partitions = [{ topic: 'orders', partition, offset }]
    await writeFile(file, JSON.stringify({ partitions, version: 1 }))
    return broker().tool('delete-records', ['--offset-json-file', file])
  }

  test('delete records up to an offset', async () => {
    expect(await deleteRecords(0, 2)).toContain('partition: orders-0\tlow_watermark: 2')
    expect(await offsets('--topic-partitions', 'orders:0', '--time', 'earliest')).toEqual([
      'orders:0:2',
    ])
    const read = ['--topic', 'orders', '--from-beginning', '--max-messages', '4']
    const minutes = (await broker().tool('console-consumer', read)).match(/\d+/g)
    expect(minutes).toEqual(['2', '9', '4', '5'])
  })

  test('delete all records', async () => {
    expect(await deleteRecords(0, -1)).toContain('partition: orders-0\tlow_watermark: 6')
    expect(await offsets('--topic-partitions', 'orders:0', '--time', 'earliest')).toEqual([
      'orders:0:6',
    ])
  })

  test('error: past the end', async () => {
    expect(await deleteRecords(0, 7)).toContain('OffsetOutOfRangeException')
  })
})
