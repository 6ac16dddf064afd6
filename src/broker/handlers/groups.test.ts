/** The group APIs, from JoinGroup to DeleteGroups. */

import { describe, expect, test } from 'vitest'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createDeleteGroupsRequest,
  deleteGroups,
} from '../../protocol/messages/generated/delete-groups.ts'
import {
  createDeleteTopicsRequest,
  createDeleteTopicsRequestDeleteTopicState,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import {
  createDescribeGroupsRequest,
  describeGroups,
} from '../../protocol/messages/generated/describe-groups.ts'
import { createHeartbeatRequest, heartbeat } from '../../protocol/messages/generated/heartbeat.ts'
import {
  createJoinGroupRequest,
  createJoinGroupRequestProtocol,
  type JoinGroupRequest,
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
  createOffsetCommitRequest,
  createOffsetCommitRequestPartition,
  createOffsetCommitRequestTopic,
  type OffsetCommitRequest,
  type OffsetCommitRequestPartition,
  offsetCommit,
} from '../../protocol/messages/generated/offset-commit.ts'
import {
  createOffsetFetchRequest,
  createOffsetFetchRequestGroup,
  createOffsetFetchRequestTopic,
  createOffsetFetchRequestTopics,
  offsetFetch,
} from '../../protocol/messages/generated/offset-fetch.ts'
import {
  createSyncGroupRequest,
  createSyncGroupRequestAssignment,
  syncGroup,
} from '../../protocol/messages/generated/sync-group.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function joinRequest(fields: Partial<JoinGroupRequest> = {}): JoinGroupRequest {
  return createJoinGroupRequest({
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 20_000,
    protocolType: 'consumer',
    protocols: [createJoinGroupRequestProtocol({ name: 'range', metadata: bytes('topics') })],
    ...fields,
  })
}

/** Joins as the version asks for: first for an id, then with it. */
async function join({ ask }: TestBroker, fields: Partial<JoinGroupRequest> = {}) {
  const first = await ask(joinGroup, joinRequest(fields))
  if (errorName(first.errorCode) !== 'MEMBER_ID_REQUIRED') return first
  return ask(joinGroup, joinRequest({ ...fields, memberId: first.memberId }))
}

function sync(
  { ask }: TestBroker,
  memberId: string,
  generationId: number,
  assignments: { [memberId: string]: string } = {},
) {
  return ask(
    syncGroup,
    createSyncGroupRequest({
      groupId: 'g',
      memberId,
      generationId,
      assignments: Object.entries(assignments).map(([id, text]) =>
        createSyncGroupRequestAssignment({ memberId: id, assignment: bytes(text) }),
      ),
    }),
  )
}

async function beat({ ask }: TestBroker, memberId: string, generationId: number): Promise<string> {
  const request = createHeartbeatRequest({ groupId: 'g', memberId, generationId })
  return errorName((await ask(heartbeat, request)).errorCode)
}

async function leave({ ask }: TestBroker, memberId: string, version = 5): Promise<string> {
  const members = [createLeaveGroupRequestMemberIdentity({ memberId })]
  const request = createLeaveGroupRequest(
    version >= 3 ? { groupId: 'g', members } : { groupId: 'g', memberId },
  )
  const response = await ask(leaveGroup, request, { version })
  return errorName(version >= 3 ? response.members[0]!.errorCode : response.errorCode)
}

async function commit(
  { ask }: TestBroker,
  offset: bigint,
  options: Partial<OffsetCommitRequest> & {
    partition?: Partial<OffsetCommitRequestPartition>
    topic?: string
    version?: number
  } = {},
): Promise<string> {
  const { partition, topic: name = 'orders', version = 9, ...rest } = options
  const partitions = [
    createOffsetCommitRequestPartition({
      committedOffset: offset,
      committedMetadata: null,
      ...partition,
    }),
  ]
  const topics = [createOffsetCommitRequestTopic({ name, partitions })]
  const response = await ask(
    offsetCommit,
    createOffsetCommitRequest({ groupId: 'g', topics, ...rest }),
    { version },
  )
  return errorName(response.topics[0]!.partitions[0]!.errorCode)
}

/** What the group has committed for one partition. */
async function committed({ ask }: TestBroker, partition = 0, groupId = 'g') {
  const topics = [createOffsetFetchRequestTopics({ name: 'orders', partitionIndexes: [partition] })]
  const groups = [createOffsetFetchRequestGroup({ groupId, topics })]
  const response = await ask(offsetFetch, createOffsetFetchRequest({ groups }), { version: 9 })
  return response.groups[0]!.topics[0]!.partitions[0]!
}

async function withTopic(): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  for (const partition of [0, 1])
    await produceTo(broker, 'orders', batch('a', 'b', 'c'), { partition })
  return broker
}

/** A group of one member, stable. */
async function withMember(): Promise<{
  broker: TestBroker
  memberId: string
  generationId: number
}> {
  const broker = await withTopic()
  const { memberId, generationId } = await join(broker)
  await sync(broker, memberId, generationId, { [memberId]: 'all' })
  return { broker, memberId, generationId }
}

describe('membership', () => {
  test('one member joins, leads, assigns and is stable', async () => {
    const broker = await openTestBroker()
    const joined = await join(broker)
    expect(joined).toMatchObject({
      errorCode: 0,
      generationId: 1,
      protocolName: 'range',
      leader: joined.memberId,
    })
    expect(joined.memberId).toMatch(/^test-/)
    expect(joined.members).toMatchObject([{ memberId: joined.memberId, metadata: bytes('topics') }])
    const synced = await sync(broker, joined.memberId, 1, { [joined.memberId]: 'all' })
    expect(synced).toMatchObject({ errorCode: 0, assignment: bytes('all'), protocolName: 'range' })
    expect(await beat(broker, joined.memberId, 1)).toBe('NONE')
  })

  test('a second member causes a rebalance; both get their part', async () => {
    const { broker, memberId: first } = await withMember()
    const joining = join(broker)
    expect(await isSettled(joining)).toBe(false)
    expect(await beat(broker, first, 1)).toBe('REBALANCE_IN_PROGRESS')
    const [again, second] = await Promise.all([join(broker, { memberId: first }), joining])
    expect(again).toMatchObject({ generationId: 2, leader: first })
    const waiting = sync(broker, second.memberId, 2)
    expect(await isSettled(waiting)).toBe(false)
    await sync(broker, first, 2, { [first]: 'one', [second.memberId]: 'two' })
    expect((await waiting).assignment).toEqual(bytes('two'))
  })

  test('a member that is not heard of is dropped, and the others rebalance', async () => {
    const { broker, memberId } = await withMember()
    broker.runtime.advance(10_001)
    await runAll()
    expect(await beat(broker, memberId, 1)).toBe('UNKNOWN_MEMBER_ID')
  })

  test.each([0, 1, 2, 3])('version %i of JoinGroup takes a new member at once', async (version) => {
    const broker = await openTestBroker()
    const joined = await broker.ask(
      joinGroup,
      joinRequest({ rebalanceTimeoutMs: version === 0 ? -1 : 20_000 }),
      { version },
    )
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1 })
  })

  test.each([4, 5, 6, 7, 8, 9])(
    'version %i of JoinGroup gives a new member its id first',
    async (version) => {
      const broker = await openTestBroker()
      const first = await broker.ask(joinGroup, joinRequest(), { version })
      expect(errorName(first.errorCode)).toBe('MEMBER_ID_REQUIRED')
      const joined = await broker.ask(joinGroup, joinRequest({ memberId: first.memberId }), {
        version,
      })
      expect(joined).toMatchObject({ errorCode: 0, memberId: first.memberId })
    },
  )

  test.each([
    [{ groupId: '' }, 'INVALID_GROUP_ID'],
    [{ sessionTimeoutMs: 5999 }, 'INVALID_SESSION_TIMEOUT'],
    [{ sessionTimeoutMs: 1_800_001 }, 'INVALID_SESSION_TIMEOUT'],
    [{ memberId: 'stranger' }, 'UNKNOWN_MEMBER_ID'],
    [{ protocols: [] }, 'INCONSISTENT_GROUP_PROTOCOL'],
  ])('joining with %o is %s, in every version', async (fields, error) => {
    const broker = await openTestBroker()
    for (const version of [0, 5, 6, 7, 9]) {
      const joined = await broker.ask(joinGroup, joinRequest(fields), { version })
      expect(errorName(joined.errorCode)).toBe(error)
    }
  })

  test.each([0, 2, 3, 5])('leaving in version %i ends the membership', async (version) => {
    const { broker, memberId } = await withMember()
    expect(await leave(broker, 'stranger', version)).toBe('UNKNOWN_MEMBER_ID')
    expect(await leave(broker, memberId, version)).toBe('NONE')
    expect(await beat(broker, memberId, 1)).toBe('UNKNOWN_MEMBER_ID')
  })

  test('a wrong generation is ILLEGAL_GENERATION', async () => {
    const { broker, memberId } = await withMember()
    expect(await beat(broker, memberId, 2)).toBe('ILLEGAL_GENERATION')
    expect(errorName((await sync(broker, memberId, 2)).errorCode)).toBe('ILLEGAL_GENERATION')
  })

  test('closing the broker answers those who wait', async () => {
    const { broker } = await withMember()
    const joining = join(broker)
    await runAll()
    await broker.broker.close()
    expect(errorName((await joining).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
  })
})

describe('committed offsets', () => {
  test('are there after the commit, and after a restart', async () => {
    const { broker, memberId, generationId } = await withMember()
    const member = { memberId, generationIdOrMemberEpoch: generationId }
    const partition = { committedLeaderEpoch: 0, committedMetadata: 'note' }
    expect(await commit(broker, 2n, { ...member, partition })).toBe('NONE')
    const expected = {
      committedOffset: 2n,
      committedLeaderEpoch: 0,
      metadata: 'note',
      errorCode: 0,
    }
    expect(await committed(broker)).toMatchObject(expected)
    expect(await committed(await broker.restart())).toMatchObject(expected)
  })

  test('of a partition that was never committed are -1', async () => {
    const broker = await withTopic()
    expect(await committed(broker)).toMatchObject({
      committedOffset: -1n,
      metadata: '',
      errorCode: 0,
    })
  })

  test('can be stored without members', async () => {
    const broker = await withTopic()
    expect(await commit(broker, 1n)).toBe('NONE')
    expect(await committed(broker)).toMatchObject({ committedOffset: 1n })
  })

  test('wait until the records before them are on stable storage', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('a'), { acks: 1 })
    broker.fileSystem.holdSyncs()
    const answer = commit(broker, 1n)
    expect(await isSettled(answer)).toBe(false)
    expect(await committed(broker)).toMatchObject({ committedOffset: -1n })
    broker.fileSystem.releaseSyncs()
    expect(await answer).toBe('NONE')
  })

  test('that wait while their topic is deleted do not hold for the next of that name', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    expect(await commit(broker, 0n)).toBe('NONE')
    await produceTo(broker, 'orders', batch('a'), { acks: 1 })
    // 1. The commit waits for the data. 2. The deletion takes the log away. 3. It writes that the old offset is gone.
    broker.fileSystem.holdSyncs(/orders|__consumer_offsets/)
    const answer = commit(broker, 1n)
    const deletion = broker.ask(
      deleteTopics,
      createDeleteTopicsRequest({
        topics: [createDeleteTopicsRequestDeleteTopicState({ name: 'orders' })],
        timeoutMs: 1000,
      }),
    )
    expect(await isSettled(deletion)).toBe(false)
    broker.fileSystem.releaseSyncs()
    await deletion
    expect(await answer).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    await createTopic(broker, 'orders')
    expect(await committed(broker)).toMatchObject({ committedOffset: -1n })
    expect(await committed(await broker.restart())).toMatchObject({ committedOffset: -1n })
  })

  test('are not stored when those records cannot be', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('a'), { acks: 1 })
    broker.fileSystem.failSyncs = true
    expect(await commit(broker, 1n)).toBe('KAFKA_STORAGE_ERROR')
    broker.fileSystem.failSyncs = false
    expect(await committed(broker)).toMatchObject({ committedOffset: -1n })
  })

  test('past the end of the log are taken, as Kafka does', async () => {
    const broker = await withTopic()
    expect(await commit(broker, 1000n)).toBe('NONE')
  })

  test('are refused with COORDINATOR_NOT_AVAILABLE while the disk is full', async () => {
    const broker = await withTopic()
    await commit(broker, 1n)
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await commit(broker, 2n)).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(await committed(broker)).toMatchObject({ committedOffset: 1n })
    broker.fileSystem.failWrites = undefined
    expect(await commit(broker, 3n)).toBe('NONE')
    expect(await committed(await broker.restart())).toMatchObject({ committedOffset: 3n })
  })

  test.each([
    [{ topic: 'nowhere' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ partition: { partitionIndex: 2 } }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ partition: { committedMetadata: 'x'.repeat(4097) } }, 'OFFSET_METADATA_TOO_LARGE'],
    [{ partition: { committedMetadata: 'x'.repeat(4096) } }, 'NONE'],
    [{ memberId: 'stranger', generationIdOrMemberEpoch: 1 }, 'UNKNOWN_MEMBER_ID'],
  ])('committing %o is %s', async (options, error) => {
    const { broker, memberId, generationId } = await withMember()
    const member = { memberId, generationIdOrMemberEpoch: generationId }
    expect(await commit(broker, 1n, { ...member, ...options })).toBe(error)
  })

  test('of an old generation are refused', async () => {
    const { broker, memberId } = await withMember()
    expect(await commit(broker, 1n, { memberId, generationIdOrMemberEpoch: 0 })).toBe(
      'ILLEGAL_GENERATION',
    )
    expect(await committed(broker)).toMatchObject({ committedOffset: -1n })
  })

  test('go with their topic', async () => {
    const broker = await withTopic()
    await commit(broker, 3n)
    await broker.ask(deleteTopics, createDeleteTopicsRequest({ topicNames: ['orders'] }), {
      version: 5,
    })
    await createTopic(broker, 'orders', 2)
    expect(await committed(broker)).toMatchObject({ committedOffset: -1n })
    expect(await committed(await broker.restart())).toMatchObject({ committedOffset: -1n })
  })

  test('can all be fetched at once', async () => {
    const broker = await withTopic()
    await commit(broker, 1n)
    await commit(broker, 2n, { partition: { partitionIndex: 1 } })
    const groups = [createOffsetFetchRequestGroup({ groupId: 'g', topics: null })]
    const [group] = (
      await broker.ask(offsetFetch, createOffsetFetchRequest({ groups }), { version: 9 })
    ).groups
    expect(group!.topics).toMatchObject([
      { name: 'orders', partitions: [{ committedOffset: 1n }, { committedOffset: 2n }] },
    ])
  })

  test.each([1, 2, 4, 5, 6, 7])('version %i of OffsetFetch', async (version) => {
    const broker = await withTopic()
    await commit(broker, 1n, { partition: { committedLeaderEpoch: 0 } })
    const topics = [createOffsetFetchRequestTopic({ name: 'orders', partitionIndexes: [0, 1] })]
    const response = await broker.ask(
      offsetFetch,
      createOffsetFetchRequest({ groupId: 'g', topics }),
      { version },
    )
    expect(response.topics[0]!.partitions).toMatchObject([
      { committedOffset: 1n },
      { committedOffset: -1n },
    ])
  })

  test.each([2, 5, 6, 7, 8, 9])('version %i of OffsetCommit', async (version) => {
    const broker = await withTopic()
    expect(await commit(broker, 1n, { version })).toBe('NONE')
  })

  test('version 10 of both names topics by id', async () => {
    const broker = await openTestBroker()
    const topicId = await createTopic(broker, 'orders')
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ'
    const partitions = [createOffsetCommitRequestPartition({ committedOffset: 0n })]
    const topics = [topicId, unknown].map((id) =>
      createOffsetCommitRequestTopic({ topicId: id, partitions }),
    )
    const stored = await broker.ask(
      offsetCommit,
      createOffsetCommitRequest({ groupId: 'g', topics }),
    )
    const errors = stored.topics.map((topic) => errorName(topic.partitions[0]!.errorCode))
    expect(errors).toEqual(['NONE', 'UNKNOWN_TOPIC_ID'])
    const wanted = [topicId, unknown].map((id) =>
      createOffsetFetchRequestTopics({ topicId: id, partitionIndexes: [0] }),
    )
    const groups = [wanted, null].map((ask) =>
      createOffsetFetchRequestGroup({ groupId: 'g', topics: ask }),
    )
    const fetched = await broker.ask(offsetFetch, createOffsetFetchRequest({ groups }))
    expect(
      fetched.groups[0]!.topics.map(({ partitions: [one] }) => [
        one!.committedOffset,
        errorName(one!.errorCode),
      ]),
    ).toEqual([
      [0n, 'NONE'],
      [-1n, 'UNKNOWN_TOPIC_ID'],
    ])
    expect(fetched.groups[1]!.topics).toMatchObject([
      { topicId, partitions: [{ committedOffset: 0n }] },
    ])
  })
})

describe('administration', () => {
  async function list(
    { ask }: TestBroker,
    statesFilter: string[] = [],
    typesFilter: string[] = [],
  ) {
    return (await ask(listGroups, createListGroupsRequest({ statesFilter, typesFilter }))).groups
  }

  async function describeGroup({ ask }: TestBroker, groupId: string, version = 6) {
    const [group] = (
      await ask(describeGroups, createDescribeGroupsRequest({ groups: [groupId] }), { version })
    ).groups
    return { ...group!, error: errorName(group!.errorCode) }
  }

  async function remove({ ask }: TestBroker, groupId: string): Promise<string> {
    const response = await ask(deleteGroups, createDeleteGroupsRequest({ groupsNames: [groupId] }))
    return errorName(response.results[0]!.errorCode)
  }

  test('groups are listed, by state and type when asked', async () => {
    const { broker } = await withMember()
    const stable = {
      groupId: 'g',
      protocolType: 'consumer',
      groupState: 'Stable',
      groupType: 'classic',
    }
    expect(await list(broker)).toEqual([stable])
    expect(await list(broker, ['stable'], ['Classic'])).toEqual([stable])
    expect(await list(broker, ['Empty'])).toEqual([])
    expect(await list(broker, [], ['consumer'])).toEqual([])
  })

  test('a group whose members just had their time is deleted, also where their timer is late', async () => {
    const { broker } = await withMember()
    expect(await remove(broker, 'g')).toBe('NON_EMPTY_GROUP')
    broker.runtime.stall(10_000)
    expect(await remove(broker, 'g')).toBe('NONE')
    expect(await list(broker)).toEqual([])
  })

  test('a stable group is described with its members', async () => {
    const { broker, memberId } = await withMember()
    expect(await describeGroup(broker, 'g')).toMatchObject({
      error: 'NONE',
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [
        {
          memberId,
          clientId: 'test',
          clientHost: 'localhost',
          memberMetadata: bytes('topics'),
          memberAssignment: bytes('all'),
        },
      ],
    })
  })

  test('a group survives a restart, with its members', async () => {
    const { broker, memberId, generationId } = await withMember()
    const again = await broker.restart()
    expect(await describeGroup(again, 'g')).toMatchObject({
      groupState: 'Stable',
      members: [{ memberId }],
    })
    expect(await beat(again, memberId, generationId)).toBe('NONE')
  })

  test('a group that does not exist is Dead, and an error from version 6 on', async () => {
    const broker = await openTestBroker()
    expect(await describeGroup(broker, 'none', 5)).toMatchObject({
      error: 'NONE',
      groupState: 'Dead',
    })
    expect(await describeGroup(broker, 'none', 6)).toMatchObject({
      error: 'GROUP_ID_NOT_FOUND',
      groupState: 'Dead',
    })
  })

  test('only a group without members can be deleted, and its offsets go with it', async () => {
    const { broker, memberId, generationId } = await withMember()
    await commit(broker, 1n, { memberId, generationIdOrMemberEpoch: generationId })
    expect(await remove(broker, 'g')).toBe('NON_EMPTY_GROUP')
    await leave(broker, memberId)
    expect(await remove(broker, 'g')).toBe('NONE')
    expect(await committed(broker)).toMatchObject({ committedOffset: -1n })
    expect(await remove(broker, 'g')).toBe('GROUP_ID_NOT_FOUND')
    expect(await list(await broker.restart())).toEqual([])
  })
})
