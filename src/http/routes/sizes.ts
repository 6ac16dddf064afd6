/** How much there is: topics with their records and bytes, disks, and how far groups are behind, for who watches them. */

import { clusterResource, type Operation, type ResourceType } from '../../backend/access.ts'
import { describeDisks } from '../../client/admin/disks.ts'
import type { Admin } from '../../client/admin.ts'
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import {
  KafkaError,
  OffsetOutOfRangeError,
  TopicNotFoundError,
  UnauthorizedError,
} from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import type { HttpReply } from '../http-exchange.ts'
import { jsonReply } from '../http-exchange.ts'
import { jsonContent } from '../json-body.ts'
import { RecordReader } from '../records/record-reader.ts'
import type { Call, Route } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'

const int64: Schema = { type: 'string', description: 'An integer of 64 bits.' }
const int64OrNull: Schema = { type: ['string', 'null'] }

const topicSizesSchema: Schema = {
  type: 'object',
  properties: {
    topics: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          id: { type: 'string' },
          partitions: { type: 'integer' },
          records: {
            ...int64,
            description: 'Offsets from where its partitions begin to where they end, added up.',
          },
          end: { ...int64, description: 'Where its partitions end, added up: grows by the rate.' },
          bytes: {
            ...int64OrNull,
            description: 'On disk, replicas counted; null: not to be known with this key.',
          },
        },
        required: ['name', 'id', 'partitions', 'records', 'end', 'bytes'],
      },
    },
  },
  required: ['topics'],
}

const disksSchema: Schema = {
  type: 'object',
  properties: {
    disks: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          node: { type: 'integer' },
          folder: { type: 'string' },
          recordBytes: { ...int64, description: 'Of all topics in it.' },
          totalBytes: { ...int64OrNull, description: 'Of the disk; null: the node does not tell.' },
          freeBytes: { ...int64OrNull, description: 'Of the disk; null: the node does not tell.' },
        },
        required: ['node', 'folder', 'recordBytes', 'totalBytes', 'freeBytes'],
      },
    },
  },
  required: ['disks'],
}

const lagSchema: Schema = {
  type: 'object',
  properties: {
    group: { type: 'string' },
    partitions: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          topic: { type: 'string' },
          partition: { type: 'integer' },
          committed: int64OrNull,
          latest: int64OrNull,
          lag: int64OrNull,
          behindMs: {
            type: ['integer', 'null'],
            description:
              'How old the first record is that is not done, by its timestamp; 0: there is none. Null: not to be known with this key, or the record is gone.',
          },
        },
        required: ['topic', 'partition', 'committed', 'latest', 'lag', 'behindMs'],
      },
    },
    totalLag: int64,
    behindMs: { type: ['integer', 'null'], description: 'The most of a partition.' },
  },
  required: ['group', 'partitions', 'totalLag', 'behindMs'],
}

const groupSizesSchema: Schema = {
  type: 'object',
  properties: {
    groups: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          group: { type: 'string' },
          state: { type: 'string' },
          members: { type: 'integer' },
          totalLag: int64,
          committed: { ...int64, description: 'What it has committed, added up.' },
          topics: {
            type: 'array',
            items: {
              type: 'object',
              properties: { topic: { type: 'string' }, lag: int64 },
              required: ['topic', 'lag'],
            },
          },
        },
        required: ['group', 'state', 'members', 'totalLag', 'committed', 'topics'],
      },
    },
  },
  required: ['groups'],
}

/** What the pages of a console do that not every key may. */
const asked: readonly (readonly [name: string, Operation, ResourceType, string])[] = [
  ['describeCluster', 'describe', 'cluster', clusterResource],
  ['createTopics', 'create', 'cluster', clusterResource],
  ['alterCluster', 'alter', 'cluster', clusterResource],
]

const callerSchema: Schema = {
  type: 'object',
  properties: {
    principal: { type: 'string', example: 'User:alice' },
    hasAccessControl: { type: 'boolean', description: 'False: everybody may do everything.' },
    rights: {
      type: 'object',
      description: 'On the cluster as a whole.',
      properties: Object.fromEntries(
        asked.map(([name, operation]) => [
          name,
          { type: 'boolean', description: `The right '${operation}' on the cluster.` },
        ]),
      ),
    },
  },
  required: ['principal', 'hasAccessControl', 'rights'],
}

export function sizeRoutes({ callers, config, runtime, may }: Services): Route[] {
  return [
    {
      ...{ method: 'GET', path: '/v1/caller', id: 'describeCaller', tag: 'service' },
      summary: 'Who the caller is, and what it may do with the cluster as a whole.',
      answers: { 200: { description: 'The caller.', content: jsonContent(callerSchema) } },
      async serve({ session }) {
        const rights = await Promise.all(
          asked.map(async ([label, operation, type, name]) => [
            label,
            await may(session, { operation, type, name }),
          ]),
        )
        const { principal, authentication } = session
        return jsonReply(200, {
          principal: `${principal.type}:${principal.name}`,
          hasAccessControl: authentication !== 'none',
          rights: Object.fromEntries(rights),
        })
      },
    },
    {
      ...{ method: 'GET', path: '/v1/sizes/topics', id: 'topicSizes', tag: 'sizes' },
      summary: 'All topics but internal ones, with how much is in them.',
      answers: { 200: { description: 'By name.', content: jsonContent(topicSizesSchema) } },
      serve: ({ session }) => callers.with(session, ({ cluster }) => topicSizes(cluster)),
    },
    {
      ...{ method: 'GET', path: '/v1/sizes/disks', id: 'disks', tag: 'sizes' },
      summary: 'The data folders of all nodes.',
      answers: { 200: { description: 'By node.', content: jsonContent(disksSchema) } },
      serve: ({ session }) => callers.with(session, ({ cluster }) => disks(cluster)),
    },
    {
      ...{ method: 'GET', path: '/v1/sizes/groups', id: 'groupSizes', tag: 'sizes' },
      summary: 'All groups, with how far each is behind, by topic.',
      answers: { 200: { description: 'By name.', content: jsonContent(groupSizesSchema) } },
      serve: ({ session }) => callers.with(session, ({ admin }) => groupSizes(admin)),
    },
    {
      ...{ method: 'GET', path: '/v1/groups/{group}/lag', id: 'groupLag', tag: 'groups' },
      summary: 'How far a group is behind, in records and in time.',
      answers: { 200: { description: 'By partition.', content: jsonContent(lagSchema) } },
      serve: lag,
    },
  ]

  async function lag({ session, params, signal }: Call): Promise<HttpReply> {
    return callers.with(session, async ({ admin, cluster }) => {
      const { group, partitions, totalLag } = await admin.describeGroup(params.group!)
      const open = partitions.filter(({ lag: behind }) => behind !== undefined && behind > 0n)
      const times = await timesOf(cluster, open, config.maxReadBytes, signal)
      const now = runtime.now()
      const told = partitions.map(({ topic, partition, committed, latest, lag: behind }) => {
        const ms = times.get(keyOf({ topic, partition }))
        return {
          ...{ topic, partition, committed: committed ?? null, latest: latest ?? null },
          lag: behind ?? null,
          behindMs: behind === 0n ? 0 : ms === undefined ? null : Math.max(0, Math.round(now - ms)),
        }
      })
      const known = told.flatMap(({ behindMs }) => behindMs ?? [])
      return jsonReply(200, {
        ...{ group, partitions: told, totalLag },
        behindMs: known.length > 0 ? Math.max(...known) : null,
      })
    })
  }
}

/** Topics come and go while they are asked for. */
const attempts = 3

async function topicSizes(cluster: Cluster): Promise<HttpReply> {
  const bytes = bytesByTopic(cluster)
  for (let attempt = 1; ; attempt++) {
    const topics = await cluster.listTopics()
    const places = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => ({ topic: name, partition: index })),
    )
    try {
      const [begins, ends] = await Promise.all(
        [Offset.earliest, Offset.latest].map((offset) => sumsByTopic(cluster, places, offset)),
      )
      const known = await bytes
      return jsonReply(200, {
        topics: topics
          .filter(({ name }) => !name.startsWith('__kafka_do'))
          .map(({ name, id, partitions }) => {
            const end = ends!.get(name) ?? 0n
            return {
              ...{ name, id, partitions: partitions.length, records: end - begins!.get(name)! },
              ...{ end, bytes: known ? (known.get(name) ?? 0n) : null },
            }
          })
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      })
    } catch (error) {
      const isMissing = error instanceof KafkaError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION'
      if (!isMissing || attempt === attempts) throw error
    }
  }
}

async function sumsByTopic(
  cluster: Cluster,
  places: readonly TopicPartition[],
  offset: Offset,
): Promise<Map<string, bigint>> {
  const sums = new Map<string, bigint>()
  if (places.length === 0) return sums
  const options = { isolation: 'read_uncommitted', create: false } as const
  const found = await lookUpOffsets(cluster, places, offset, options)
  places.forEach(({ topic }, i) => {
    sums.set(topic, (sums.get(topic) ?? 0n) + found[i]!)
  })
  return sums
}

/** Undefined: the caller may not know. */
async function bytesByTopic(cluster: Cluster): Promise<Map<string, bigint> | undefined> {
  const found = await describeDisks(cluster).catch((error: unknown) => {
    if (error instanceof UnauthorizedError) return undefined
    throw error
  })
  if (!found) return undefined
  const sums = new Map<string, bigint>()
  for (const { topic, bytes } of found.flatMap(({ partitions }) => partitions))
    sums.set(topic, (sums.get(topic) ?? 0n) + bytes)
  return sums
}

async function groupSizes(admin: Admin): Promise<HttpReply> {
  const listed = await admin.listGroups()
  const described = await inTurn(listed, ({ group }) =>
    admin.describeGroup(group).catch((error: unknown) => {
      // Gone since it was listed, or of a kind that cannot be described.
      if (error instanceof KafkaError && error.code === 'GROUP_ID_NOT_FOUND') return undefined
      throw error
    }),
  )
  const groups = described.flatMap((one) => {
    if (!one) return []
    const { group, state, members, totalLag, partitions } = one
    const topics = [...groupBy(partitions, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topic,
      lag: ofTopic.reduce((all, { lag = 0n }) => all + lag, 0n),
    }))
    const committed = partitions.reduce((all, { committed: done = 0n }) => all + done, 0n)
    return [{ group, state, members: members.length, totalLag, committed, topics }]
  })
  return jsonReply(200, { groups })
}

async function disks(cluster: Cluster): Promise<HttpReply> {
  const found = await describeDisks(cluster)
  return jsonReply(200, {
    disks: found.map(({ node, folder, totalBytes = null, freeBytes = null, partitions }) => ({
      ...{ node, folder, totalBytes, freeBytes },
      recordBytes: partitions.reduce((all, { bytes }) => all + bytes, 0n),
    })),
  })
}

/** When the first record was written that a group has not done, epoch milliseconds, by partition. What cannot be read is not in it. */
async function timesOf(
  cluster: Cluster,
  places: readonly (TopicPartition & { readonly committed: bigint | undefined })[],
  maxBytes: number,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const times = new Map<string, number>()
  const begun = places.flatMap((place) =>
    place.committed === undefined ? [] : [{ ...place, committed: place.committed }],
  )
  const byTopic = groupBy(begun, ({ topic }) => topic)
  await inTurn([...byTopic], async ([topic, ofTopic]) => {
    const reader = new RecordReader(cluster, topic)
    const left = new Map(ofTopic.map(({ partition, committed }) => [partition, committed]))
    try {
      // One answer may not have room for all partitions.
      for (let round = 0; left.size > 0 && round < roundsMax; round++) {
        const before = left.size
        const result = await reader.read(left, {
          ...{ maxRecords: left.size, maxBytes, waitMs: 0, signal },
          wants: ({ partition, timestampMs }) => {
            if (!left.delete(partition)) return false
            times.set(keyOf({ topic, partition }), timestampMs)
            return true
          },
        })
        // Offsets that only mark the end of a transaction are passed by.
        for (const partition of left.keys()) left.set(partition, result.next.get(partition)!)
        if (left.size === before && result.isAtEnd) return
      }
    } catch (error) {
      // Retention took the record, or the caller may not read the topic: its age is not to be known.
      const isExpected =
        error instanceof OffsetOutOfRangeError || error instanceof UnauthorizedError
      if (!isExpected && !(error instanceof TopicNotFoundError)) throw error
    } finally {
      reader.release()
    }
  })
  return times
}

const roundsMax = 20
/** That are asked for at a time. */
const atATime = 16

/** In the order of the items. */
async function inTurn<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const found: R[] = []
  for (let at = 0; at < items.length; at += atATime)
    found.push(...(await Promise.all(items.slice(at, at + atATime).map(ask))))
  return found
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
