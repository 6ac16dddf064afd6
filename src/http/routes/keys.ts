/** API keys, and tickets that stand in for one. */

import type { ApiKey, Guard } from '../../backend/guard.ts'
import { parseDuration } from '../../core/duration.ts'
import { KafkaError } from '../../core/errors.ts'
import { jsonReply } from '../http-exchange.ts'
import { anyObject, jsonContent, readJsonBody } from '../json-body.ts'
import { HttpError } from '../problem.ts'
import { readTimestamp } from '../records/written-records.ts'
import type { Route } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'
import type { Tickets } from '../tickets.ts'

const createSchema: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100, description: 'For people.' },
    scopes: {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: 300 },
      minItems: 1,
      maxItems: 100,
      description: 'What it may do: produce:orders.*, consume:orders.*@billing, admin.',
    },
    expires: { type: 'string', description: 'ISO 8601. Default: never.' },
  },
  required: ['name', 'scopes'],
}

const rotateSchema: Schema = {
  type: 'object',
  properties: {
    overlap: {
      type: ['string', 'integer'],
      description: 'How long the old secret is still taken, such as 1h. Default: not at all.',
    },
  },
}

export function keyRoutes(
  { config }: Services,
  guard: Guard | undefined,
  tickets: Tickets,
): Route[] {
  const keys = () => {
    if (guard) return guard.keys
    throw new KafkaError(
      'There are no keys: the service runs without access control (--access keys)',
      {
        code: 'SECURITY_DISABLED',
      },
    )
  }
  return [
    {
      ...{ method: 'GET', path: '/v1/keys', id: 'listKeys', tag: 'keys' },
      summary: 'API keys, without their secrets.',
      answers: { 200: { description: 'The keys.', content: jsonContent(anyObject) } },
      serve: async ({ session }) =>
        jsonReply(200, { keys: (await keys().list(session)).map(shown) }),
    },
    {
      ...{ method: 'POST', path: '/v1/keys', id: 'createKey', tag: 'keys' },
      summary: 'Make an API key, which may do no more than the one that makes it.',
      body: {
        description: 'Its name, and what it may do.',
        required: true,
        content: jsonContent(createSchema),
      },
      answers: {
        201: {
          description: 'The key: the only time that it is shown.',
          content: jsonContent(anyObject),
        },
      },
      async serve({ request, session }) {
        const { name, scopes, expires } = await readJsonBody(request, config, createSchema, {
          mayBeEmpty: true,
        })
        const expiresAt = expires === undefined ? undefined : readTimestamp(String(expires), true)
        if (expires !== undefined && expiresAt === undefined)
          throw new HttpError(400, "The body's /expires must be ISO 8601", {
            code: 'INVALID_REQUEST',
          })
        const options = { name: name as string, scopes: scopes as string[], expiresAt }
        const created = await keys().create(options, session)
        return jsonReply(201, { ...shown(created), key: created.key })
      },
    },
    {
      ...{ method: 'POST', path: '/v1/keys/{id}/rotate', id: 'rotateKey', tag: 'keys' },
      summary: 'Give a key a new secret.',
      body: {
        description: 'How long the old one is still taken.',
        required: false,
        content: jsonContent(rotateSchema),
      },
      answers: {
        200: {
          description: 'The key: the only time that it is shown.',
          content: jsonContent(anyObject),
        },
      },
      async serve({ request, session, params }) {
        const { overlap } = await readJsonBody(request, config, rotateSchema, { mayBeEmpty: true })
        let overlapMs = 0
        try {
          if (overlap !== undefined) overlapMs = parseDuration(overlap, 'overlap')
        } catch (error) {
          throw new HttpError(400, (error as Error).message, { code: 'INVALID_REQUEST' })
        }
        const rotated = await keys().rotate(params.id!, { overlapMs }, session)
        return jsonReply(200, { ...shown(rotated), key: rotated.key })
      },
    },
    {
      ...{ method: 'DELETE', path: '/v1/keys/{id}', id: 'revokeKey', tag: 'keys' },
      summary: 'Take a key and its rights away; what is open with it ends within a second.',
      answers: { 204: { description: 'It is gone.' } },
      async serve({ session, params }) {
        await keys().revoke(params.id!, session)
        return { status: 204, headers: {} }
      },
    },
    {
      ...{ method: 'POST', path: '/v1/tickets', id: 'createTicket', tag: 'keys' },
      summary: 'A ticket that stands in for the key once, in the URL of an EventSource.',
      answers: { 201: { description: 'The ticket.', content: jsonContent(anyObject) } },
      async serve({ session }) {
        const { ticket, expires } = await tickets.issue(session)
        return jsonReply(201, { ticket, expires: new Date(expires).toISOString() })
      },
    },
  ]
}

function shown({
  id,
  name,
  scopes,
  createdBy,
  createdAt,
  expiresAt,
  lastUsedAt,
  previousSecretUntil,
}: ApiKey): object {
  const time = (ms: number | undefined) =>
    ms === undefined ? undefined : new Date(ms).toISOString()
  return {
    ...{ id, name, scopes, createdBy, created: time(createdAt), expires: time(expiresAt) },
    ...{ lastUsed: time(lastUsedAt), previousSecretUntil: time(previousSecretUntil) },
  }
}
