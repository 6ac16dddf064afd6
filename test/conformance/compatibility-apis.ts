/**
 * The section on APIs of `docs/compatibility.md`: what Apache Kafka's broker serves, what ours does, and why the rest is
 * missing. Ours comes from the API table; Kafka's from `compatibility-kafka-apis.json`, which a test of the Java tier
 * holds to the client jar.
 */
import { readFileSync } from 'node:fs'
import { servedApi } from '../../src/broker/api-table.ts'

/** An API of Apache Kafka's in the versions that it calls stable. */
export interface KafkaApi {
  readonly key: number
  readonly name: string
  readonly versions: readonly [from: number, to: number]
  /** What only controllers serve is between Kafka's own nodes. */
  readonly by: 'broker' | 'controller'
}

export interface KafkaApis {
  readonly version: string
  readonly apis: readonly KafkaApi[]
}

export const kafkaApisFile = new URL('compatibility-kafka-apis.json', import.meta.url)

export function readKafkaApis(): KafkaApis {
  return JSON.parse(readFileSync(kafkaApisFile, 'utf8')) as KafkaApis
}

/** Why an API, or versions of it, are not served. */
const reasons: readonly { readonly reason: string; readonly apis: readonly string[] }[] = [
  {
    reason: 'Answered where there is access control (`--access keys`)',
    apis: [
      ...['SaslHandshake', 'SaslAuthenticate'],
      ...['DescribeUserScramCredentials', 'AlterUserScramCredentials'],
      ...['DescribeClientQuotas', 'AlterClientQuotas'],
    ],
  },
  {
    reason: 'No delegation tokens',
    apis: [
      ...['CreateDelegationToken', 'RenewDelegationToken', 'ExpireDelegationToken'],
      'DescribeDelegationToken',
    ],
  },
  {
    reason: 'Not yet: the KIP-848 group protocol; clients fall back to the classic one',
    apis: ['ConsumerGroupHeartbeat', 'ConsumerGroupDescribe'],
  },
  {
    reason: 'No share groups (KIP-932)',
    apis: [
      ...['ShareGroupHeartbeat', 'ShareGroupDescribe', 'ShareFetch', 'ShareAcknowledge'],
      ...['DescribeShareGroupOffsets', 'AlterShareGroupOffsets', 'DeleteShareGroupOffsets'],
      ...['InitializeShareGroupState', 'ReadShareGroupState', 'WriteShareGroupState'],
      ...['DeleteShareGroupState', 'ReadShareGroupStateSummary'],
    ],
  },
  {
    reason: 'No streams groups (KIP-1071)',
    apis: ['StreamsGroupHeartbeat', 'StreamsGroupDescribe'],
  },
  {
    reason: 'There is no quorum: one node',
    apis: ['DescribeQuorum', 'AddRaftVoter', 'RemoveRaftVoter', 'UnregisterBroker'],
  },
  { reason: 'There is one data folder', apis: ['AlterReplicaLogDirs'] },
  { reason: 'Features are those of the version that runs', apis: ['UpdateFeatures'] },
  {
    reason: 'No metrics are taken from clients (KIP-714)',
    apis: ['GetTelemetrySubscriptions', 'PushTelemetry'],
  },
  {
    reason: 'There are no settings of groups and of client metrics to list',
    apis: ['ListConfigResources'],
  },
]

/** Throws when a reason is missing, or is there for what is served. */
export function formatApis({ version, apis }: KafkaApis): string {
  const rows = apis.filter((api) => api.by === 'broker').map(toRow)
  const others = apis.filter((api) => api.by === 'controller').map(({ name }) => name)
  return `What the broker of Apache Kafka ${version} serves, and ours, in the versions that Kafka calls stable. Differences in
behaviour are listed in [gaps.md](gaps.md).

| key | API | Apache Kafka | kafka-do | reason |
|---|---|---|---|---|
${rows.join('\n')}

Used only between Kafka's own nodes, of which there is one here: ${others.join(', ')}.
`
}

function toRow(api: KafkaApi): string {
  const { key, name, versions } = api
  const served = servedApi(key)
  const reason = reasons.find((each) => each.apis.includes(name))?.reason
  const isAll =
    served !== undefined &&
    served.accepted.minVersion <= versions[0] &&
    served.accepted.maxVersion >= versions[1]
  if (isAll === (reason !== undefined)) {
    throw new Error(isAll ? `${name} is served, its reason can go` : `${name} has no reason`)
  }
  const here = served ? range(served.accepted.minVersion, served.accepted.maxVersion) : '–'
  return `| ${key} | ${name} | ${range(...versions)} | ${here} | ${reason ?? ''} |`
}

function range(from: number, to: number): string {
  return from === to ? `${from}` : `${from}–${to}`
}
