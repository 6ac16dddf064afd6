/** Offsets that are part of a transaction: they count once it is committed, wherever anything is deleted meanwhile. */
import { describe, expect, test } from 'vitest'
import { copyFiles, FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import { deleteGroup, deleteTopic } from '../../../test/broker/removals.ts'
import { runAll } from '../../../test/broker/settled.ts'
import {
  afterUncleanStop,
  batch,
  commitOffset,
  committedOffset,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import {
  type Protocol,
  TransactionalProducer,
} from '../../../test/broker/transactional-producer.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createOffsetDeleteRequest,
  createOffsetDeleteRequestPartition,
  createOffsetDeleteRequestTopic,
  offsetDelete,
} from '../../protocol/messages/generated/offset-delete.ts'
import {
  createOffsetFetchRequest,
  createOffsetFetchRequestGroup,
  createOffsetFetchRequestTopics,
  offsetFetch,
} from '../../protocol/messages/generated/offset-fetch.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

const { open } = TransactionalProducer

async function openBroker(): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 't')
  await produceTo(broker, 't', batch('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))
  return broker
}

/** What a consumer that waits for transactions is told of partition 0. */
async function stableOffset({ ask }: TestBroker, name: string, version = 9): Promise<string> {
  const topics = [createOffsetFetchRequestTopics({ name, partitionIndexes: [0] })]
  const request =
    version < 8
      ? createOffsetFetchRequest({ groupId: 'g', topics, requireStable: true })
      : createOffsetFetchRequest({
          groups: [createOffsetFetchRequestGroup({ groupId: 'g', topics })],
          requireStable: true,
        })
  const response = await ask(offsetFetch, request, { version })
  const found = version < 8 ? response.topics : response.groups[0]!.topics
  const { errorCode, committedOffset: offset } = found[0]!.partitions[0]!
  return errorCode === 0 ? `${offset}` : errorName(errorCode)
}

async function deleteOffset({ ask }: TestBroker, name: string): Promise<string> {
  const partitions = [createOffsetDeleteRequestPartition({ partitionIndex: 0 })]
  const topics = [createOffsetDeleteRequestTopic({ name, partitions })]
  const response = await ask(offsetDelete, createOffsetDeleteRequest({ groupId: 'g', topics }))
  return errorName(response.topics[0]!.partitions[0]!.errorCode)
}

/** The same broker, one after a clean stop, and one after a kill: what they say must be the same. */
async function everywhere(broker: TestBroker, check: (broker: TestBroker) => Promise<void>) {
  await check(broker)
  const restarted = await broker.restart()
  await check(restarted)
  const recovered = await afterUncleanStop(restarted)
  await check(recovered)
  return recovered
}

describe.each<Protocol>(['classic', 'implicit'])('%s protocol', (protocol) => {
  test('are there after the commit, and not stable before', async () => {
    const broker = await openBroker()
    const producer = await open(broker, 'id', protocol)
    expect(await producer.commitOffset('t', 3n)).toBe('NONE')
    expect(await committedOffset(broker, 't')).toBe(-1n)
    for (const version of [7, 8, 9])
      expect(await stableOffset(broker, 't', version)).toBe('UNSTABLE_OFFSET_COMMIT')
    await producer.commit()
    await everywhere(broker, async (one) => {
      expect(await committedOffset(one, 't')).toBe(3n)
      expect(await stableOffset(one, 't')).toBe('3')
    })
  })

  test('are gone after an abort, and the ones before hold', async () => {
    const broker = await openBroker()
    expect(await commitOffset(broker, 't', 2n)).toBe('NONE')
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    expect(await stableOffset(broker, 't')).toBe('UNSTABLE_OFFSET_COMMIT')
    expect(await committedOffset(broker, 't')).toBe(2n)
    await producer.abort()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('2'))
  })

  test('wait through a restart for the end', async () => {
    const broker = await openBroker()
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    await producer.commitOffset('t', 4n)
    const recovered = await everywhere(broker, async (one) => {
      expect(await stableOffset(one, 't')).toBe('UNSTABLE_OFFSET_COMMIT')
      expect(await committedOffset(one, 't')).toBe(-1n)
    })
    producer.broker = recovered
    expect(await producer.commit()).toBe('NONE')
    await everywhere(recovered, async (one) => expect(await stableOffset(one, 't')).toBe('4'))
  })

  test('do not undo what was committed after them', async () => {
    const broker = await openBroker()
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    expect(await commitOffset(broker, 't', 7n)).toBe('NONE')
    await producer.commit()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('7'))
  })

  test('of two producers: the one that stands last in the log', async () => {
    const broker = await openBroker()
    const a = await open(broker, 'a', protocol)
    const b = await open(broker, 'b', protocol)
    await a.commitOffset('t', 3n)
    await b.commitOffset('t', 4n)
    await b.commit()
    expect(await stableOffset(broker, 't')).toBe('UNSTABLE_OFFSET_COMMIT')
    await a.commit()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('4'))
  })

  test('go with their topic, also when it comes again', async () => {
    const broker = await openBroker()
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    expect(await deleteTopic(broker, 't')).toBe('NONE')
    await createTopic(broker, 't')
    expect(await stableOffset(broker, 't')).toBe('-1')
    await producer.commit()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('-1'))
  })

  test('go with their group', async () => {
    const broker = await openBroker()
    await commitOffset(broker, 't', 1n)
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    expect(await deleteGroup(broker, 'g')).toBe('NONE')
    await producer.commit()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('-1'))
  })

  test('are deleted by OffsetDelete, but not what comes after', async () => {
    const broker = await openBroker()
    await commitOffset(broker, 't', 1n)
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    expect(await deleteOffset(broker, 't')).toBe('NONE')
    expect(await stableOffset(broker, 't')).toBe('-1')
    await producer.commitOffset('t', 4n)
    await producer.commit()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('4'))
  })

  test('that come while a deletion is on its way to the disk are not deleted', async () => {
    const broker = await openBroker()
    await commitOffset(broker, 't', 1n)
    const producer = await open(broker, 'id', protocol)
    await producer.commitOffset('t', 3n)
    broker.fileSystem.holdSyncs(/^__consumer_offsets/)
    const deletion = deleteOffset(broker, 't')
    await runAll()
    const commit = producer.commitOffset('t', 4n)
    await runAll()
    broker.fileSystem.releaseSyncs()
    expect([await deletion, await commit]).toEqual(['NONE', 'NONE'])
    expect(await stableOffset(broker, 't')).toBe('UNSTABLE_OFFSET_COMMIT')
    await producer.commit()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('4'))
  })

  test('of a group whose older ones expire meanwhile stay', async () => {
    const broker = await openBroker()
    await commitOffset(broker, 't', 1n)
    const producer = await open(broker, 'id', protocol, 900_000)
    broker.runtime.advance(7 * 86_400_000 - 300_000)
    await runAll()
    await producer.commitOffset('t', 3n)
    broker.runtime.advance(600_001)
    await runAll()
    expect(await producer.commit()).toBe('NONE')
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('3'))
  })

  test('are aborted when the transaction takes too long', async () => {
    const broker = await openBroker()
    const producer = await open(broker, 'id', protocol, 10_000)
    await producer.commitOffset('t', 3n)
    broker.runtime.advance(10_000)
    await runAll()
    await everywhere(broker, async (one) => expect(await stableOffset(one, 't')).toBe('-1'))
  })

  test('past the end, of no topic, of no member', async () => {
    const broker = await openBroker()
    const producer = await open(broker, 'id', protocol)
    expect(await producer.commitOffset('nothing', 3n)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await producer.commitOffset('t', 1n, { partition: 5 })).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    )
    expect(await producer.commitOffset('t', 1n, { group: '' })).toBe('INVALID_GROUP_ID')
    expect(await producer.commitOffset('t', 100n)).toBe('NONE')
    await producer.commit()
    expect(await committedOffset(broker, 't')).toBe(100n)
  })
})

test.each([0, 1, 2, 3, 4])('TxnOffsetCommit v%i needs AddOffsetsToTxn before', async (version) => {
  const broker = await openBroker()
  const producer = await open(broker, 'id', 'implicit')
  expect(await producer.commitOffset('t', 1n, { version })).toBe('INVALID_TXN_STATE')
  expect(await producer.addOffsets('g', version)).toBe('NONE')
  expect(await producer.commitOffset('t', 1n, { version })).toBe('NONE')
  await producer.commit()
  expect(await committedOffset(broker, 't')).toBe(1n)
})

test('of a topic whose deletion a crash cut off go too, though their transaction goes on', async () => {
  const broker = await openBroker()
  const producer = await open(broker, 'id')
  await producer.commitOffset('t', 3n)
  // The process dies when the deletion is decided and has not reached the offsets.
  const { fileSystem } = broker
  const offsetsSize = () => fileSystem.stat(`__consumer_offsets-0/${'0'.repeat(20)}.log`)!.size
  const sizeBefore = offsetsSize()
  let left = createMemoryFileSystem()
  fileSystem.onChange = () => {
    if (offsetsSize() !== sizeBefore) return
    left = createMemoryFileSystem()
    copyFiles(fileSystem, left)
  }
  await deleteTopic(broker, 't')
  const killed = await openTestBroker({ fileSystem: new FaultyFileSystem(left) })
  producer.broker = killed
  expect(await deleteTopic(killed, 't')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  await createTopic(killed, 't')
  expect(await producer.commit()).toBe('NONE')
  expect(await committedOffset(killed, 't')).toBe(-1n)
})
