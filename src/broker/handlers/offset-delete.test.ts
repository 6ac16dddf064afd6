import { describe, expect, test } from 'vitest'
import { copyFiles, FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  commitOffset,
  committedOffset,
  createTopic,
  openTestBroker,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { ByteWriter } from '../../protocol/byte-writer.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  consumerProtocolSubscription,
  createConsumerProtocolSubscription,
} from '../../protocol/messages/generated/consumer-protocol-subscription.ts'
import {
  createJoinGroupRequest,
  createJoinGroupRequestProtocol,
  joinGroup,
} from '../../protocol/messages/generated/join-group.ts'
import {
  createLeaveGroupRequest,
  createLeaveGroupRequestMemberIdentity,
  leaveGroup,
} from '../../protocol/messages/generated/leave-group.ts'
import {
  createListGroupsRequest,
  listGroups,
} from '../../protocol/messages/generated/list-groups.ts'
import {
  createOffsetDeleteRequest,
  createOffsetDeleteRequestPartition,
  createOffsetDeleteRequestTopic,
  offsetDelete,
} from '../../protocol/messages/generated/offset-delete.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

/** The error of the whole, or those of the partitions by topic. */
async function deleteOffsets(
  { ask }: TestBroker,
  wanted: { readonly [topic: string]: readonly number[] },
  groupId = 'g',
): Promise<string | { [topic: string]: string[] }> {
  const topics = Object.entries(wanted).map(([name, partitions]) =>
    createOffsetDeleteRequestTopic({
      name,
      partitions: partitions.map((partitionIndex) =>
        createOffsetDeleteRequestPartition({ partitionIndex }),
      ),
    }),
  )
  const response = await ask(offsetDelete, createOffsetDeleteRequest({ groupId, topics }))
  if (response.errorCode !== 0) {
    expect(response.topics).toEqual([])
    return errorName(response.errorCode)
  }
  return Object.fromEntries(
    response.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ errorCode }) => errorName(errorCode)),
    ]),
  )
}

async function withTopics(): Promise<TestBroker> {
  const broker = await openTestBroker()
  for (const name of ['orders', 'others']) await createTopic(broker, name)
  return broker
}

async function withOffsets(): Promise<TestBroker> {
  const broker = await withTopics()
  for (const name of ['orders', 'others']) await commitOffset(broker, name, 0n)
  return broker
}

function subscription(...topics: string[]): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(0)
  consumerProtocolSubscription.encode(writer, createConsumerProtocolSubscription({ topics }), 0)
  return writer.finish()
}

async function join(
  { ask }: TestBroker,
  protocolType: string,
  metadata: Uint8Array,
): Promise<string> {
  const request = (memberId: string) =>
    createJoinGroupRequest({
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      protocolType,
      memberId,
      protocols: [createJoinGroupRequestProtocol({ name: 'range', metadata })],
    })
  const { memberId } = await ask(joinGroup, request(''))
  expect((await ask(joinGroup, request(memberId))).errorCode).toBe(0)
  return memberId
}

async function leave({ ask }: TestBroker, memberId: string): Promise<void> {
  const members = [createLeaveGroupRequestMemberIdentity({ memberId })]
  await ask(leaveGroup, createLeaveGroupRequest({ groupId: 'g', members }))
}

async function afterKill({ fileSystem }: TestBroker): Promise<TestBroker> {
  const left = createMemoryFileSystem()
  copyFiles(fileSystem, left)
  return openTestBroker({ fileSystem: new FaultyFileSystem(left) })
}

test('forgets the offsets that are named, and no others', async () => {
  const broker = await withOffsets()
  expect(await deleteOffsets(broker, { orders: [0] })).toEqual({ orders: ['NONE'] })
  expect(await committedOffset(broker, 'orders')).toBe(-1n)
  expect(await committedOffset(broker, 'others')).toBe(0n)
})

test('what was never committed, or is gone already, is no error', async () => {
  const broker = await withOffsets()
  for (const name of ['orders', 'others'])
    for (let time = 0; time < 2; time++)
      expect(await deleteOffsets(broker, { [name]: [0] })).toEqual({ [name]: ['NONE'] })
})

test('a group that has nothing left goes when offsets expire', async () => {
  const broker = await withOffsets()
  await deleteOffsets(broker, { orders: [0], others: [0] })
  const listed = async () => (await broker.ask(listGroups, createListGroupsRequest())).groups
  expect(await listed()).toMatchObject([{ groupId: 'g' }])
  broker.runtime.advance(600_000)
  await runAll()
  expect(await listed()).toEqual([])
})

describe('refused', () => {
  test('a group that does not exist, or has no name', async () => {
    const broker = await withOffsets()
    expect(await deleteOffsets(broker, { orders: [0] }, 'none')).toBe('GROUP_ID_NOT_FOUND')
    expect(await deleteOffsets(broker, { orders: [0] }, '')).toBe('INVALID_GROUP_ID')
  })

  test('topics and partitions that do not exist', async () => {
    const broker = await withOffsets()
    expect(await deleteOffsets(broker, { orders: [0, 1, -1], nowhere: [0] })).toEqual({
      orders: ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_OR_PARTITION'],
      nowhere: ['UNKNOWN_TOPIC_OR_PARTITION'],
    })
  })

  test('topics that a consumer of the group reads, until it leaves', async () => {
    const broker = await withOffsets()
    const memberId = await join(broker, 'consumer', subscription('orders'))
    expect(await deleteOffsets(broker, { orders: [0], others: [0], nowhere: [0] })).toEqual({
      orders: ['GROUP_SUBSCRIBED_TO_TOPIC'],
      others: ['NONE'],
      nowhere: ['UNKNOWN_TOPIC_OR_PARTITION'],
    })
    expect(await committedOffset(broker, 'orders')).toBe(0n)
    await leave(broker, memberId)
    expect(await deleteOffsets(broker, { orders: [0] })).toEqual({ orders: ['NONE'] })
  })

  test('all topics of a consumer that cannot be understood', async () => {
    const broker = await withOffsets()
    await join(broker, 'consumer', new Uint8Array([1]))
    expect(await deleteOffsets(broker, { others: [0] })).toEqual({
      others: ['GROUP_SUBSCRIBED_TO_TOPIC'],
    })
  })

  test('a group with members that are no consumers, until they leave', async () => {
    const broker = await withOffsets()
    const memberId = await join(broker, 'connect', subscription('others'))
    expect(await deleteOffsets(broker, { orders: [0] })).toBe('NON_EMPTY_GROUP')
    await leave(broker, memberId)
    expect(await deleteOffsets(broker, { orders: [0] })).toEqual({ orders: ['NONE'] })
  })

  test('a disk that is full; nothing is forgotten then', async () => {
    const broker = await withOffsets()
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await deleteOffsets(broker, { orders: [0] })).toBe('KAFKA_STORAGE_ERROR')
    expect(await committedOffset(broker, 'orders')).toBe(0n)
  })
})

describe('durability', () => {
  test('answered when it is on stable storage, not before', async () => {
    const broker = await withOffsets()
    broker.fileSystem.holdSyncs(/__consumer_offsets/)
    const deleting = deleteOffsets(broker, { orders: [0] })
    expect(await isSettled(deleting)).toBe(false)
    broker.fileSystem.releaseSyncs()
    expect(await deleting).toEqual({ orders: ['NONE'] })
    const killed = await afterKill(broker)
    expect(await committedOffset(killed, 'orders')).toBe(-1n)
    expect(await committedOffset(killed, 'others')).toBe(0n)
  })

  test.each([
    ['before', -1n],
    ['after', 0n],
  ])('a commit that was sent just %s it, and waits for the same sync', async (when, left) => {
    const broker = await withTopics()
    // For the group to be there.
    await commitOffset(broker, 'others', 0n)
    broker.fileSystem.holdSyncs(/__consumer_offsets/)
    const ask = [
      () => commitOffset(broker, 'orders', 0n),
      () => deleteOffsets(broker, { orders: [0] }),
    ]
    const answers: Promise<unknown>[] = []
    for (const one of when === 'before' ? ask : ask.reverse()) {
      answers.push(one())
      await runAll()
    }
    broker.fileSystem.releaseSyncs()
    await Promise.all(answers)
    expect(await committedOffset(broker, 'orders')).toBe(left)
    expect(await committedOffset(await afterKill(broker), 'orders')).toBe(left)
  })
})
