/**
 * Every API × every version × every resource that a request names: the authorizer is asked about each of them before
 * anything is served, and what is denied does not reach what serves. Which texts of a request name a resource is written down here apart from
 * the rules, and a text that is not written down fails the test: so an API cannot be added without its resources.
 */
import { describe, expect, test } from 'vitest'
import {
  type Access,
  clusterResource,
  type Operation,
  type ResourceType,
} from '../../src/backend/access.ts'
import { BackendMetrics } from '../../src/backend/backend-metrics.ts'
import { throughHall } from '../../src/backend/hall.ts'
import { servedApis } from '../../src/broker/api-table.ts'
import type { ServedApi } from '../../src/broker/served-api.ts'
import { namedRequest } from '../protocol/message-shapes.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { testContext } from './test-session.ts'

type Right = readonly [operation: Operation, type: ResourceType]
interface Expectation {
  /** By the path of a text in the request. */
  readonly texts?: { readonly [path: string]: Right }
  /** What the request needs of the cluster. */
  readonly cluster?: Operation
  /** Beginnings of what is asked besides. */
  readonly beside?: readonly string[]
  /** Fields that decide what the texts name. */
  readonly fixed?: { readonly [path: string]: unknown }
}

const topicRead: Right = ['read', 'topic']
const topicWrite: Right = ['write', 'topic']
const topicDescribe: Right = ['describe', 'topic']
const groupRead: Right = ['read', 'group']
const groupDescribe: Right = ['describe', 'group']
const transactionWrite: Right = ['write', 'transactionalId']
const member: Expectation = { texts: { groupId: groupRead } }

/** As Apache Kafka asks (KafkaApis, ControllerApis). Several for an API where a field decides. */
const expectations: { readonly [api: string]: Expectation | readonly Expectation[] } = {
  Produce: {
    texts: {
      transactionalId: transactionWrite,
      'topicData.name': topicWrite,
      'topicData.topicId': topicWrite,
    },
  },
  Fetch: { texts: { 'topics.topic': topicRead, 'topics.topicId': topicRead } },
  ListOffsets: { texts: { 'topics.name': topicDescribe } },
  Metadata: {
    texts: { 'topics.name': topicDescribe, 'topics.topicId': topicDescribe },
  },
  OffsetCommit: {
    texts: { groupId: groupRead, 'topics.name': topicRead, 'topics.topicId': topicRead },
  },
  OffsetFetch: {
    texts: {
      groupId: groupDescribe,
      'topics.name': topicDescribe,
      'groups.groupId': groupDescribe,
      'groups.topics.name': topicDescribe,
      'groups.topics.topicId': topicDescribe,
    },
  },
  FindCoordinator: [
    { texts: { key: groupDescribe, coordinatorKeys: groupDescribe }, fixed: { keyType: 0 } },
    {
      texts: {
        key: ['describe', 'transactionalId'],
        coordinatorKeys: ['describe', 'transactionalId'],
      },
      fixed: { keyType: 1 },
    },
    { cluster: 'clusterAction', fixed: { keyType: 2, key: 'k', coordinatorKeys: 'k' } },
  ],
  JoinGroup: member,
  Heartbeat: member,
  LeaveGroup: member,
  SyncGroup: member,
  DescribeGroups: { texts: { groups: groupDescribe } },
  ListGroups: {},
  ApiVersions: {},
  CreateTopics: { texts: { 'topics.name': ['create', 'topic'] } },
  DeleteTopics: {
    texts: {
      topicNames: ['delete', 'topic'],
      'topics.name': ['delete', 'topic'],
      'topics.topicId': ['delete', 'topic'],
    },
    beside: ['describe topic'],
  },
  DeleteRecords: { texts: { 'topics.name': ['delete', 'topic'] } },
  InitProducerId: [
    { texts: { transactionalId: transactionWrite } },
    { cluster: 'idempotentWrite', fixed: { transactionalId: null } },
  ],
  OffsetForLeaderEpoch: { texts: { 'topics.topic': topicDescribe } },
  AddPartitionsToTxn: [],
  AddOffsetsToTxn: { texts: { transactionalId: transactionWrite, groupId: groupRead } },
  EndTxn: { texts: { transactionalId: transactionWrite } },
  WriteTxnMarkers: { cluster: 'clusterAction' },
  TxnOffsetCommit: {
    texts: {
      transactionalId: transactionWrite,
      groupId: groupRead,
      'topics.name': topicRead,
    },
  },
  DescribeConfigs: configs('describeConfigs'),
  AlterConfigs: configs('alterConfigs'),
  IncrementalAlterConfigs: configs('alterConfigs'),
  DescribeLogDirs: { cluster: 'describe' },
  CreatePartitions: { texts: { 'topics.name': ['alter', 'topic'] } },
  DeleteGroups: { texts: { groupsNames: ['delete', 'group'] } },
  ElectLeaders: { cluster: 'alter' },
  AlterPartitionReassignments: { cluster: 'alter' },
  ListPartitionReassignments: { cluster: 'describe' },
  OffsetDelete: { texts: { groupId: ['delete', 'group'], 'topics.name': topicRead } },
  DescribeCluster: {},
  DescribeProducers: { texts: { 'topics.name': topicRead } },
  DescribeTopicPartitions: { texts: { 'topics.name': topicDescribe } },
  DescribeTransactions: { texts: { transactionalIds: ['describe', 'transactionalId'] } },
  ListTransactions: {},
  DescribeAcls: { cluster: 'describe' },
  CreateAcls: { cluster: 'alter' },
  DeleteAcls: { cluster: 'alter' },
}

/** Producers ask for themselves up to v3, brokers for many from v4 on. */
const addPartitions = (version: number): Expectation =>
  version >= 4
    ? { cluster: 'clusterAction' }
    : {
        texts: {
          v3AndBelowTransactionalId: transactionWrite,
          'v3AndBelowTopics.name': topicWrite,
        },
      }

/** Texts that name no resource of their own. */
const others: ReadonlySet<string> = new Set([
  ...['clientSoftwareName', 'clientSoftwareVersion', 'clusterId'],
  'rackId',
  ...['memberId', 'groupInstanceId', 'members.memberId', 'members.groupInstanceId'],
  ...['members.reason', 'reason', 'protocolType', 'protocolName', 'protocols.name'],
  ...['assignments.memberId', 'groups.memberId', 'topics.partitions.committedMetadata'],
  // Sessions are left, not read; what was in them was allowed when it was added.
  ...['forgottenTopicsData.topic', 'forgottenTopicsData.topicId'],
  'topics.partitions.replicaDirectoryId',
  // Filters: what the caller may not see is left out of the answer.
  ...['statesFilter', 'typesFilter', 'stateFilters', 'transactionalIdPattern'],
  // Covered by the right on the cluster, or on the resource whose configs they are.
  ...['topics.configs.name', 'topics.configs.value', 'resources.configurationKeys'],
  ...['resources.configs.name', 'resources.configs.value', 'topicPartitions.topic'],
  ...['topics.topic', 'topics.name', 'markers.topics.name', 'cursor.topicName'],
  ...['transactions.transactionalId', 'transactions.topics.name', 'key'],
  ...['resourceNameFilter', 'principalFilter', 'hostFilter', 'creations.resourceName'],
  ...['creations.principal', 'creations.host', 'filters.resourceNameFilter'],
  ...['filters.principalFilter', 'filters.hostFilter'],
])

function configs(operation: 'describeConfigs' | 'alterConfigs'): Expectation[] {
  const named = (type: ResourceType): { readonly [path: string]: Right } => ({
    'resources.resourceName': [operation, type],
  })
  return [
    { texts: named('topic'), fixed: { 'resources.resourceType': 2 } },
    { texts: named('group'), fixed: { 'resources.resourceType': 32 } },
    ...[4, 8, 16].map((type) => ({
      cluster: operation,
      fixed: { 'resources.resourceType': type, 'resources.resourceName': '1' },
    })),
  ]
}

const name = (access: Pick<Access, 'operation' | 'type' | 'name'>) =>
  `${access.operation} ${access.type} ${access.name}`

/** An answer of any API: all lists are empty, until something is added. */
function emptyAnswer(): object {
  const get = (target: object, key: string | symbol) => {
    if (key === 'then' || typeof key === 'symbol') return undefined
    if (!(key in target)) Reflect.set(target, key, [])
    return Reflect.get(target, key)
  }
  return new Proxy({ throttleTimeMs: 0, errorCode: 0 }, { get })
}

/** Passes a request of `served` through a hall of its own; tells what was asked before it was served, and what was. */
async function pass(
  served: ServedApi,
  version: number,
  request: unknown,
  isDenied: (access: Access) => boolean = () => false,
) {
  const asked: string[] = []
  const passed: unknown[] = []
  const metrics = new BackendMetrics()
  const serve = throughHall({
    runtime: new ManualRuntime(),
    metrics,
    guard: {
      apis: [],
      metrics: () => [],
      rightsOf: () => ({
        may(operation, type, resource) {
          const access = { operation, type, name: resource }
          if (passed.length === 0) asked.push(name(access))
          return !isDenied(access)
        },
        allows: (operation, type, resource) => !isDenied({ operation, type, name: resource }),
        mayOnAny: () => false,
      }),
      refusal: () => undefined,
      throttleMs: () => 7,
    },
    names: { topicName: (topicId) => topicId },
    serve: async (_, rest) => {
      passed.push(rest)
      return emptyAnswer()
    },
  })
  const answer = await serve(served, request, testContext(version))
  const count = metrics.read().find((metric) => metric.name === 'kafkado_request_seconds_count')
  return { passed, asked, answer, observed: count?.values }
}

async function expectedOf(api: string, version: number, { texts, cluster, fixed }: Expectation) {
  const named = await namedRequest(api, version, fixed)
  const accesses = cluster ? [`${cluster} cluster ${clusterResource}`] : []
  const unknown: string[] = []
  for (const [path, value] of named.texts) {
    // Where a name and an id are both there, the id counts for nothing.
    const isSpare = path === 'topics.topicId' && named.paths.has('topics.name')
    const right = isSpare ? undefined : texts?.[path]
    if (right) accesses.push(`${right[0]} ${right[1]} ${value}`)
    else if (!isSpare && !others.has(path)) unknown.push(path)
  }
  // A version without the field that decides cannot ask for this.
  const isPossible = fixed?.keyType === undefined || named.paths.has('keyType')
  return { request: named.request, accesses, unknown, isPossible }
}

describe.each(servedApis.map((served) => [served.api.name, served] as const))(
  '%s',
  (api, served) => {
    const { minVersion, maxVersion } = served.accepted
    const versions = Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => minVersion + i)

    test.each(versions)(
      'version %i: each resource that it names is asked about',
      async (version) => {
        const declared = api === 'AddPartitionsToTxn' ? addPartitions(version) : expectations[api]
        expect(declared, 'its resources are written down above').toBeDefined()
        for (const expectation of [declared!].flat()) {
          const { request, accesses, unknown, isPossible } = await expectedOf(
            api,
            version,
            expectation,
          )
          if (!isPossible) continue
          expect(unknown, 'texts of which it is not known what they name').toEqual([])
          const { passed, asked, answer, observed } = await pass(served, version, request)
          // Where a name and an id are both there, the id counts for nothing.
          const wanted = accesses.filter(
            (access) => !/topicId/.test(access) || asked.includes(access),
          )
          const beside = asked.filter(
            (access) => !expectation.beside?.some((it) => access.startsWith(it)),
          )
          expect(new Set(beside)).toEqual(new Set(wanted))
          expect(passed).toEqual([request])
          expect(answer.throttleMs).toBe(7)
          expect(answer.response).toMatchObject({ throttleTimeMs: 7 })
          expect(observed).toEqual([{ labels: { api }, value: 1 }])
        }
      },
    )

    test('what is denied does not reach the handler', async () => {
      for (const expectation of [expectations[api]!].flat()) {
        const { request, accesses } = await expectedOf(api, maxVersion, expectation)
        for (const access of accesses) {
          // Records without a transaction need no right on the id, as in Apache Kafka.
          if (api === 'Produce' && access.includes('transactionalId')) continue
          const denied = await pass(
            served,
            maxVersion,
            request,
            // Some rights on the cluster stand for those on a resource.
            (one) => name(one) === access || one.type === 'cluster',
          )
          expect(denied.asked).toContain(access)
          const resource = access.split(' ')[2]!
          if (access.includes(' cluster ')) expect(denied.passed).toEqual([])
          else expect(JSON.stringify(denied.passed, asText)).not.toContain(`"${resource}"`)
          expect(JSON.stringify(denied.answer.response, asText)).toMatch(refusalCodes)
          expect(denied.observed).toHaveLength(1)
        }
      }
    })
  },
)

const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

/**
 * Topic, group, cluster, transactional id; for fetch sessions and additions to transactions the request as a whole. Codes
 * stand in partitions, of which the requests name none, in many an answer.
 */
const refusalCodes = /rrorCode":(29|30|31|53|55|70)\b|artitions?":\[\]/

test('a filter that forgets a resource is noticed', async () => {
  const produce = servedApis.find(({ api }) => api.name === 'Produce')!
  const forgetful: ServedApi = { ...produce, filter: (request, _, next) => next(request) }
  const { request, accesses } = await expectedOf('Produce', 12, expectations.Produce as Expectation)
  expect(accesses.length).toBeGreaterThan(2)
  expect((await pass(produce, 12, request)).asked).toEqual(accesses)
  expect((await pass(forgetful, 12, request)).asked).not.toEqual(accesses)
})

test('every API that is served has its expectations, and no other', () => {
  const served = servedApis.map(({ api }) => api.name)
  expect(Object.keys(expectations).filter((api) => !served.includes(api))).toEqual([])
})
