/** A broker whose disk fills up, is freed, or becomes read-only: what goes on, what is refused, and what is said. */
import { describe, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import type { BrokerConfigInput } from '../../src/broker/config.ts'
import { errorFrom, errorName } from '../../src/protocol/error-codes.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords,
} from '../../src/protocol/messages/generated/delete-records.ts'
import {
  createIncrementalAlterConfigsRequest,
  createIncrementalAlterConfigsRequestAlterableConfig,
  createIncrementalAlterConfigsRequestAlterConfigsResource,
  incrementalAlterConfigs,
} from '../../src/protocol/messages/generated/incremental-alter-configs.ts'
import { batchOf, producerBatch } from '../log/log-fixture.ts'
import { SeededRandom } from '../simulation/random.ts'
import { diskReserve, SimulatedDisk } from '../simulation/simulated-disk.ts'
import { FaultyFileSystem } from './faulty-file-system.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { runAll } from './settled.ts'
import {
  batch,
  commitOffset,
  committedOffset,
  createTopic,
  deleteTopic,
  fetchFrom,
  openTestBroker,
  produceTo,
  type TestBroker,
} from './test-broker.ts'

const cleanupMs = 15_000
const small = { 'segment.bytes': '1100', 'retention.ms': '-1' }
const big = 'x'.repeat(500)

interface OnDisk extends TestBroker {
  readonly disk: SimulatedDisk
  readonly lines: string[]
}

async function onDisk(
  config: BrokerConfigInput = { diskReserve },
  disk = new SimulatedDisk({ random: new SeededRandom(1) }),
): Promise<OnDisk> {
  const lines: string[] = []
  const note = (level: string) => (_: object, message: string) => {
    lines.push(`${level}: ${message}`)
  }
  const logger = { debug() {}, info: note('info'), warn: note('warn'), error: note('error') }
  const runtime = new ManualRuntime(logger)
  const fileSystem = new FaultyFileSystem(disk)
  return { ...(await openTestBroker({ fileSystem, runtime, config })), disk, lines }
}

/** A topic of several segments. */
async function filled(broker: OnDisk, name: string, batches = 6): Promise<void> {
  await createTopic(broker, name, 1, small)
  for (let i = 0; i < batches; i++)
    expect(await produceTo(broker, name, batch(big))).toMatchObject({ error: 'NONE' })
}

const segmentsOf = ({ disk }: OnDisk, name: string) =>
  disk.list(`${name}-0`).filter((file) => file.endsWith('.log'))

async function alter({ ask }: TestBroker, name: string, key: string, value: string) {
  const configs = [createIncrementalAlterConfigsRequestAlterableConfig({ name: key, value })]
  const resource = { resourceType: 2, resourceName: name, configs }
  const resources = [createIncrementalAlterConfigsRequestAlterConfigsResource(resource)]
  const request = createIncrementalAlterConfigsRequest({ resources })
  return errorName((await ask(incrementalAlterConfigs, request)).responses[0]!.errorCode)
}

async function deleteBefore({ ask }: TestBroker, name: string, offset: bigint): Promise<string> {
  const partitions = [createDeleteRecordsRequestDeleteRecordsPartition({ offset })]
  const topics = [createDeleteRecordsRequestDeleteRecordsTopic({ name, partitions })]
  const answer = await ask(deleteRecords, createDeleteRecordsRequest({ topics }))
  return errorName(answer.topics[0]!.partitions[0]!.errorCode)
}

/** Fills the disk until a small record finds no space. */
async function fill(broker: OnDisk, name: string): Promise<void> {
  broker.disk.leaveFree(40)
  expect(await produceTo(broker, name, batch(big))).toMatchObject({ error: 'KAFKA_STORAGE_ERROR' })
}

async function cleaned({ runtime }: OnDisk): Promise<void> {
  runtime.advance(cleanupMs)
  await runAll()
}

describe('on a full disk', () => {
  test('a topic can be deleted, its folder goes, and others go on', async () => {
    const broker = await onDisk()
    await filled(broker, 'old', 30)
    await filled(broker, 'orders')
    await commitOffset(broker, 'old', 3n)
    await fill(broker, 'orders')
    expect(await deleteTopic(broker, 'old')).toBe('NONE')
    expect(broker.disk.list('old-0')).toEqual([])
    broker.runtime.advance(1000)
    expect(await produceTo(broker, 'orders', batch(big))).toMatchObject({ error: 'NONE' })
    expect(await committedOffset(broker, 'old')).toBe(-1n)
  })

  test('records can be deleted', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    await fill(broker, 'orders')
    expect(await deleteBefore(broker, 'orders', 6n)).toBe('NONE')
    expect(segmentsOf(broker, 'orders')).toHaveLength(1)
    expect((await fetchFrom(broker, 'orders')).error).toBe('OFFSET_OUT_OF_RANGE')
  })

  test('retention can be lowered, and frees space', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    await fill(broker, 'orders')
    expect(await alter(broker, 'orders', 'retention.bytes', '1100')).toBe('NONE')
    await cleaned(broker)
    expect(segmentsOf(broker, 'orders').length).toBeLessThan(3)
    expect((await fetchFrom(broker, 'orders', 5n)).values).toEqual([big])
  })

  test('what a client is told was not written was not: the outcome is failed', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    await fill(broker, 'orders')
    const { errorCode, errorMessage } = await produceTo(broker, 'orders', batch(big))
    const error = errorFrom(errorCode, { topic: 'orders', partition: 0, message: errorMessage! })
    expect(error).toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
      outcome: 'failed',
      message: expect.stringMatching(/disk is full.*Delete topics/),
    })
  })

  test('of a sync that failed the outcome stays unknown', async () => {
    const broker = await onDisk()
    await createTopic(broker, 'orders')
    broker.disk.failNext('sync', /^orders/, 'STORAGE_FULL')
    const { errorCode, errorMessage } = await produceTo(broker, 'orders', batch(big))
    expect(errorFrom(errorCode, { message: errorMessage! }).outcome).toBe('unknown')
  })

  test('a broker starts, serves what is there, and a topic can be deleted', async () => {
    const before = await onDisk()
    await filled(before, 'orders', 30)
    await filled(before, 'others')
    before.disk.leaveFree(0)
    const disk = before.disk.afterDeath('process', { random: new SeededRandom(2) })
    const after = await onDisk({ diskReserve }, disk)
    expect((await fetchFrom(after, 'others', 5n)).values).toEqual([big])
    expect(await deleteTopic(after, 'orders')).toBe('NONE')
    after.runtime.advance(1000)
    expect(await produceTo(after, 'others', batch(big))).toMatchObject({ error: 'NONE' })
    await after.broker.close()
  })

  test('it is said once, however many writes are refused, and once when it is over', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    await fill(broker, 'orders')
    for (let i = 0; i < 100; i++) {
      await produceTo(broker, 'orders', batch(big))
      await commitOffset(broker, 'orders', 1n)
      broker.runtime.advance(1000)
      await runAll()
    }
    expect(broker.lines).toEqual([expect.stringMatching(/^error: The disk is full/)])
    broker.disk.capacityBytes = Number.POSITIVE_INFINITY
    broker.runtime.advance(1000)
    await runAll()
    expect(broker.lines.slice(1)).toEqual([
      expect.stringMatching(/^info: the disk has space again/),
    ])
    expect(await produceTo(broker, 'orders', batch(big))).toMatchObject({ error: 'NONE' })
  })

  test('a broker stops in order', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    await fill(broker, 'orders')
    await broker.broker.close()
    expect(broker.disk.stat('.kafka_cleanshutdown')).toBeDefined()
  })
})

describe('what could not be done', () => {
  test('a start that could not be saved does not count: its records are served, and go later', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    // The look that follows the roll of a segment.
    await cleaned(broker)
    expect(await alter(broker, 'orders', 'retention.bytes', '1100')).toBe('NONE')
    broker.disk.failNext('write', /^log-start-offset-checkpoint/, 'STORAGE_IO')
    await cleaned(broker)
    expect((await fetchFrom(broker, 'orders')).values).toHaveLength(6)
    await cleaned(broker)
    expect((await fetchFrom(broker, 'orders')).error).toBe('OFFSET_OUT_OF_RANGE')
    expect(segmentsOf(broker, 'orders').length).toBeLessThan(3)
  })

  test('a deletion of records that could not be saved leaves them', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    broker.disk.failNext('write', /^log-start-offset-checkpoint/, 'STORAGE_IO')
    expect(await deleteBefore(broker, 'orders', 4n)).toBe('KAFKA_STORAGE_ERROR')
    expect((await fetchFrom(broker, 'orders')).values).toHaveLength(6)
    expect(await deleteBefore(broker, 'orders', 4n)).toBe('NONE')
  })

  test('a segment that could not be removed is removed the next time', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    broker.disk.failNext('remove', /^orders-0\/.*\.log$/, 'STORAGE_IO')
    expect(await deleteBefore(broker, 'orders', 4n)).toBe('NONE')
    expect(segmentsOf(broker, 'orders')).toContain('00000000000000000000.log')
    await cleaned(broker)
    expect(segmentsOf(broker, 'orders')).not.toContain('00000000000000000000.log')
  })

  test('a folder of a deleted topic that could not be removed is removed soon', async () => {
    const broker = await onDisk()
    await filled(broker, 'orders')
    broker.disk.failNext('remove', /^orders-0$/, 'STORAGE_IO')
    expect(await deleteTopic(broker, 'orders')).toBe('NONE')
    expect(broker.disk.list('')).toContain('orders-0')
    broker.runtime.advance(1000)
    await runAll()
    expect(broker.disk.list('')).not.toContain('orders-0')
    await createTopic(broker, 'orders')
  })

  test('a compaction that found no space leaves nothing behind', async () => {
    const broker = await onDisk()
    await createTopic(broker, 'keyed', 1, {
      ...small,
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
    })
    for (let i = 0; i < 6; i++)
      await produceTo(broker, 'keyed', batchOf([{ key: `${i % 2}`, value: big }]))
    broker.disk.leaveFree(100)
    await cleaned(broker)
    expect(broker.disk.list('keyed-0').filter((name) => name.endsWith('.cleaned'))).toEqual([])
  })
})

describe('with less free than diskReserve', () => {
  test('writes of clients are refused; reads, commits and deletions go on', async () => {
    const broker = await onDisk()
    await filled(broker, 'old', 30)
    await filled(broker, 'orders')
    broker.disk.leaveFree(diskReserve - 1)
    broker.runtime.advance(1000)
    const { error, errorMessage } = await produceTo(broker, 'orders', batch(big))
    expect([error, errorMessage]).toEqual([
      'KAFKA_STORAGE_ERROR',
      expect.stringMatching(/less free space than diskReserve.*Delete topics/),
    ])
    expect(await commitOffset(broker, 'orders', 2n)).toBe('NONE')
    expect((await fetchFrom(broker, 'orders', 5n)).values).toEqual([big])
    expect(await deleteTopic(broker, 'old')).toBe('NONE')
    broker.runtime.advance(1000)
    expect(await produceTo(broker, 'orders', batch(big))).toMatchObject({ error: 'NONE' })
    expect(broker.lines).toEqual([
      expect.stringMatching(/^warn: The disk has less free space/),
      expect.stringMatching(/^info: the disk has space again/),
    ])
  })

  test('a batch that was stored already is known, and so not refused', async () => {
    const broker = await onDisk()
    await createTopic(broker, 'orders')
    const first = await produceTo(broker, 'orders', producerBatch(0))
    broker.disk.leaveFree(0)
    broker.runtime.advance(1000)
    expect(await produceTo(broker, 'orders', producerBatch(0))).toEqual(first)
  })
})

describe('on a disk that has become read-only', () => {
  test('it is named, said once, reads go on, and the stop fails in one way', async () => {
    const broker = await onDisk()
    for (const name of ['a', 'b', 'c']) await filled(broker, name, 1)
    for (const name of ['a', 'b', 'c']) await produceTo(broker, name, batch(big), { acks: 1 })
    broker.disk.isReadOnly = true
    for (let i = 0; i < 20; i++) {
      for (const name of ['a', 'b', 'c']) await produceTo(broker, name, batch(big))
      await commitOffset(broker, 'a', 1n)
      broker.runtime.advance(1000)
      await runAll()
    }
    expect(broker.lines).toEqual([expect.stringMatching(/^error: The disk is read-only/)])
    const failure = await closed(broker.broker)
    expect(failure).toMatchObject({ name: 'StorageError' })
  })
})

function closed(broker: Broker): Promise<unknown> {
  return broker.close().then(
    () => undefined,
    (error: unknown) => error,
  )
}
