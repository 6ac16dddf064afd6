/** Reading records: some, with a cursor to go on; as they come, as server-sent events or lines; or one. */
import type { Cluster } from '../../client/cluster.ts'
import { parseDuration } from '../../core/duration.ts'
import { OffsetOutOfRangeError } from '../../core/errors.ts'
import type { HttpReply } from '../http-exchange.ts'
import { HttpError } from '../problem.ts'
import { writeCursor } from '../records/cursor.ts'
import { before, moved } from '../records/ending-place.ts'
import { liveStream } from '../records/live-stream.ts'
import { recordChoice } from '../records/record-choice.ts'
import { briefRecordJson, type ReadRecord, readRecordSchema } from '../records/record-json.ts'
import { RecordReader } from '../records/record-reader.ts'
import { startingPlace } from '../records/starting-place.ts'
import { type Call, type Route, wrong } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'

const pageSchema: Schema = {
  type: 'object',
  properties: {
    records: { type: 'array', items: readRecordSchema },
    cursor: { type: 'string', description: 'Where to go on: the next `from`.' },
    isAtEnd: { type: 'boolean', description: 'Whether there was nothing more.' },
  },
  required: ['records', 'cursor', 'isAtEnd'],
}

/** One answer looks through no more than so many fetches for a key. */
const scansMax = 16
const defaultLimit = 500

export function consumeRoutes(services: Services): Route[] {
  const { config, callers, runtime, streams, closed } = services
  return [
    {
      method: 'GET',
      path: '/v1/topics/{topic}/records',
      id: 'readRecords',
      tag: 'records',
      summary:
        'Read records: some and a cursor, or with Accept text/event-stream or application/x-ndjson as they come.',
      takesTicket: true,
      query: {
        from: {
          schema: { type: 'string', default: 'earliest' },
          description:
            'earliest, latest, latest-100 (so many before the end of each partition), a time ago (-1h), a time (ISO 8601 or epoch milliseconds), an offset (@100), or the cursor of an answer. Default: earliest; of a stream of events latest.',
        },
        to: {
          schema: { type: 'string' },
          description:
            'Where to stop, as from says where to begin; latest is the end as it is now. The answer is then at its end there, and so is its cursor; a stream ends. Default: nowhere.',
        },
        partition: {
          schema: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
          description: 'Only this one. Default: all.',
        },
        key: { schema: { type: 'string' }, description: 'Only records with this key.' },
        filter: {
          schema: { type: 'string' },
          description:
            'Only records that fit an expression over key, value, text, headers, topic, partition, offset and timestamp, such as value.amount > 99 && key.startsWith("a").',
        },
        maxValueBytes: {
          schema: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
          description:
            'Of a longer value only its beginning is told, as valueText or valueBase64, with its length as valueBytes. Default: values are whole.',
        },
        limit: {
          schema: { type: 'integer', minimum: 1, maximum: config.maxRecords },
          description: `At most so many records. Default: ${defaultLimit}; of a stream without end.`,
        },
        wait: {
          schema: { type: 'string' },
          description:
            'How long to wait for records when there are none, such as 30s. Default: not at all; of a stream without end.',
        },
      },
      headers: {
        'Last-Event-ID': 'The cursor that a browser has seen last; counts for more than from.',
      },
      answers: {
        200: {
          description: 'The records; of a partition in order.',
          content: {
            'application/json': pageSchema,
            'text/event-stream': {
              type: 'string',
              description: 'Events: data is a record, id the cursor after it.',
            },
            'application/x-ndjson': {
              type: 'string',
              description: 'A record a line, and lines with a cursor.',
            },
          },
        },
      },
      serve(call) {
        const format = formatOf(call.request.header('accept'))
        return format === 'json' ? page(call) : live(call, format)
      },
    },
    {
      method: 'GET',
      path: '/v1/topics/{topic}/partitions/{partition}/records/{offset}',
      id: 'readRecord',
      tag: 'records',
      summary: 'Read one record.',
      query: {
        maxValueBytes: {
          schema: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
          description: 'As of readRecords. Default: the value is whole.',
        },
      },
      answers: {
        200: { description: 'The record.', content: { 'application/json': readRecordSchema } },
        404: { description: 'There is no record at this offset (any more).' },
      },
      serve: one,
    },
    {
      method: 'GET',
      path: '/v1/topics/{topic}/partitions/{partition}/records/{offset}/value',
      id: 'readValue',
      tag: 'records',
      summary: 'The value of one record, byte for byte, as a file.',
      answers: {
        200: { description: 'The value.', content: { 'application/octet-stream': {} } },
        404: { description: 'There is no record at this offset (any more), or it has no value.' },
      },
      serve: value,
    },
  ]

  function shown(record: ReadRecord, { maxValueBytes }: Call['query']): string {
    const max = (maxValueBytes as number | undefined) ?? Number.POSITIVE_INFINITY
    return briefRecordJson(record, config.maxJsonDepth, max)
  }

  async function page(call: Call): Promise<HttpReply> {
    const { params, query, session } = call
    const topic = params.topic!
    const limit = (query.limit as number | undefined) ?? Math.min(defaultLimit, config.maxRecords)
    const waitMs = waitOf(query.wait) ?? 0
    const signal = AbortSignal.any([call.signal, closed])
    return callers.with(session, async ({ cluster }) => {
      const from = fromOf(query.from, 'earliest')
      const partition = query.partition as number | undefined
      const { info, offsets } = await startingPlace(cluster, { topic, partition, from })
      const ends = await endsOf(cluster, topic, query)
      const wants = recordChoice({ ...choiceOf(query), ends })
      const reader = new RecordReader(cluster, topic, info.id)
      const deadline = runtime.monotonicNow() + waitMs
      const records: ReadRecord[] = []
      let next: ReadonlyMap<number, bigint> = offsets
      let isAtEnd = false
      try {
        for (let scans = 0; scans < scansMax; scans++) {
          const leftMs = records.length > 0 ? 0 : Math.max(0, deadline - runtime.monotonicNow())
          const open = ends ? before(next, ends) : next
          if (open.size === 0) {
            isAtEnd = true
            break
          }
          const result = await reader.read(open, {
            ...{ maxRecords: limit - records.length, maxBytes: config.maxReadBytes },
            ...{ waitMs: isAtEnd ? leftMs : 0, signal, wants },
          })
          for (const record of result.records) records.push(record)
          next = moved(next, result.next, ends)
          isAtEnd = ends ? before(next, ends).size === 0 : result.isAtEnd
          const isOver = isAtEnd && runtime.monotonicNow() >= deadline
          if (records.length >= limit || isOver || (records.length > 0 && isAtEnd)) break
          if (records.length > 0 && wants === undefined) break
          if (isAtEnd) scans = 0
        }
      } finally {
        reader.release()
      }
      const parts = records.map((record) => shown(record, query))
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: `{"records":[${parts.join(',')}],"cursor":"${writeCursor(info.id, next)}","isAtEnd":${isAtEnd}}`,
      }
    })
  }

  async function live(call: Call, format: 'events' | 'lines'): Promise<HttpReply> {
    const { params, query, session, request } = call
    const topic = params.topic!
    const seen = request.header('last-event-id')
    if (request.method === 'HEAD') return { status: 200, headers: headersOfLive(format) }
    const from = seen ?? fromOf(query.from, format === 'events' ? 'latest' : 'earliest')
    const endStream = streams.take(session)
    const { caller, release } = callers.hold(session)
    const end = () => {
      endStream()
      release()
    }
    try {
      const partition = query.partition as number | undefined
      const { info, offsets } = await startingPlace(caller.cluster, { topic, partition, from })
      const ends = await endsOf(caller.cluster, topic, query)
      const body = liveStream({
        reader: new RecordReader(caller.cluster, topic, info.id),
        ...{ topicId: info.id, offsets, ends, format },
        limit: query.limit as number | undefined,
        waitMs: waitOf(query.wait),
        ...{
          pingMs: config.ping,
          maxRecords: config.maxRecords,
        },
        maxBytes: Math.min(config.maxReadBytes, 1_048_576),
        wants: recordChoice({ ...choiceOf(query), ends }),
        json: (record) => shown(record, query),
        signal: AbortSignal.any([call.signal, closed]),
        now: () => runtime.monotonicNow(),
        onEnd: end,
      })
      return {
        status: 200,
        headers: headersOfLive(format),
        body,
      }
    } catch (error) {
      end()
      throw error
    }
  }

  async function one(call: Call): Promise<HttpReply> {
    return withRecord(call, (record) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: shown(record, call.query),
    }))
  }

  async function value(call: Call): Promise<HttpReply> {
    return withRecord(call, ({ topic, partition, offset, value: bytes }) => {
      if (bytes === null) throw noRecord(topic, partition, offset)
      return {
        status: 200,
        headers: {
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename="${topic}-${partition}-${offset}.bin"`,
        },
        // What was fetched is given back to the connection.
        body: bytes.slice(),
      }
    })
  }

  async function withRecord(
    { params, session, signal }: Call,
    reply: (record: ReadRecord) => HttpReply,
  ): Promise<HttpReply> {
    const topic = params.topic!
    const partition = numberOf(params.partition!, 'partition')
    const offset = offsetOf(params.offset!)
    return callers.with(session, async ({ cluster }) =>
      reply(await readOne(cluster, { topic, partition, offset }, config.maxReadBytes, signal)),
    )
  }

  function waitOf(given: unknown): number | undefined {
    if (given === undefined) return undefined
    const wait = String(given)
    try {
      const ms = parseDuration(/^\d+$/.test(wait) ? Number(wait) : wait, 'wait')
      return Math.min(ms, config.maxWait)
    } catch {
      throw wrong('wait', `must be a time such as 30s or 500ms; got '${wait.slice(0, 100)}'`)
    }
  }
}

function headersOfLive(format: 'events' | 'lines'): HttpReply['headers'] {
  return {
    'content-type':
      format === 'events' ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson',
    // Who is in between must neither keep it nor wait for more to compress.
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  }
}

type Format = 'json' | 'events' | 'lines'

const formats: { readonly [mediaType: string]: Format } = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'text/event-stream': 'events',
  'text/*': 'events',
  'application/x-ndjson': 'lines',
  'application/jsonl': 'lines',
}

/** What the caller would rather have: of the greatest weight (`;q=`), and of those the first. */
function formatOf(accept: string | undefined): Format {
  if (accept === undefined) return 'json'
  let best: Format | undefined
  let bestWeight = 0
  for (const one of accept.split(',')) {
    const [type, ...parameters] = one.split(';').map((part) => part.trim().toLowerCase())
    const format = Object.hasOwn(formats, type!) ? formats[type!] : undefined
    const weight = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1)
    if (!format || !(weight > bestWeight)) continue
    best = format
    bestWeight = weight
  }
  if (best) return best
  throw new HttpError(
    406,
    `Records can be had as application/json, application/x-ndjson or text/event-stream; got '${accept.slice(0, 100)}'`,
    { code: 'NOT_ACCEPTABLE' },
  )
}

function fromOf(given: unknown, fallback: string): string {
  return given === undefined ? fallback : String(given)
}

function choiceOf(query: Call['query']): { key: string | undefined; filter: string | undefined } {
  return { key: query.key as string | undefined, filter: query.filter as string | undefined }
}

/** Where `to` is; undefined: there is none. */
async function endsOf(
  cluster: Cluster,
  topic: string,
  { to, partition }: Call['query'],
): Promise<ReadonlyMap<number, bigint> | undefined> {
  if (to === undefined) return undefined
  const only = partition as number | undefined
  const wanted = { topic, partition: only, from: String(to), name: 'to' }
  return (await startingPlace(cluster, wanted)).offsets
}

function numberOf(text: string, name: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= 2_147_483_647) return Number(text)
  throw wrong(name, `must be a whole number from 0 on; got '${text.slice(0, 100)}'`)
}

function offsetOf(text: string): bigint {
  if (/^\d{1,19}$/.test(text) && BigInt(text) < 2n ** 63n) return BigInt(text)
  throw wrong('offset', `must be a whole number from 0 on; got '${text.slice(0, 100)}'`)
}

/** The record at an offset. Throws `HttpError` 404. */
export async function readOne(
  cluster: Cluster,
  { topic, partition, offset }: { topic: string; partition: number; offset: bigint },
  maxBytes: number,
  signal: AbortSignal,
): Promise<ReadRecord> {
  const { info } = await startingPlace(cluster, { topic, partition, from: 'latest' })
  const reader = new RecordReader(cluster, info.name, info.id)
  try {
    const { records } = await reader.read(new Map([[partition, offset]]), {
      ...{ maxRecords: 1, maxBytes, waitMs: 0, signal },
    })
    const [record] = records
    if (record?.offset !== offset) throw noRecord(topic, partition, offset)
    return record
  } catch (error) {
    throw error instanceof OffsetOutOfRangeError ? noRecord(topic, partition, offset, error) : error
  } finally {
    reader.release()
  }
}

function noRecord(topic: string, partition: number, offset: bigint, cause?: unknown): HttpError {
  return new HttpError(
    404,
    `There is no record at offset ${offset} of ${topic}-${partition}: it is not there yet, was removed, or is one that only marks the end of a transaction`,
    { code: 'RECORD_NOT_FOUND', cause },
  )
}
