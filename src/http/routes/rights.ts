/** Rights and quotas, as Kafka has them (ACLs, KIP-546), and the audit log. */

import { systemTopicPrefix } from '../../backend/access.ts'
import {
  type AclFilter,
  createAcls,
  deleteAcls,
  listAcls,
  mistakeOfNewAcl,
  type NewAcl,
} from '../../client/admin/acls.ts'
import {
  alterQuotas,
  listQuotas,
  type QuotaChanges,
  type QuotaEntity,
} from '../../client/admin/quotas.ts'
import {
  aclOperations,
  patternTypes,
  permissions,
  resourceTypes,
} from '../../protocol/acl-codes.ts'
import { jsonReply } from '../http-exchange.ts'
import { anyObject, jsonContent, readJsonBody } from '../json-body.ts'
import { HttpError } from '../problem.ts'
import type { Call, Route } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'

/** As long as what is kept may be, so that none of several is refused once others are given. */
const nameLengthMax = 1000
const principal: Schema = {
  type: 'string',
  pattern: '^[A-Za-z]+:.+$',
  maxLength: nameLengthMax,
  example: 'User:alice',
}

const parts: { readonly [name: string]: Schema } = {
  principal,
  host: {
    type: 'string',
    minLength: 1,
    maxLength: nameLengthMax,
    description: 'An address; * stands for all.',
  },
  type: { type: 'string', enum: Object.keys(resourceTypes) },
  name: {
    type: 'string',
    minLength: 1,
    maxLength: nameLengthMax,
    description: 'Of the resource; * stands for all.',
  },
  pattern: { type: 'string', enum: Object.keys(patternTypes) },
  operation: { type: 'string', enum: Object.keys(aclOperations) },
  permission: { type: 'string', enum: Object.keys(permissions) },
}

const aclSchema: Schema = {
  type: 'object',
  properties: parts,
  required: ['principal', 'type', 'name', 'operation'],
}

const createSchema: Schema = {
  type: 'object',
  properties: { acls: { type: 'array', items: aclSchema, minItems: 1, maxItems: 1000 } },
  required: ['acls'],
}

/** What is left out is any; an empty one would take away all rights of everybody, also of whoever asks. */
const filterSchema: Schema = { type: 'object', properties: parts, minProperties: 1 }

const entitySchema: Schema = {
  type: 'object',
  description: 'Whom it is for; null stands for all that have none of their own.',
  properties: {
    user: { type: ['string', 'null'] },
    clientId: { type: ['string', 'null'] },
    ip: { type: ['string', 'null'] },
  },
}

const quotaSchema: Schema = {
  type: 'object',
  properties: {
    entity: entitySchema,
    quotas: {
      type: 'object',
      description: "By Kafka's names, such as producer_byte_rate; null takes one away.",
      additionalProperties: { type: ['number', 'null'] },
    },
  },
  required: ['entity', 'quotas'],
}

const aclsSchema: Schema = {
  type: 'object',
  properties: { acls: { type: 'array', items: { type: 'object', properties: parts } } },
}

/** `readTopic` reads the audit log as any other topic is read. */
export function rightsRoutes({ config, callers }: Services, readTopic: Route): Route[] {
  return [
    {
      ...{ method: 'GET', path: '/v1/acls', id: 'listAcls', tag: 'access' },
      summary: 'Rights, as Kafka has them.',
      query: Object.fromEntries(
        Object.entries(parts).map(([name, schema]) => [
          name,
          { schema, description: 'Only these. Default: any.' },
        ]),
      ),
      answers: { 200: { description: 'The rights.', content: jsonContent(aclsSchema) } },
      serve: ({ session, query }) =>
        callers.with(session, async ({ cluster }) =>
          jsonReply(200, { acls: await listAcls(cluster, query as AclFilter) }),
        ),
    },
    {
      ...{ method: 'POST', path: '/v1/acls', id: 'createAcls', tag: 'access' },
      summary: 'Give or deny rights.',
      body: { description: 'The rights.', required: true, content: jsonContent(createSchema) },
      answers: { 204: { description: 'They hold.' } },
      async serve({ request, session }) {
        const { acls } = await readJsonBody<{ acls: NewAcl[] }>(request, config, createSchema)
        checkAll(acls)
        return callers.with(session, async ({ cluster }) => {
          await createAcls(cluster, acls)
          return { status: 204, headers: {} }
        })
      },
    },
    {
      ...{ method: 'POST', path: '/v1/acls:delete', id: 'deleteAcls', tag: 'access' },
      summary: 'Take rights away: all that fit.',
      body: {
        description: 'Which: what is left out is any, but not all may be.',
        required: true,
        content: jsonContent(filterSchema),
      },
      answers: { 200: { description: 'Those that are gone.', content: jsonContent(aclsSchema) } },
      async serve({ request, session }) {
        const filter = await readJsonBody<AclFilter>(request, config, filterSchema)
        return callers.with(session, async ({ cluster }) =>
          jsonReply(200, { acls: await deleteAcls(cluster, filter) }),
        )
      },
    },
    {
      ...{ method: 'GET', path: '/v1/quotas', id: 'listQuotas', tag: 'access' },
      summary: 'Quotas of users, clients and addresses.',
      answers: { 200: { description: 'The quotas.', content: jsonContent(anyObject) } },
      serve: ({ session }) =>
        callers.with(session, async ({ cluster }) =>
          jsonReply(200, { quotas: await listQuotas(cluster) }),
        ),
    },
    {
      ...{ method: 'POST', path: '/v1/quotas', id: 'alterQuotas', tag: 'access' },
      summary: 'Set quotas, or take them away.',
      body: { description: 'Whose, and which.', required: true, content: jsonContent(quotaSchema) },
      answers: { 204: { description: 'They hold.' } },
      async serve({ request, session }) {
        const { entity, quotas } = await readJsonBody<{
          entity: QuotaEntity
          quotas: QuotaChanges
        }>(request, config, quotaSchema)
        return callers.with(session, async ({ cluster }) => {
          await alterQuotas(cluster, entity, quotas)
          return { status: 204, headers: {} }
        })
      },
    },
    {
      ...readTopic,
      ...{ path: '/v1/audit', id: 'readAudit', tag: 'access' },
      summary: 'The audit log: who did what, with which key, and whether it was allowed.',
      serve: (call) => readTopic.serve(onAuditTopic(call)),
    },
  ]
}

/** One that would be refused keeps all from being given. */
function checkAll(acls: readonly NewAcl[]): void {
  for (const [i, acl] of acls.entries()) {
    const mistake = mistakeOfNewAcl(acl)
    if (mistake === undefined) continue
    const pointer = `/acls/${i}/name`
    throw new HttpError(400, `The body's ${pointer} ${mistake}`, {
      code: 'INVALID_REQUEST',
      more: { pointer },
    })
  }
}

function onAuditTopic(call: Call): Call {
  return {
    request: call.request,
    requestId: call.requestId,
    params: { topic: `${systemTopicPrefix}audit` },
    query: call.query,
    session: call.session,
    get signal() {
      return call.signal
    },
  }
}
