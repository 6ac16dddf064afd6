/** Topics, their settings and their end. */

import { createPartitions } from '../../client/admin/topics.ts'
import type { Offset } from '../../client/consumer/offset.ts'
import { jsonReply } from '../http-exchange.ts'
import { anyObject, jsonContent, readJsonBody } from '../json-body.ts'
import { HttpError } from '../problem.ts'
import { offsetOf } from '../records/starting-place.ts'
import type { Route } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'

const settings: { readonly [name: string]: Schema } = {
  retention: {
    type: ['string', 'integer', 'null'],
    description:
      'How long records are kept, such as 7d; -1: for ever. Null: as the cluster has it.',
  },
  configs: {
    type: 'object',
    description: "Any other of Kafka's topic configs by its own name.",
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
  },
}

const createSchema: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,249}$' },
    partitions: { type: 'integer', minimum: 1, maximum: 100_000 },
    replicationFactor: { type: 'integer', minimum: 1, maximum: 32_767 },
    ...settings,
  },
  required: ['name'],
}

const changeSchema: Schema = {
  type: 'object',
  properties: {
    partitions: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      description: 'More than there are.',
    },
    ...settings,
  },
}

const deleteSchema: Schema = {
  type: 'object',
  properties: {
    before: {
      type: 'object',
      description:
        'By partition: an offset, latest for all records, or a time for those that are older.',
      additionalProperties: { type: ['string', 'integer'] },
    },
  },
  required: ['before'],
}

const topicSchema: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    id: { type: 'string' },
    partitions: { type: 'integer' },
    retentionMs: { type: 'integer' },
    configs: { type: 'object', additionalProperties: { type: 'string' } },
    offsets: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          partition: { type: 'integer' },
          earliest: { type: 'string' },
          latest: { type: 'string' },
        },
      },
    },
  },
}

export function topicRoutes({ config, callers, runtime }: Services): Route[] {
  return [
    {
      ...{ method: 'GET', path: '/v1/topics', id: 'listTopics', tag: 'topics' },
      summary: 'All topics but internal ones.',
      answers: { 200: { description: 'By name.', content: jsonContent(anyObject) } },
      serve: ({ session }) =>
        callers.with(session, async ({ admin }) => {
          const topics = await admin.listTopics()
          return jsonReply(200, {
            topics: topics.filter(({ name }) => !name.startsWith('__kafka_do')),
          })
        }),
    },
    {
      ...{ method: 'POST', path: '/v1/topics', id: 'createTopic', tag: 'topics' },
      summary: 'Create a topic, durably.',
      body: {
        description: 'Its name, and what differs from the defaults.',
        required: true,
        content: jsonContent(createSchema),
      },
      answers: { 201: { description: 'It is there.', content: jsonContent(topicSchema) } },
      async serve({ request, session }) {
        const { name, ...given } = await readJsonBody<{ name: string }>(
          request,
          config,
          createSchema,
        )
        return callers.with(session, async ({ admin }) => {
          await admin.createTopic(name, withoutNulls(given))
          const described = await admin.describeTopic(name).catch(() => ({ name }))
          return jsonReply(201, described, { location: `/v1/topics/${name}` })
        })
      },
    },
    {
      ...{ method: 'GET', path: '/v1/topics/{topic}', id: 'describeTopic', tag: 'topics' },
      summary: 'Partitions, where they begin and end, and what is set.',
      answers: { 200: { description: 'The topic.', content: jsonContent(topicSchema) } },
      serve: ({ session, params }) =>
        callers.with(session, async ({ admin }) =>
          jsonReply(200, await admin.describeTopic(params.topic!)),
        ),
    },
    {
      ...{ method: 'PATCH', path: '/v1/topics/{topic}', id: 'alterTopic', tag: 'topics' },
      summary: 'Change settings, or raise the number of partitions.',
      body: {
        description: 'What changes; null: back to the default.',
        required: true,
        content: jsonContent(changeSchema),
      },
      answers: {
        200: { description: 'The topic as it is now.', content: jsonContent(topicSchema) },
      },
      async serve({ request, session, params }) {
        const { partitions, ...changes } = await readJsonBody<{ partitions?: number }>(
          request,
          config,
          changeSchema,
        )
        const topic = params.topic!
        return callers.with(session, async ({ admin, cluster }) => {
          // Where one of the two is refused, nothing is changed.
          if (partitions !== undefined && Object.keys(changes).length > 0)
            await createPartitions(cluster, topic, partitions, { validateOnly: true })
          if (Object.keys(changes).length > 0) await admin.alterTopic(topic, changes)
          if (partitions !== undefined) await admin.createPartitions(topic, partitions)
          return jsonReply(200, await admin.describeTopic(topic))
        })
      },
    },
    {
      ...{ method: 'DELETE', path: '/v1/topics/{topic}', id: 'deleteTopic', tag: 'topics' },
      summary: 'Delete a topic and all its records.',
      answers: { 204: { description: 'It is gone.' } },
      serve: ({ session, params }) =>
        callers.with(session, async ({ admin }) => {
          await admin.deleteTopic(params.topic!)
          return { status: 204, headers: {} }
        }),
    },
    {
      ...{
        method: 'POST',
        path: '/v1/topics/{topic}/records:delete',
        id: 'deleteRecords',
        tag: 'topics',
      },
      summary: 'Delete the records before an offset, by partition, durably.',
      body: { description: 'Up to where.', required: true, content: jsonContent(deleteSchema) },
      answers: {
        200: { description: 'Where each partition begins now.', content: jsonContent(anyObject) },
      },
      async serve({ request, session, params }) {
        const { before } = await readJsonBody<{ before: { [partition: string]: string | number } }>(
          request,
          config,
          deleteSchema,
        )
        const wanted = Object.fromEntries(
          Object.entries(before).map(([partition, to]) => [
            checkedPartition(partition),
            placeOf(to),
          ]),
        )
        return callers.with(session, async ({ admin }) =>
          jsonReply(200, { earliest: await admin.deleteRecords(params.topic!, wanted) }),
        )
      },
    },
    {
      ...{ method: 'GET', path: '/v1/cluster', id: 'describeCluster', tag: 'service' },
      summary: 'The cluster and its nodes.',
      answers: { 200: { description: 'Its id, and its nodes.', content: jsonContent(anyObject) } },
      serve: ({ session }) =>
        callers.with(session, async ({ admin }) => {
          const { id, controllerId, nodes } = await admin.describeCluster()
          // How this service reaches them is nothing to who is outside.
          return jsonReply(200, {
            id,
            controllerId,
            nodes: nodes.map(({ id: node, rack }) => ({ id: node, rack })),
          })
        }),
    },
  ]

  function placeOf(to: string | number): Offset | bigint {
    if (typeof to === 'number' ? to >= 0 : /^\d{1,19}$/.test(to) && BigInt(to) < 2n ** 63n)
      return BigInt(to)
    return offsetOf(String(to), runtime, { name: 'before', orElse: ', an offset' })
  }
}

function checkedPartition(partition: string): string {
  if (/^\d{1,9}$/.test(partition)) return partition
  throw new HttpError(400, `'${partition.slice(0, 100)}' is no partition`, {
    code: 'INVALID_REQUEST',
  })
}

function withoutNulls(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
}
