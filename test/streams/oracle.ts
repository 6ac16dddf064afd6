/**
 * Runs the oracle's cases: its little language onto the public API. `buildCase` writes a case's topology down for whoever
 * runs it; `runCase` runs it on the test driver, `runCaseOnBroker` in an application.
 */
import { isDeepStrictEqual } from 'node:util'
import { decodeUtf8, encodeUtf8 } from '../../src/core/bytes.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { nextTurn } from '../../src/core/turn.ts'
import { bytes, type Client, Message, topic as rawTopic } from '../../src/index.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import type { StoreReader } from '../../src/streams/dsl/stream-run.ts'
import { StreamProcessingError } from '../../src/streams/task/errors.ts'
import type { StreamOnError } from '../../src/streams/task/stream-error-policy.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'
import type { OutputRecord } from '../../src/testing/streams/test-record.ts'
import { createTopics, readToEnd } from '../client/stream-topics.ts'
import type { OracleCase, OracleOutput } from './oracle-case.ts'
import { buildCase } from './oracle-topology.ts'

const handlers = {
  decode: 'deserialization.exception.handler',
  process: 'processing.exception.handler',
  produce: 'production.exception.handler',
} as const
const deadLetterOption = 'errors.dead.letter.queue.topic.name'

/** What a case writes, in the form of the file. */
export function runCase(oneCase: OracleCase): OracleOutput[] {
  return runToEnd(oneCase).output
}

/** The same, and which input stopped it. `before` each input something may be done to the driver: what comes must be the same. */
export function runToEnd(
  oneCase: OracleCase,
  before: (driver: StreamTestDriver, index: number) => void = () => undefined,
): { output: OracleOutput[]; error?: number } {
  const topics = topicsOf(oneCase)
  const driver = new StreamTestDriver(
    (app: StreamBuilder) => {
      buildCase(oneCase.topology, app)
    },
    { app: 'oracle', onError: onErrorOf(oneCase) },
  )
  const output: OracleOutput[] = []
  for (const [index, input] of oneCase.input.entries()) {
    const { topic, key, value, rawValue, timestamp, headers } = input
    before(driver, index)
    let isStopped = false
    try {
      const data = rawValue === undefined ? (value ?? null) : encodeUtf8(rawValue)
      driver.send(topic, data, { key, timestamp, ...(headers && { headers }) })
    } catch (error) {
      if (!(error instanceof StreamProcessingError) || error.cause instanceof ConfigError)
        throw error
      isStopped = true
    }
    for (const topic of topics) {
      output.push(...driver.read(topic).map((record) => outputOf(record, index)))
    }
    if (isStopped) return { output, error: index }
  }
  return { output }
}

/** Topics that a case writes. */
export function topicsOf({ topology, config }: OracleCase): string[] {
  const topics = topology.flatMap(({ op, topic }) => (op === 'to' && topic ? [topic] : []))
  const deadLetters = config?.[deadLetterOption]
  return [...new Set(deadLetters ? [...topics, deadLetters] : topics)]
}

/** Each of Kafka Streams' handlers says whether to go on; then the dead letters get what there is a topic for. */
export function onErrorOf({ config }: OracleCase): StreamOnError {
  const deadLetter = config?.[deadLetterOption]
  return (_error, _record, where) => {
    if (!config?.[handlers[where]]?.includes('Continue')) return 'stop'
    return deadLetter ? { deadLetter } : 'skip'
  }
}

type Headers = NonNullable<OracleOutput['headers']>

/** In the form of the file, from a record that was read as JSON (or as text where it is none). */
export function outputOf(record: OutputRecord<unknown, unknown>, input: number): OracleOutput {
  const { topic, timestampMs, headers } = record
  const isDeadLetter = 'original-topic' in headers
  return {
    topic,
    ...keyOf(record.key),
    ...(isDeadLetter && typeof record.value === 'string'
      ? textOf(record.value)
      : { value: record.value }),
    timestamp: timestampMs,
    input,
    ...(Object.keys(headers).length > 0 ? { headers: kafkaHeaders(headers) } : {}),
  }
}

/** As the file has what is no JSON. */
function textOf(text: string): Pick<OracleOutput, 'value' | 'rawValue'> {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return { rawValue: text }
  }
}

/** The key of a window is JSON: `{ key, start, end }`. */
function keyOf(key: unknown): Pick<OracleOutput, 'key' | 'window'> {
  if (typeof key !== 'object' || key === null) return { key }
  const {
    key: inner,
    start,
    end,
  } = JSON.parse(JSON.stringify(key)) as {
    readonly [name: string]: unknown
  }
  return { key: inner, window: { start: Number(start), end: Number(end) } }
}

/** Where a dead letter came from, under the names that Kafka Streams gives it. */
function kafkaHeaders(headers: Headers): Headers {
  const names: { readonly [ours: string]: string } = {
    'original-topic': '__streams.errors.topic',
    'original-partition': '__streams.errors.partition',
    'original-offset': '__streams.errors.offset',
  }
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [names[name] ?? name, value]),
  )
}

let runs = 0

/** Runs a case on a broker, and gives what it writes: in the form of the file, but nobody knows of which input. */
export async function runCaseOnBroker(oneCase: OracleCase, kafka: Client): Promise<OracleOutput[]> {
  const { topology, input } = oneCase
  const outputs = topicsOf(oneCase)
  const globals = topology.flatMap(({ op, topic }) => (op === 'globalTable' ? [topic!] : []))
  const inputs = topology.flatMap(({ op, topic }) => (op !== 'to' && topic ? [topic] : []))
  await createTopics(kafka, 1, ...new Set([...inputs, ...outputs]))
  // One that has run before would go on where that has stopped, for a moment after its topics were deleted.
  const name = `oracle-${++runs}`
  const app = kafka.streams({ app: name, onError: onErrorOf(oneCase), commitInterval: '5ms' })
  buildCase(topology, app)
  const run = await app.start()
  const sent = new Map<string, bigint>()
  let last: string | undefined
  for (const { topic, key, value, rawValue, timestamp, headers } of input) {
    // Tasks take the oldest record of several topics first; the oracle took them as they come here. And what is asked of another
    // table is not answered when another question has come meanwhile.
    const isAsking = topology.some(({ foreignKey }) => foreignKey !== undefined)
    if (last !== undefined && (topic !== last || isAsking)) await whenDone(kafka, name, sent)
    last = topic
    const raw = rawTopic<Uint8Array>(topic, { value: bytes })
    const json = value === undefined || value === null ? null : encodeUtf8(JSON.stringify(value))
    const data = rawValue === undefined ? json : encodeUtf8(rawValue)
    const options = { ...(key !== null && { key }), ...(headers && { headers }) }
    const message = new Message(data, { ...options, timestamp: new Date(timestamp) })
    await kafka.producer(raw).sendBatch([message])
    if (!globals.includes(topic)) sent.set(topic, (sent.get(topic) ?? 0n) + 1n)
    else await whenRead(run.store(storeOf(oneCase, topic)), String(key), value ?? null)
  }
  await whenDone(kafka, name, sent)
  await run.close()
  const written = await Promise.all(outputs.map((topic) => readToEnd(kafka, topic)))
  return written.flatMap((records, i) =>
    records.map(({ key, value, timestamp, headers }) => {
      const record = { topic: outputs[i]!, timestampMs: timestamp, headers }
      const read = { ...record, key: keyFrom(key), value: valueFrom(value) }
      return outputOf(read as OutputRecord<unknown, unknown>, 0)
    }),
  )
}

/** Resolves when the application has committed so much of each topic. */
async function whenDone(
  kafka: Client,
  app: string,
  sent: ReadonlyMap<string, bigint>,
): Promise<void> {
  for (;;) {
    const { partitions } = await kafka.admin.describeGroup(app)
    const committed = new Map(partitions.map((one) => [one.topic, one.committed ?? 0n]))
    if ([...sent].every(([topic, count]) => (committed.get(topic) ?? 0n) >= count)) return
  }
}

/** Resolves when a global table has a value. */
async function whenRead(store: StoreReader, key: string, value: unknown): Promise<void> {
  while (!isDeepStrictEqual(store.get(key) ?? null, value)) await nextTurn()
}

function storeOf({ topology }: OracleCase, topic: string): string {
  const node = topology.find((one) => one.op === 'globalTable' && one.topic === topic)
  return node?.store ?? 'globalTable-1'
}

function keyFrom(key: Uint8Array | null): unknown {
  const text = key && decodeUtf8(key)
  return text?.startsWith('{"key":') ? JSON.parse(text) : text
}

function valueFrom(value: Uint8Array | null): unknown {
  if (value === null) return null
  const text = decodeUtf8(value)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
