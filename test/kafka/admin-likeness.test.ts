/**
 * The APIs of administrators: our broker answers what Apache Kafka answers. What differs on purpose is in docs/gaps.md, and
 * left out here.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import * as alterReassignments from '../../src/protocol/messages/generated/alter-partition-reassignments.ts'
import * as subscription from '../../src/protocol/messages/generated/consumer-protocol-subscription.ts'
import * as createPartitions from '../../src/protocol/messages/generated/create-partitions.ts'
import * as deleteRecords from '../../src/protocol/messages/generated/delete-records.ts'
import * as deleteTopics from '../../src/protocol/messages/generated/delete-topics.ts'
import * as describeCluster from '../../src/protocol/messages/generated/describe-cluster.ts'
import * as describeConfigs from '../../src/protocol/messages/generated/describe-configs.ts'
import * as logDirs from '../../src/protocol/messages/generated/describe-log-dirs.ts'
import * as producers from '../../src/protocol/messages/generated/describe-producers.ts'
import * as describeTopics from '../../src/protocol/messages/generated/describe-topic-partitions.ts'
import * as electLeaders from '../../src/protocol/messages/generated/elect-leaders.ts'
import * as findCoordinator from '../../src/protocol/messages/generated/find-coordinator.ts'
import * as alterConfigs from '../../src/protocol/messages/generated/incremental-alter-configs.ts'
import * as joinGroup from '../../src/protocol/messages/generated/join-group.ts'
import * as leaveGroup from '../../src/protocol/messages/generated/leave-group.ts'
import * as listReassignments from '../../src/protocol/messages/generated/list-partition-reassignments.ts'
import * as offsetCommit from '../../src/protocol/messages/generated/offset-commit.ts'
import * as offsetDelete from '../../src/protocol/messages/generated/offset-delete.ts'
import * as epochs from '../../src/protocol/messages/generated/offset-for-leader-epoch.ts'
import { BatchBuilder, type BuildOptions } from '../../src/protocol/records/batch-builder.ts'
import { AdminTranscript } from './admin-transcript.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'
import { openOurs, openTheirs, type Peer, until } from './peer.ts'

type Scenario = (transcript: AdminTranscript, peer: Peer) => Promise<void>

const all = (api: { minVersion: number; maxVersion: number }) =>
  Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, i) => api.minVersion + i)

function records(count: number, options: BuildOptions = {}): Uint8Array {
  const builder = new BatchBuilder()
  for (let i = 0; i < count; i++) builder.append(1_700_000_000_000 + i, `k${i}`, 'v')
  return builder.build(options)
}

describeJava('administration as of Apache Kafka', () => {
  let kafka: ApacheKafka
  beforeAll(async () => {
    // The records are old by their timestamps.
    const properties = { 'auto.create.topics.enable': false, 'log.retention.ms': -1 }
    kafka = await startApacheKafka({ properties })
  })
  afterAll(() => kafka?.stop())

  async function alike(scenario: Scenario): Promise<void> {
    const transcripts: string[][] = []
    for (const open of [() => openTheirs(kafka), openOurs]) {
      const peer = await open()
      const transcript = new AdminTranscript(peer)
      try {
        await scenario(transcript, peer)
      } finally {
        await peer.close()
      }
      transcripts.push(transcript.lines)
    }
    expect(transcripts[1]).toEqual(transcripts[0])
    expect(transcripts[0]!.length).toBeGreaterThan(4)
  }

  test('OffsetForLeaderEpoch', () =>
    alike(async (t, peer) => {
      await t.create('epochs', 2)
      await t.produce('epochs', records(3))
      const ask = (label: string, topic: string, wanted: [number, number, number][]) =>
        t.ask(
          label,
          epochs.offsetForLeaderEpoch,
          epochs.createOffsetForLeaderEpochRequest({
            topics: [
              {
                topic,
                partitions: wanted.map(([partition, currentLeaderEpoch, leaderEpoch]) => ({
                  partition,
                  currentLeaderEpoch,
                  leaderEpoch,
                })),
              },
            ],
          }),
          { versions: all(epochs.offsetForLeaderEpoch), isOrdered: true },
        )
      const partitions: [number, number, number][] = [0, 1, 2, -2].map((one) => [one, -1, 0])
      await ask('of each partition', 'epochs', partitions)
      await ask(
        'of epochs that have not been',
        'epochs',
        [5, -1, -7].map((one) => [0, -1, one]),
      )
      await ask('of one who is ahead', 'epochs', [[0, 1000, 0]])
      await ask('of no topic', 'nowhere', [[0, -1, 0]])
      await peer.restart()
      await until(async () => {
        const topics = [
          {
            topic: 'epochs',
            partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
          },
        ]
        const request = epochs.createOffsetForLeaderEpochRequest({ topics })
        const answer = await peer.ask(epochs.offsetForLeaderEpoch, request, 4)
        return answer.topics[0]!.partitions[0]!.errorCode === 0
      })
      await ask('of the epoch before a restart', 'epochs', [[0, -1, 0]])
      await ask('of one who has not heard of it', 'epochs', [[0, 0, 0]])
    }))

  test('DeleteRecords', () =>
    alike(async (t) => {
      await t.create('cut', 2)
      await t.create('cut-compacted', 1, { 'cleanup.policy': 'compact' })
      await t.create('cut-both', 1, { 'cleanup.policy': 'compact,delete' })
      for (const name of ['cut', 'cut-compacted', 'cut-both']) await t.produce(name, records(10))
      const ask = (label: string, name: string, ...wanted: [number, bigint][]) =>
        t.ask(
          label,
          deleteRecords.deleteRecords,
          deleteRecords.createDeleteRecordsRequest({
            topics: [
              {
                name,
                partitions: wanted.map(([partitionIndex, offset]) => ({ partitionIndex, offset })),
              },
            ],
            timeoutMs: 10_000,
          }),
          { versions: all(deleteRecords.deleteRecords) },
        )
      await ask('some', 'cut', [0, 3n], [1, -1n], [2, 0n], [-1, 0n])
      await ask('fewer', 'cut', [0, 2n])
      await ask('past the end', 'cut', [0, 11n])
      await ask('before the beginning', 'cut', [0, -2n])
      await ask('twice', 'cut', [0, 4n], [0, 5n])
      await ask('all', 'cut', [0, -1n])
      await ask('compacted', 'cut-compacted', [0, 3n])
      await ask('compacted and deleted', 'cut-both', [0, -1n])
      await ask('of no topic', 'nowhere', [0, 0n])
      await ask('of no name', 'no where', [0, 0n])
      await t.produce('cut', records(1))
    }))

  test('DescribeCluster', () =>
    alike(async (t) => {
      const api = describeCluster.describeCluster
      const ask = describeCluster.createDescribeClusterRequest
      await t.ask('as it is', api, ask(), { versions: all(api) })
      await t.ask('rights', api, ask({ includeClusterAuthorizedOperations: true }))
      await t.ask('fenced too', api, ask({ includeFencedBrokers: true }))
      for (const endpointType of [0, 2, 7])
        await t.ask(`endpoint ${endpointType}`, api, ask({ endpointType }), { versions: [1, 2] })
    }))

  test('DescribeTopicPartitions', () =>
    alike(async (t) => {
      for (const [name, partitions] of Object.entries({ pa: 3, pb: 1, pc: 2 }))
        await t.create(name, partitions)
      const ask = (label: string, names: string[], limit = 100, cursor?: [string, number]) =>
        t.ask(
          label,
          describeTopics.describeTopicPartitions,
          describeTopics.createDescribeTopicPartitionsRequest({
            topics: names.map((name) => ({ name })),
            responsePartitionLimit: limit,
            cursor: cursor ? { topicName: cursor[0], partitionIndex: cursor[1] } : null,
          }),
          { isOrdered: true },
        )
      const names = ['pc', 'pa', 'pb', 'pa']
      for (const limit of [-1, 0, 1, 2, 3, 4, 5, 6, 7]) await ask(`at most ${limit}`, names, limit)
      await ask('missing', ['pb', 'nowhere', 'no where'])
      for (const limit of [3, 4])
        await ask('missing at the limit', ['pa', 'paa', 'pab', 'pb'], limit)
      await ask('from within', [], 3, ['pa', 1])
      await ask('from past the end', [], 1, ['pa', 9])
      await ask('from a topic that is gone', [], 1, ['paa', 1])
      await ask('from a topic that is not named', ['pa', 'pb'], 9, ['paa', 0])
      await ask('from before the beginning', ['pa'], 9, ['pa', -1])
      await ask('from before the beginning of all', [], 9, ['pa', -1])
    }))

  test('DescribeLogDirs', () =>
    alike(async (t) => {
      await t.create('sized', 2)
      await t.produce('sized', records(10))
      const api = logDirs.describeLogDirs
      const sizes = (label: string, topics: { topic: string; partitions: number[] }[]) =>
        t.ask(label, api, logDirs.createDescribeLogDirsRequest({ topics }), { versions: all(api) })
      await sizes('some', [
        { topic: 'sized', partitions: [0, 1, 7] },
        { topic: 'nowhere', partitions: [0] },
      ])
      await sizes('none', [])
    }))

  test('DescribeProducers', () =>
    alike(async (t) => {
      await t.create('written')
      await t.produce(
        'written',
        records(3, { producerId: 7000n, producerEpoch: 2, baseSequence: 0 }),
      )
      await t.produce(
        'written',
        records(2, { producerId: 7000n, producerEpoch: 2, baseSequence: 3 }),
      )
      await t.produce(
        'written',
        records(1, { producerId: 7001n, producerEpoch: 0, baseSequence: 0 }),
      )
      const topics = [
        { name: 'written', partitionIndexes: [0, 7, -1] },
        { name: 'nowhere', partitionIndexes: [0] },
        { name: 'no where', partitionIndexes: [0] },
      ]
      const request = producers.createDescribeProducersRequest({ topics })
      await t.ask('who wrote', producers.describeProducers, request)
    }))

  test('elections and reassignments', () =>
    alike(async (t) => {
      await t.create('led', 2)
      const elect = (
        label: string,
        electionType: number,
        partitions: number[],
        versions: number[],
      ) =>
        t.ask(
          label,
          electLeaders.electLeaders,
          electLeaders.createElectLeadersRequest({
            electionType,
            topicPartitions: [
              { topic: 'led', partitions },
              { topic: 'nowhere', partitions: [0] },
            ],
            timeoutMs: 10_000,
          }),
          { versions },
        )
      await elect('preferred', 0, [0, 1, 2, -1], [0, 1, 2])
      await elect('unclean', 1, [0, 0], [1, 2])
      await elect('of an unknown kind', 5, [0], [1, 2])
      const listed = { timeoutMs: 10_000, topics: [{ name: 'led', partitionIndexes: [0, 9] }] }
      const list = listReassignments.createListPartitionReassignmentsRequest
      await t.ask('named', listReassignments.listPartitionReassignments, list(listed))
      await t.ask(
        'all',
        listReassignments.listPartitionReassignments,
        list({ ...listed, topics: null }),
      )
      const api = alterReassignments.alterPartitionReassignments
      const wanted: (number[] | null)[] = [[1], null, [2], [], [1, 1], [1, 2], [-1]]
      for (const [name, partitionIndex] of [
        ['led', 0],
        ['led', 9],
        ['nowhere', 0],
      ] as const) {
        for (const replicas of wanted) {
          const topics = [{ name, partitions: [{ partitionIndex, replicas }] }]
          const request = alterReassignments.createAlterPartitionReassignmentsRequest({
            topics,
            timeoutMs: 10_000,
          })
          await t.ask(`${name}-${partitionIndex} to ${replicas}`, api, request, {
            versions: all(api),
          })
        }
      }
    }))

  test('OffsetDelete', () =>
    alike(async (t, peer) => {
      for (const name of ['read', 'unread']) await t.create(name)
      await until(async () => {
        const request = findCoordinator.createFindCoordinatorRequest({
          coordinatorKeys: ['stored'],
        })
        const found = await peer.ask(findCoordinator.findCoordinator, request, 4)
        return found.coordinators[0]!.errorCode === 0
      })
      const ask = (label: string, groupId: string, ...names: string[]) =>
        t.ask(
          label,
          offsetDelete.offsetDelete,
          offsetDelete.createOffsetDeleteRequest({
            groupId,
            topics: names.map((name) => ({
              name,
              partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }],
            })),
          }),
        )
      const committed = [offsetCommit.createOffsetCommitRequestPartition({ committedOffset: 0n })]
      const topics = [
        offsetCommit.createOffsetCommitRequestTopic({ name: 'read', partitions: committed }),
      ]
      const commit = offsetCommit.createOffsetCommitRequest({ groupId: 'stored', topics })
      await until(async () => {
        const answer = await peer.ask(offsetCommit.offsetCommit, commit, 9)
        return answer.topics[0]!.partitions[0]!.errorCode === 0
      })
      await ask('of no group', 'none', 'read')
      await ask('of no name', '', 'read')
      await ask('committed', 'stored', 'read', 'unread', 'nowhere')
      await ask('again', 'stored', 'read')
      for (const [group, type, metadata] of [
        ['consumers', 'consumer', subscribed('read')],
        ['unreadable', 'consumer', new Uint8Array([1])],
        ['workers', 'connect', subscribed('unread')],
      ] as const) {
        const memberId = await join(peer, group, type, metadata)
        await ask('with a member', group, 'read', 'unread', 'nowhere')
        await leave(peer, group, memberId)
        await ask('without', group, 'read', 'unread')
      }
    }))

  test('what is named twice, or wrongly', () =>
    alike(async (t) => {
      for (const name of ['twice', 'once']) await t.create(name)
      const more = (name: string, count: number) =>
        createPartitions.createCreatePartitionsRequestCreatePartitionsTopic({
          name,
          count,
          assignments: null,
        })
      const partitions = createPartitions.createCreatePartitionsRequest({
        topics: [more('twice', 3), more('once', 2), more('twice', 4)],
        timeoutMs: 10_000,
      })
      await t.ask('twice', createPartitions.createPartitions, partitions)
      const change = (resourceName: string, configOperation: number, value: string | null) => ({
        resourceType: 2,
        resourceName,
        configs: [{ name: 'retention.ms', configOperation, value }],
      })
      const alter = (label: string, ...resources: ReturnType<typeof change>[]) =>
        t.ask(
          label,
          alterConfigs.incrementalAlterConfigs,
          alterConfigs.createIncrementalAlterConfigsRequest({ resources }),
        )
      await alter('twice', change('twice', 0, '5'), change('once', 0, '5'), change('twice', 0, '6'))
      await alter('null', change('once', 0, null))
      for (const name of ['nowhere', 'no where', ''])
        await alter('of no topic', change(name, 0, '5'))
      const describe = (
        label: string,
        resourceType: number,
        resourceName: string,
        keys: string[] | null,
      ) =>
        t.ask(
          label,
          describeConfigs.describeConfigs,
          describeConfigs.createDescribeConfigsRequest({
            resources: [{ resourceType, resourceName, configurationKeys: keys }],
          }),
        )
      await describe('one key', 2, 'once', ['retention.ms', 'no.such'])
      await describe('set for all brokers', 4, '', ['num.partitions'])
      for (const name of ['9', 'x']) await describe('of no broker', 4, name, null)
      const remove = (label: string, ...names: (string | null)[]) =>
        t.ask(
          label,
          deleteTopics.deleteTopics,
          deleteTopics.createDeleteTopicsRequest({
            topics: names.map((name) =>
              deleteTopics.createDeleteTopicsRequestDeleteTopicState({ name }),
            ),
            timeoutMs: 10_000,
          }),
        )
      await remove('twice', 'twice', 'once', 'twice')
      await remove('not there twice', 'nowhere', 'nowhere')
      await remove('neither name nor id', null)
    }))
})

function subscribed(...topics: string[]): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(0)
  const content = subscription.createConsumerProtocolSubscription({ topics })
  subscription.consumerProtocolSubscription.encode(writer, content, 0)
  return writer.finish().slice()
}

async function join(
  peer: Peer,
  groupId: string,
  protocolType: string,
  metadata: Uint8Array,
): Promise<string> {
  const request = (memberId: string) =>
    joinGroup.createJoinGroupRequest({
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      protocolType,
      memberId,
      protocols: [joinGroup.createJoinGroupRequestProtocol({ name: 'range', metadata })],
    })
  const { memberId } = await peer.ask(joinGroup.joinGroup, request(''), 9)
  expect((await peer.ask(joinGroup.joinGroup, request(memberId), 9)).errorCode).toBe(0)
  return memberId
}

async function leave(peer: Peer, groupId: string, memberId: string): Promise<void> {
  const members = [leaveGroup.createLeaveGroupRequestMemberIdentity({ memberId })]
  const request = leaveGroup.createLeaveGroupRequest({ groupId, members })
  await peer.ask(leaveGroup.leaveGroup, request, 5)
}
