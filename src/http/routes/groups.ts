/** Groups: those without a session (pull, ack), and what is to be known and done about any. */

import { Offset } from '../../client/consumer/offset.ts'
import { parseDuration } from '../../core/duration.ts'
import { KafkaError } from '../../core/errors.ts'
import type { GroupPulls, Pulled } from '../groups/group-pulls.ts'
import type { Matches } from '../groups/group-state.ts'
import type { HttpReply } from '../http-exchange.ts'
import { jsonReply } from '../http-exchange.ts'
import { anyObject, jsonContent, readJsonBody } from '../json-body.ts'
import { HttpError } from '../problem.ts'
import { readRecordSchema, recordJson } from '../records/record-json.ts'
import { offsetOf } from '../records/starting-place.ts'
import type { Call, Route } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'

const topicName: Schema = { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,249}$' }
const durationSchema: Schema = {
  type: ['string', 'integer'],
  description: 'Such as 30s; a number is milliseconds.',
}

const pullSchema: Schema = {
  type: 'object',
  properties: {
    topics: { type: 'array', items: topicName, minItems: 1, maxItems: 100 },
    pullId: {
      ...{ type: 'string', minLength: 1, maxLength: 255 },
      description:
        'A name for this pull: asked again, it gives the same records again as long as their lease runs.',
    },
    max: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      description: 'At most so many records. Default: 100.',
    },
    wait: {
      ...durationSchema,
      description: 'How long to wait for records, such as 30s. Default: not at all.',
    },
    lease: {
      ...durationSchema,
      description: "How long the records are nobody else's. 1 s to 1 h; default: 30s.",
    },
    from: {
      type: 'string',
      description:
        'Where a group that has read nothing begins: earliest (default), latest, a time.',
    },
    deadLetter: {
      type: 'object',
      description:
        'Where records go that were handed out `after` times and are not done, or are rejected.',
      properties: {
        topic: {
          ...topicName,
          description:
            'Neither one that is pulled, nor one that Kafka or the service keeps for itself.',
        },
        after: { type: 'integer', minimum: 1, maximum: 1000 },
      },
      required: ['topic'],
    },
  },
  required: ['topics', 'pullId'],
}

const meantSchema: Schema = {
  description: 'All that the lease has, or a list.',
  anyOf: [
    { type: 'string', enum: ['all'] },
    {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          topic: topicName,
          partition: { type: 'integer', minimum: 0 },
          offset: { type: ['string', 'integer'], pattern: '^[0-9]{1,19}$', minimum: 0 },
        },
        required: ['topic', 'partition', 'offset'],
      },
      minItems: 1,
      maxItems: 1000,
    },
  ],
}

const ackSchema: Schema = {
  type: 'object',
  properties: {
    lease: { type: 'string', minLength: 1, maxLength: 100 },
    accept: { ...meantSchema, description: 'They are done. "all", or a list.' },
    release: {
      ...meantSchema,
      description: 'They are handed out again at once. "all", or a list.',
    },
    reject: {
      ...meantSchema,
      description:
        'They are done, and go to the dead letters if the pull named some. "all", or a list.',
    },
    renew: { ...durationSchema, description: 'The lease runs for so long from now on.' },
  },
  required: ['lease'],
}

const pulledSchema: Schema = {
  type: 'object',
  properties: {
    lease: { type: ['string', 'null'] },
    until: { type: ['string', 'null'], format: 'date-time' },
    records: { type: 'array', items: readRecordSchema },
  },
}

export function groupRoutes(services: Services, pulls: GroupPulls): Route[] {
  const { runtime, config, callers, closed } = services
  return [
    {
      ...{ method: 'POST', path: '/v1/groups/{group}/pull', id: 'pullRecords', tag: 'groups' },
      summary: 'Take records that no other of the group has, under a lease.',
      body: { description: 'What to take.', required: true, content: jsonContent(pullSchema) },
      answers: {
        200: {
          description: 'The records; lease is null where there are none.',
          content: jsonContent(pulledSchema),
        },
      },
      async serve(call) {
        const { request, params, session } = call
        const body = await readJsonBody(request, config, pullSchema)
        const deadLetter = body.deadLetter as { topic: string; after?: number } | undefined
        const pulled = await pulls.pull({
          ...{ session, group: params.group!, topics: [...new Set(body.topics as string[])] },
          pullId: body.pullId as string,
          max: (body.max as number | undefined) ?? 100,
          waitMs: Math.min(durationOf(body.wait, 'wait', 0), config.maxWait),
          leaseMs: leaseOf(body.lease, 30_000)!,
          from: offsetOf((body.from as string | undefined) ?? 'earliest', runtime),
          deadLetter: deadLetter && { topic: deadLetter.topic, after: deadLetter.after ?? 5 },
          signal: AbortSignal.any([call.signal, closed]),
        })
        return pulledReply(pulled, config.maxJsonDepth)
      },
    },
    {
      ...{ method: 'POST', path: '/v1/groups/{group}/ack', id: 'ackRecords', tag: 'groups' },
      summary: 'Say what became of the records of a lease.',
      body: {
        description: 'The lease, and what became of what it has.',
        required: true,
        content: jsonContent(ackSchema),
      },
      answers: { 200: { description: 'It is stored.', content: jsonContent(anyObject) } },
      async serve({ request, params, session }) {
        const body = await readJsonBody(request, config, ackSchema)
        const meant = {
          accept: meantBy(body.accept),
          release: meantBy(body.release),
          reject: meantBy(body.reject),
        }
        if (!meant.accept && !meant.release && !meant.reject && body.renew === undefined) {
          throw new HttpError(
            400,
            'The body must say what became of the records: accept, release, reject or renew',
            {
              code: 'INVALID_REQUEST',
            },
          )
        }
        const all = [body.accept, body.release, body.reject].filter((one) => one === 'all')
        if (all.length > 1) {
          throw new HttpError(400, "Only one of accept, release and reject can be 'all'", {
            code: 'INVALID_REQUEST',
          })
        }
        const acked = await pulls.ack({
          ...{ session, group: params.group!, lease: body.lease as string, ...meant },
          renewMs: leaseOf(body.renew, undefined),
        })
        return jsonReply(200, {
          ...acked,
          until: acked.until === undefined ? null : new Date(acked.until).toISOString(),
        })
      },
    },
    {
      ...{ method: 'GET', path: '/v1/groups', id: 'listGroups', tag: 'groups' },
      summary: 'All groups.',
      answers: { 200: { description: 'By name.', content: jsonContent(anyObject) } },
      serve: ({ session }) =>
        callers.with(session, async ({ admin }) =>
          jsonReply(200, { groups: await admin.listGroups() }),
        ),
    },
    {
      ...{ method: 'GET', path: '/v1/groups/{group}', id: 'describeGroup', tag: 'groups' },
      summary: 'State, members, leases, and how far a group is behind.',
      answers: {
        200: {
          description: 'The group; lag by partition, and leases that run.',
          content: jsonContent(anyObject),
        },
      },
      serve: ({ session, params }) =>
        callers.with(session, async ({ admin }) => {
          const described = await admin.describeGroup(params.group!)
          // Nobody pulls where there are members.
          const leases = described.members.length > 0 ? [] : await pulls.leases(params.group!)
          return jsonReply(200, {
            ...described,
            leases: leases.map(({ until, records }) => ({
              until: new Date(until).toISOString(),
              records,
            })),
          })
        }),
    },
    {
      ...{ method: 'DELETE', path: '/v1/groups/{group}', id: 'deleteGroup', tag: 'groups' },
      summary: 'Delete a group without members, and all that it has committed.',
      answers: { 204: { description: 'It is gone.' } },
      serve: ({ session, params }) =>
        callers.with(session, async ({ admin }) => {
          const group = params.group!
          try {
            await admin.deleteGroup(group)
          } catch (error) {
            // A group that has pulled and not yet acked is nothing to the cluster so far.
            const isMissing = error instanceof KafkaError && error.code === 'GROUP_ID_NOT_FOUND'
            if (isMissing && (await pulls.delete(group))) return { status: 204, headers: {} }
            throw error
          }
          await pulls.delete(group)
          return { status: 204, headers: {} }
        }),
    },
    {
      ...{
        method: 'POST',
        path: '/v1/groups/{group}/offsets:reset',
        id: 'resetOffsets',
        tag: 'groups',
      },
      summary:
        'Move what a group has committed of a topic. Unless dryRun is false, only says what would be.',
      body: { description: 'Where to.', required: true, content: jsonContent(resetSchema) },
      answers: {
        200: { description: 'By partition: before, and after.', content: jsonContent(anyObject) },
      },
      serve: (call) => reset(call),
    },
  ]

  async function reset({ request, params, session }: Call): Promise<HttpReply> {
    const body = await readJsonBody(request, config, resetSchema)
    const group = params.group!
    const topic = body.topic as string
    const to = body.to as string
    const isDryRun = body.dryRun !== false
    const offset = /^[+]\d{1,18}$/.test(to)
      ? Offset.shift(BigInt(to.slice(1)))
      : /^-\d{1,18}$/.test(to)
        ? Offset.shift(BigInt(to))
        : /^@\d{1,19}$/.test(to) && BigInt(to.slice(1)) < 2n ** 63n
          ? Offset.at(BigInt(to.slice(1)))
          : offsetOf(to, runtime, {
              name: 'to',
              orElse: ', an offset such as @100, a shift such as +5',
            })
    return callers.with(session, async ({ admin }) => {
      const partitions = isDryRun
        ? await admin.previewReset(group, topic, offset)
        : await admin.resetOffsets(group, topic, offset)
      if (!isDryRun) await pulls.forget(group, topic)
      return jsonReply(200, { dryRun: isDryRun, partitions })
    })
  }
}

const resetSchema: Schema = {
  type: 'object',
  properties: {
    topic: topicName,
    to: {
      type: 'string',
      description:
        'earliest, latest, a time ago (-1h), a time (ISO 8601 or epoch milliseconds), an offset (@100), or a shift (+10, -10).',
    },
    dryRun: { type: 'boolean', default: true },
  },
  required: ['topic', 'to'],
}

function pulledReply({ lease, until, records }: Pulled, maxJsonDepth: number): HttpReply {
  const parts = records.map((record) =>
    recordJson(record, maxJsonDepth, `,"deliveries":${record.deliveries}`),
  )
  const about =
    lease === undefined
      ? '"lease":null,"until":null'
      : `"lease":"${lease}","until":"${new Date(until).toISOString()}"`
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: `{${about},"records":[${parts.join(',')}]}`,
  }
}

function meantBy(given: unknown): Matches | undefined {
  if (given === undefined) return undefined
  if (given === 'all') return () => true
  const list = given as readonly { topic: string; partition: number; offset: string | number }[]
  const wanted = new Set(
    list.map(({ topic, partition, offset }) => `${partition} ${BigInt(offset)} ${topic}`),
  )
  return (topic, partition, offset) => wanted.has(`${partition} ${offset} ${topic}`)
}

function leaseOf(given: unknown, fallback: number | undefined): number | undefined {
  if (given === undefined) return fallback
  const ms = durationOf(given, 'lease', 0)
  if (ms >= 1000 && ms <= 3_600_000) return Math.floor(ms)
  throw new HttpError(400, `A lease runs for 1 s to 1 h; got ${String(given).slice(0, 100)}`, {
    code: 'INVALID_REQUEST',
  })
}

function durationOf(given: unknown, name: string, fallback: number): number {
  if (given === undefined) return fallback
  try {
    return parseDuration(given, name)
  } catch (error) {
    throw new HttpError(400, (error as Error).message, { code: 'INVALID_REQUEST', cause: error })
  }
}
