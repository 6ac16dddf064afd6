/** The OpenAPI 3.1 document, made from the routes. */
import { version } from '../core/version.ts'
import type { Route } from './route.ts'
import type { Schema } from './schema.ts'

export const problemSchema: Schema = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What happened, to what, and what to do.' },
    code: { type: 'string', description: "The error's name; Kafka's own where there is one." },
    kafkaError: {
      type: 'string',
      description: "Kafka's name of the error, if it is one of Kafka's.",
    },
    retriable: { type: 'boolean', description: 'Whether the same request may succeed later.' },
    outcome: {
      type: 'string',
      enum: ['failed', 'unknown'],
      description: 'failed: it did not happen; unknown: it may have.',
    },
    requestId: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'retriable', 'outcome', 'requestId'],
  additionalProperties: true,
}

export function openApiDocument(routes: readonly Route[]): object {
  const paths: { [path: string]: { [method: string]: object } } = {}
  for (const route of routes) {
    paths[route.path] ??= {}
    paths[route.path]![route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'kafka-do',
      version,
      description: 'Topics, records and groups of a Kafka cluster over HTTP.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key, where the service asks for one.',
        },
      },
      schemas: { Problem: problemSchema },
      responses: {
        Problem: {
          description: 'The request failed.',
          content: {
            'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          },
        },
      },
    },
  }
}

function operationOf(route: Route): object {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: pathSchemas[name!] ?? { type: 'string', minLength: 1 },
  }))
  const inQuery = Object.entries(route.query ?? {}).map(([name, { schema, description }]) => ({
    name,
    in: 'query',
    description,
    schema,
  }))
  const inHeader = Object.entries(route.headers ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  }))
  const ticket = route.takesTicket
    ? [
        {
          name: 'ticket',
          in: 'query',
          description: 'A ticket in the place of a key: POST /v1/tickets.',
          schema: { type: 'string' },
        },
      ]
    : []
  const { body } = route
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.isOpen && { security: [] }),
    parameters: [...inPath, ...inQuery, ...inHeader, ...ticket],
    ...(body && {
      requestBody: {
        description: body.description,
        required: body.required,
        content: contentOf(body.content),
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, { description, content }]) => [
          status,
          { description, ...(content && { content: contentOf(content) }) },
        ]),
      ),
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

const pathSchemas: { readonly [name: string]: Schema } = {
  topic: { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,249}$' },
  partition: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
  offset: { type: 'string', pattern: '^[0-9]{1,19}$' },
}

function contentOf(content: { readonly [mediaType: string]: Schema }): object {
  return Object.fromEntries(
    Object.entries(content).map(([mediaType, schema]) => [mediaType, { schema }]),
  )
}
