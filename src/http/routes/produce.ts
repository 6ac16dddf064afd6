/** Writing records: one, whose value is the body as it is, or many, in JSON or line by line. */
import { BatchError, type RecordMetadata } from '../../client/producer/delivery.ts'
import { Message, type SendOptions } from '../../client/producer/send-options.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import { mediaTypeOf, readBody, readChunks, whileOpen } from '../body.ts'
import type { HttpReply, HttpRequest } from '../http-exchange.ts'
import { jsonReply } from '../http-exchange.ts'
import { checkUtf8 } from '../json-scanner.ts'
import { HttpError, problemOf, statusOf } from '../problem.ts'
import { resultsSchema, storedSchema, writtenRecordSchema } from '../records/record-json.ts'
import { storeLines } from '../records/record-lines.ts'
import { resultsJson, storedJson } from '../records/stored-json.ts'
import { readRecords, readTimestamp } from '../records/written-records.ts'
import { type Call, type Route, wrong } from '../route.ts'
import type { Services } from '../services.ts'
import type { WriteOnce } from '../write-once.ts'

const headerPrefix = 'kafka-header-'

const idempotencyHeader = {
  'Idempotency-Key':
    'A name for this request, of up to 255 characters: when it comes again, the first answer is given and nothing is written.',
}

export function produceRoutes(services: Services, once: WriteOnce): Route[] {
  const { config, callers, closed } = services
  return [
    {
      method: 'POST',
      path: '/v1/topics/{topic}/records',
      id: 'produceRecord',
      tag: 'records',
      summary: 'Store one record: the body is its value, byte for byte.',
      query: {
        key: {
          schema: { type: 'string' },
          description: 'Records with the same key keep their order.',
        },
        partition: {
          schema: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
          description: 'Default: chosen by the key.',
        },
        timestamp: {
          schema: { type: 'string' },
          description: 'Event time: ISO 8601, or epoch milliseconds. Default: now.',
        },
        tombstone: {
          schema: { type: 'boolean' },
          description:
            'No value at all, which deletes the key in a compacted topic. The body must be empty.',
        },
        expectedOffset: {
          schema: { type: 'string', pattern: '^[0-9]{1,19}$' },
          description:
            'The offset at which the partition must end; else nothing is written, and the answer is 412 with the actual one. Needs a partition.',
        },
      },
      headers: {
        ...idempotencyHeader,
        'Kafka-Header-{name}': 'A header of the record; names are taken in small letters.',
      },
      body: { description: 'The value.', required: false, content: { '*/*': {} } },
      answers: {
        200: { description: 'It is stored.', content: { 'application/json': storedSchema } },
      },
      async serve(call) {
        const { request, params, query, session } = call
        const body = await readBody(request, config)
        const isTombstone = query.tombstone === true
        if (isTombstone && body.length > 0) throw wrong('tombstone', 'is for an empty body')
        const value = isTombstone ? null : body
        const options = optionsOf(call)
        const topic = params.topic!
        const key = request.header('idempotency-key')
        if (key !== undefined || query.expectedOffset !== undefined) {
          const expectedOffset = query.expectedOffset as string | undefined
          if (expectedOffset !== undefined && options.partition === undefined)
            throw wrong('expectedOffset', 'needs a partition')
          return once.one({
            ...{ session, topic, value, options, key, request },
            expectedOffset: expectedOffset === undefined ? undefined : BigInt(expectedOffset),
          })
        }
        const metadata = await callers.with(session, (caller) => caller.send(topic, value, options))
        return stored(metadata)
      },
    },
    {
      method: 'POST',
      path: '/v1/topics/{topic}/records:batch',
      id: 'produceRecords',
      tag: 'records',
      summary: 'Store many records, in order: a list in JSON, or one a line of any number.',
      headers: idempotencyHeader,
      body: {
        description: 'With an Idempotency-Key it is JSON, and all are stored or none is.',
        required: true,
        content: {
          'application/json': {
            type: 'object',
            properties: {
              records: {
                type: 'array',
                items: writtenRecordSchema,
                minItems: 1,
                maxItems: config.maxRecords,
              },
            },
            required: ['records'],
          },
          'application/x-ndjson': { type: 'string', description: 'One record a line.' },
        },
      },
      answers: {
        200: { description: 'All are stored.', content: { 'application/json': resultsSchema } },
        207: { description: 'Some are stored.', content: { 'application/json': resultsSchema } },
      },
      serve: (call) => {
        const type = mediaTypeOf(call.request, [
          ...['application/json', 'application/x-ndjson', 'application/jsonl'],
        ])
        return type === 'application/json' ? storeJson(call) : storeNdjson(call)
      },
    },
  ]

  async function storeJson({ request, params, session }: Call): Promise<HttpReply> {
    const body = await readBody(request, config)
    checkUtf8(body)
    const records = readRecords(body, config)
    const topic = params.topic!
    const key = request.header('idempotency-key')
    if (key !== undefined) return once.many({ session, topic, records, key, request, body })
    const messages = records.map(({ value, options }) => new Message(value, options))
    try {
      const results = await callers.with(session, (caller) =>
        caller.bytesProducer(topic).sendBatch(messages),
      )
      return json(200, resultsJson(results))
    } catch (error) {
      if (!(error instanceof BatchError)) throw error
      return partly(error.results)
    }
  }

  async function storeNdjson({ request, params, session }: Call): Promise<HttpReply> {
    if (request.header('idempotency-key') !== undefined) {
      throw wrong(
        'Idempotency-Key',
        'is for a single record, or a batch in JSON: lines of any number are stored as they come',
      )
    }
    const limits = { maxJsonDepth: config.maxJsonDepth, maxLineBytes: config.maxBodyBytes }
    const chunks = whileOpen(readChunks(request), closed)
    const { status, body } = await callers.with(session, (caller) =>
      storeLines(caller.bytesProducer(params.topic!), chunks, limits),
    )
    return jsonReply(status, body)
  }
}

/** Throws the error of all of them where none is stored: of one that may be, where there is one, as it matters most. */
function partly(results: readonly (RecordMetadata | KafkaError)[]): HttpReply {
  const errors = results.filter((result) => result instanceof KafkaError)
  if (errors.length < results.length) return json(207, resultsJson(results))
  const worst = errors.find(({ outcome }) => outcome === 'unknown') ?? errors[0]!
  const { message, code, retriable, outcome } = worst
  throw new HttpError(statusOf(worst), message, {
    ...{ code, retriable, outcome, cause: worst },
    more: {
      stored: 0,
      failed: errors.length,
      records: errors.map((error) => ({ error: problemOf(error) })),
    },
  })
}

export function stored(metadata: RecordMetadata): HttpReply {
  const { topic, partition, offset } = metadata
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      location: `/v1/topics/${topic}/partitions/${partition}/records/${offset}`,
    },
    body: storedJson(metadata),
  }
}

function json(status: number, body: string): HttpReply {
  return { status, headers: { 'content-type': 'application/json' }, body }
}

function optionsOf({ query, request }: Call): SendOptions<Uint8Array> {
  const { key, partition, timestamp } = query
  const options: { -readonly [K in keyof SendOptions<Uint8Array>]: SendOptions<Uint8Array>[K] } = {}
  if (key !== undefined) options.key = encodeUtf8(String(key))
  if (partition !== undefined) options.partition = partition as number
  if (timestamp !== undefined) {
    const ms = readTimestamp(String(timestamp).replace(' ', '+'), true)
    if (ms === undefined) throw wrong('timestamp', 'must be ISO 8601 or epoch milliseconds')
    options.timestamp = ms
  }
  const headers = headersOf(request)
  if (headers.length > 0) options.headers = headers
  return options
}

/** Values are the bytes that were sent: HTTP gives each as one character. */
function headersOf(request: HttpRequest): [string, Uint8Array][] {
  return request.headersWith(headerPrefix).map(([name, value]) => {
    const bytes = new Uint8Array(value.length)
    for (let i = 0; i < value.length; i++) bytes[i] = value.charCodeAt(i)
    return [name, bytes]
  })
}
