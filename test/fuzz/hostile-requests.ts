/**
 * Requests of every API that is served, in every version: made up from the shapes of the messages, then bent towards
 * what is there. Names are mostly those of topics, groups and producers that exist or that belong to the broker, so
 * that requests get past "unknown"; numbers are mostly small; records are hostile batches.
 *
 * What is named is a small set, so that whatever the broker rightly remembers of it is bounded.
 */
import fc from 'fast-check'
import { servedApis } from '../../src/broker/api-table.ts'
import type { ServedApi } from '../../src/broker/served-api.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { everyMessage, type Message } from '../protocol/message-shapes.ts'
import type { SeededRandom } from '../simulation/random.ts'
import { hostileBatch } from './hostile-batches.ts'
import { pick } from './mutations.ts'

export interface HostileRequest {
  readonly api: ServedApi['api']
  readonly version: number
  readonly request: Message
}

/** Topics that hostile requests may do anything to. */
export const targetTopics = ['target-0', 'target-1', 'target-compacted'] as const
const topics = [
  ...targetTopics,
  ...targetTopics,
  'nobody',
  '',
  '.',
  '..',
  '../../etc',
  'a/b',
  'x'.repeat(300),
  '\u0000',
  '__consumer_offsets',
  '__transaction_state',
  '__cluster_metadata',
]
const groups = ['g0', 'g1', 'g2', 'g3', '', 'x'.repeat(300), '\u0000']
const transactionalIds = ['t0', 't1', 't2', '', 'x'.repeat(300)]
const names = [
  'range',
  'roundrobin',
  'consumer',
  'cleanup.policy',
  'compact',
  'delete',
  'retention.ms',
  '1000',
  '1',
  '0',
  '-1',
  '',
]
const small = [-1, 0, 0, 0, 1, 1, 2, 3, 1000, 2 ** 31 - 1]

/** What fields may hold by their names, the likely first; the rest is at random. */
const likely: readonly (readonly [property: RegExp, values: readonly (number | string)[]])[] = [
  [/^acks$/, [-1, -1, 1, 1, 0, 2]],
  [/^(partition|index|partitionIndex|partitions|partitionIndexes)$/, [0, 0, 0, 1, 1, -1, 7]],
  [/^numPartitions$|^count$/, [1, 2, 2, 3, -1, 9]],
  [/^replicationFactor$/, [1, 1, -1, 3]],
  [/^generationId/, [1, 1, 2, 3, 0, -1]],
  [/^resourceType$/, [2, 2, 2, 4, 0]],
  [/^producerEpoch$/, [0, 0, 0, 1, -1]],
  [/TimeoutMs$/, [10_000, 10_000, 6000, 30_000, 1000, 0, -1, 2 ** 31 - 1]],
  [/^(sessionId|sessionEpoch|currentLeaderEpoch)$/, [0, -1, 1]],
  [/^(maxWaitMs|minBytes)$/, [0, 0, 1, 100, 2 ** 31 - 1]],
  [/maxBytes$/i, [1_000_000, 1000, 0, -1, 2 ** 31 - 1]],
  [/^protocolType$/, ['consumer', 'consumer', 'consumer', 'connect']],
  [/^resourceName$/, ['target-0', 'target-1', 'target-compacted', '1', 'nobody']],
]

const nilUuid = 'A'.repeat(22)

const messages = await everyMessage()
const arbitraries = new Map(
  messages.map(({ name, version, arbitrary }) => [`${name} v${version}`, arbitrary]),
)

/** Every API and version that is served. */
export const servedVersions: readonly Omit<HostileRequest, 'request'>[] = servedApis.flatMap(
  ({ api }) =>
    Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, i) => ({
      api,
      version: api.minVersion + i,
    })),
)

const busy = ['Produce', 'Fetch', 'ListOffsets', 'JoinGroup', 'SyncGroup', 'EndTxn', 'CreateTopics']
const busyVersions = servedVersions.filter(({ api }) => busy.includes(api.name))

export interface RequestOptions {
  /** Ids that topics have; the others of a request are made up. */
  readonly topicIds: readonly string[]
  /** Ids that members of groups have been given. */
  readonly memberIds: readonly string[]
  /** Ids that producers have been given. */
  readonly producerIds: readonly bigint[]
}

const pools = new Map<string, Message[]>()
const poolSize = 20

/** A request of any API, most often of those that do most. */
export async function hostileRequest(
  random: SeededRandom,
  options: RequestOptions,
  { api, version } = pick(random, random.chance(0.4) ? busyVersions : servedVersions),
): Promise<HostileRequest> {
  const key = `${api.name}Request v${version}`
  let pool = pools.get(key)
  if (!pool) {
    pool = fc.sample(arbitraries.get(key)!, { seed: api.key * 100 + version, numRuns: poolSize })
    pools.set(key, pool)
  }
  const sample = pick(random, pool)
  const request = (await bent(random, options, '', sample)) as Message
  return { api, version, request: isExpressible(api, version, request) ? request : sample }
}

/** Rarely it is not: a field that the version lacks must keep its default, and not all defaults are known here. */
function isExpressible(api: ServedApi['api'], version: number, request: Message): boolean {
  try {
    api.encodeRequest(new ByteWriter(), request, version)
    return true
  } catch {
    return false
  }
}

/** What a field holds that its version lacks; such a field is left alone. */
const usualDefaults: readonly unknown[] = ['', 0, -1, 0n, -1n, nilUuid, 2 ** 31 - 1]

/** A copy in which names and numbers are more likely to mean something. */
async function bent(
  random: SeededRandom,
  options: RequestOptions,
  property: string,
  value: unknown,
): Promise<unknown> {
  if (usualDefaults.includes(value)) return value
  if (value instanceof Uint8Array) {
    return property === 'records' ? (await hostileBatch(random)).bytes : value
  }
  if (Array.isArray(value)) {
    // An assignment that is made up is refused; most are left to the broker.
    if (/^(assignments|replicaAssignment)$/.test(property) && random.chance(0.8)) return []
    const copy: unknown[] = []
    for (const element of value) copy.push(await bent(random, options, property, element))
    return copy
  }
  if (typeof value === 'object' && value !== null) {
    const copy: Message = {}
    for (const [name, part] of Object.entries(value)) {
      // Members that name no protocol in common never meet.
      const isProtocol = property === 'protocols' && name === 'name'
      copy[name] = isProtocol
        ? pick(random, ['range', 'roundrobin'])
        : await bent(random, options, name, part)
    }
    return copy
  }
  if (typeof value === 'string') return text(random, options, property, value)
  if (typeof value === 'bigint') {
    if (!random.chance(0.7)) return value
    if (property === 'producerId') return pick(random, [-1n, 0n, ...options.producerIds])
    return BigInt(pick(random, small))
  }
  if (typeof value === 'number' && random.chance(0.8)) return number(random, property, value)
  return value
}

function text(
  random: SeededRandom,
  { topicIds, memberIds }: RequestOptions,
  property: string,
  value: string,
): string {
  const usual = likely.find(([name]) => name.test(property))?.[1]
  if (typeof usual?.[0] === 'string') return String(pick(random, usual))
  if (/^topicId$|^topics?Id/.test(property) || isUuid(value)) {
    return random.chance(0.8) && topicIds.length > 0 ? pick(random, topicIds) : value
  }
  if (/transactional/i.test(property)) return pick(random, transactionalIds)
  if (/member/i.test(property)) return pick(random, ['', '', 'nobody', ...memberIds])
  if (/group|^key$|coordinatorKeys/i.test(property)) return pick(random, groups)
  if (/topic|^name$|names/i.test(property)) return pick(random, random.chance(0.8) ? topics : names)
  return random.chance(0.6) ? pick(random, names) : value
}

function isUuid(value: string): boolean {
  return /^[\w-]{22}$/.test(value)
}

/** Small, but never outside what the field can hold: bytes stay bytes. */
function number(random: SeededRandom, property: string, value: number): number {
  const usual = likely.find(([name]) => name.test(property))?.[1]
  if (typeof usual?.[0] === 'number') return Number(pick(random, usual))
  if (
    /attributes|type|level|version|operation|isolation|acks/i.test(property) ||
    Math.abs(value) < 128
  ) {
    return pick(random, [-1, 0, 0, 1, 1, 2, 3])
  }
  const chosen = pick(random, small)
  return Math.abs(value) < 32_768 && Math.abs(chosen) > 32_767 ? 1 : chosen
}
