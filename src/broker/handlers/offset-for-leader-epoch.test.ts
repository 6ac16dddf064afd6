import { expect, test } from 'vitest'
import { copyFiles, FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createOffsetForLeaderEpochRequest,
  createOffsetForLeaderEpochRequestOffsetForLeaderPartition,
  createOffsetForLeaderEpochRequestOffsetForLeaderTopic,
  offsetForLeaderEpoch,
} from '../../protocol/messages/generated/offset-for-leader-epoch.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

const unknown = { leaderEpoch: -1, endOffset: -1n }

async function endOf(
  { ask }: TestBroker,
  leaderEpoch: number,
  options: {
    topic?: string
    partition?: number
    currentLeaderEpoch?: number
    version?: number
  } = {},
) {
  const { topic = 'orders', partition = 0, currentLeaderEpoch = -1, version = 4 } = options
  const wanted = createOffsetForLeaderEpochRequestOffsetForLeaderPartition({
    partition,
    currentLeaderEpoch,
    leaderEpoch,
  })
  const topics = [
    createOffsetForLeaderEpochRequestOffsetForLeaderTopic({ topic, partitions: [wanted] }),
  ]
  const request = createOffsetForLeaderEpochRequest({ topics })
  const response = await ask(offsetForLeaderEpoch, request, { version })
  const { errorCode, ...answer } = response.topics[0]!.partitions[0]!
  return { ...answer, error: errorName(errorCode) }
}

async function withRecords(...values: string[]): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  if (values.length > 0) await produceTo(broker, 'orders', batch(...values))
  return broker
}

/** Another broker on the files as they are now, as after a kill. */
async function afterKill({ fileSystem }: TestBroker): Promise<TestBroker> {
  const left = createMemoryFileSystem()
  copyFiles(fileSystem, left)
  return openTestBroker({ fileSystem: new FaultyFileSystem(left) })
}

test.each([2, 3, 4])('version %i: the current epoch ends where the log ends', async (version) => {
  const broker = await withRecords('a', 'b')
  expect(await endOf(broker, 0, { version })).toEqual({
    error: 'NONE',
    partition: 0,
    leaderEpoch: 0,
    endOffset: 2n,
  })
})

test('the epoch of an empty partition ends at its beginning', async () => {
  expect(await endOf(await withRecords(), 0)).toMatchObject({ leaderEpoch: 0, endOffset: 0n })
})

test.each([1, 2 ** 31 - 1, -1])('epoch %i has not been', async (epoch) => {
  expect(await endOf(await withRecords('a'), epoch)).toMatchObject({ error: 'NONE', ...unknown })
})

test('a kill begins another epoch, and the one before ends there', async () => {
  const killed = await afterKill(await withRecords('a', 'b'))
  await produceTo(killed, 'orders', batch('c'))
  expect(await endOf(killed, 0)).toMatchObject({ leaderEpoch: 0, endOffset: 2n })
  expect(await endOf(killed, 1)).toMatchObject({ leaderEpoch: 1, endOffset: 3n })
  expect(await endOf(killed, 2)).toMatchObject(unknown)
  const again = await afterKill(killed)
  expect(await endOf(again, 1)).toMatchObject({ leaderEpoch: 1, endOffset: 3n })
  expect(await endOf(again, 2)).toMatchObject({ leaderEpoch: 2, endOffset: 3n })
})

test('an epoch that wrote nothing is begun again by the next kill', async () => {
  const killedTwice = await afterKill(await afterKill(await withRecords('a')))
  expect(await endOf(killedTwice, 0)).toMatchObject({ leaderEpoch: 0, endOffset: 1n })
  expect(await endOf(killedTwice, 1)).toMatchObject({ leaderEpoch: 1, endOffset: 1n })
  expect(await endOf(killedTwice, 2)).toMatchObject(unknown)
})

test('the epoch that the caller believes in must be the current one', async () => {
  const broker = await afterKill(await withRecords('a'))
  const asked = (currentLeaderEpoch: number) => endOf(broker, 0, { currentLeaderEpoch })
  expect(await asked(0)).toMatchObject({ error: 'FENCED_LEADER_EPOCH', ...unknown })
  expect(await asked(1)).toMatchObject({ error: 'NONE', endOffset: 1n })
  expect(await asked(2)).toMatchObject({ error: 'UNKNOWN_LEADER_EPOCH', ...unknown })
})

test('what does not exist', async () => {
  const broker = await withRecords('a')
  const missing = { error: 'UNKNOWN_TOPIC_OR_PARTITION', ...unknown }
  expect(await endOf(broker, 0, { topic: 'nowhere' })).toMatchObject(missing)
  expect(await endOf(broker, 0, { partition: 1 })).toMatchObject(missing)
  expect(await endOf(broker, 0, { partition: -1 })).toMatchObject(missing)
})

test('a partition that its disk has failed', async () => {
  const broker = await withRecords('a')
  broker.fileSystem.failSyncs = true
  await produceTo(broker, 'orders', batch('b'))
  expect(await endOf(broker, 0)).toMatchObject({ error: 'KAFKA_STORAGE_ERROR', ...unknown })
})
