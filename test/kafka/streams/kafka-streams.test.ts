/**
 * Beside Kafka Streams on one Apache Kafka: each reads what the other keeps and writes, and the same topology makes the same
 * of the same records.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveClientConfig } from '../../../src/client/config.ts'
import type { Connection } from '../../../src/connection/connection.ts'
import { embeddedOptions, openConnection } from '../../../src/entry/open-connection.ts'
import {
  bytes,
  Client,
  type Serializer,
  string,
  topic,
  Window,
  Windowed,
  windowedKey,
} from '../../../src/index.ts'
import type { StreamBuilder } from '../../../src/streams/dsl/stream-builder.ts'
import { readTopic } from '../../../src/testing/read-topic.ts'
import { createTopics, send } from '../../client/stream-topics.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { type ApacheKafka, startApacheKafka } from '../apache-kafka.ts'
import { describeJava } from '../describe-java.ts'
import { streamsClassPath } from '../java-class-path.ts'
import { type JavaProcess, startJava } from '../java-tools.ts'

const program = fileURLToPath(new URL('StreamsProgram.java', import.meta.url))
const patience = { timeout: 120_000, interval: 100 }

/** Numbers as Kafka Streams keeps them, int64. */
const long: Serializer<bigint> = {
  name: 'long',
  serialize(value) {
    const written = new Uint8Array(8)
    new DataView(written.buffer).setBigInt64(0, value)
    return written
  },
  deserialize: (data) => new DataView(data.buffer, data.byteOffset).getBigInt64(0),
}

describeJava('beside Kafka Streams', () => {
  let apache: ApacheKafka
  let kafka: Client
  let connection: Connection
  let folder: string
  const started: JavaProcess[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-kafka-streams-'))
    apache = await startApacheKafka()
    kafka = new Client(apache.url)
    connection = openConnection(resolveClientConfig(apache.url, {}, embeddedOptions), undefined)
  })
  afterAll(async () => {
    for (const one of started) await one.kill()
    await kafka?.close()
    await connection?.close()
    await apache?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function startStreams(app: string, ...args: string[]): Promise<JavaProcess> {
    const streams = await startJava(program, [apache.bootstrap, join(folder, app), app, ...args], {
      classPath: await streamsClassPath(),
    })
    started.push(streams)
    await streams.until(({ lines }) => lines.includes('running'), 120_000)
    return streams
  }

  /** As it is stored, without what deletes. */
  async function stored(name: string) {
    const raw = topic<Uint8Array, Uint8Array>(name, { key: bytes, value: bytes })
    return readTopic(connection, raw)
  }

  const count = async (name: string) => (await stored(name).catch(() => [])).length

  /**
   * By key (hexadecimal), what was written for it: value and timestamp. What deletes a key that is not there is left out: of a
   * table that is filtered, Kafka Streams writes it or not, as the table is materialised or not.
   */
  async function byKey(name: string): Promise<{ [key: string]: string[] }> {
    const found: { [key: string]: string[] } = {}
    for (const { key, value, timestamp } of await stored(name)) {
      const text = Buffer.from(key ?? []).toString('hex')
      found[text] ??= []
      const isThere = found[text].at(-1)?.startsWith('null') === false
      if (value === null && !isThere) continue
      const written = value === null ? null : Buffer.from(value).toString()
      found[text].push(`${written} at ${timestamp.getTime()}`)
    }
    return found
  }

  /** One of each kind, as StreamsProgram.java has it. */
  function build(app: StreamBuilder, prefix: string): void {
    const isEven = (value: number) => value % 2 === 0
    const group = (value: number) => `g${value % 3}`
    const numbers = app.stream<number>('numbers')
    numbers
      .filter(isEven)
      .map((value) => value * 10)
      .to(`${prefix}stateless`)
    const sums = numbers.groupBy('by-group', group).reduce((a, b) => a + b, { store: 'sums' })
    sums.to(`${prefix}sums`)
    sums.filter(isEven).to(`${prefix}even-sums`)
    numbers
      .groupByKey()
      .window(Window.tumbling(10, { grace: 5 }))
      .count({ store: 'windows' })
      .to(`${prefix}windows`, { key: 'binary' })
    numbers
      .groupByKey()
      .window(Window.session(7, { grace: 5 }))
      .count({ store: 'sessions' })
      .to(`${prefix}sessions`, { key: 'binary' })
    numbers
      .rekey(group)
      .join(
        numbers.rekey((value) => group(value + 1)),
        // Two repartition topics: how far one is ahead of the other differs from run to run, so nothing may be late.
        { window: { within: 3, grace: '1m' } },
      )
      .to(`${prefix}pairs`)
  }

  const kinds = ['stateless', 'sums', 'even-sums', 'windows', 'sessions', 'pairs']
  const changelogs = ['sums', 'windows', 'sessions'].map((store) => `ours-${store}-changelog`)
  const start = 1_700_000_000_000

  test('the same topology writes the same', { timeout: 300_000 }, async () => {
    const outputs = kinds.flatMap((kind) => [`ours-${kind}`, `theirs-${kind}`])
    await createTopics(kafka, 1, 'numbers', ...outputs)
    const random = new SeededRandom(4711)
    const records = Array.from({ length: 300 }, (_, i) => ({
      key: `k${random.below(4)}`,
      value: random.below(100),
      timestamp: start + 3 * i + random.below(12),
    }))
    await send(kafka, 'numbers', ...records)
    const app = kafka.streams({ app: 'ours' })
    build(app, 'ours-')
    const run = await app.start()
    const done = async () => {
      const { partitions } = await kafka.admin.describeGroup('ours')
      return partitions.find(({ topic: name }) => name === 'numbers')?.committed
    }
    await expect.poll(done, patience).toBe(BigInt(records.length))
    await run.close()
    const theirs = await startStreams('theirs', 'all', 'theirs-')
    for (const kind of kinds) {
      const written = async (prefix: string) => {
        const found = await byKey(`${prefix}-${kind}`)
        // In which order pairs are found differs for the same reason.
        if (kind === 'pairs') for (const values of Object.values(found)) values.sort()
        return found
      }
      const ours = await written('ours')
      expect(Object.values(ours).flat().length, kind).toBeGreaterThan(20)
      await expect.poll(() => written('theirs'), { ...patience, message: kind }).toEqual(ours)
    }
    await theirs.stop()
  })

  test('Kafka Streams reads our outputs and changelogs', { timeout: 300_000 }, async () => {
    const streams = await startStreams(
      'reader',
      'tables',
      ...['text', 'ours-sums', 'windows', 'ours-windows', 'sessions', 'ours-sessions'],
      ...['text', changelogs[0]!, 'windows-changelog', changelogs[1]!, 'sessions', changelogs[2]!],
    )
    const topics = ['ours-sums', 'ours-windows', 'ours-sessions', ...changelogs]
    const serializers: { readonly [kind: string]: Serializer<unknown> } = {
      sums: string as Serializer<unknown>,
      windows: windowedKey(string, Window.tumbling(10)) as Serializer<unknown>,
      sessions: windowedKey(string, Window.session(7)) as Serializer<unknown>,
    }
    for (const name of topics) {
      const kind = kinds.find((one) => name.startsWith(`ours-${one}`))!
      const isChangelog = name.endsWith('-changelog')
      const expected = new Map<string, string>()
      const records = await stored(name)
      for (const { key, value, timestamp } of records) {
        // A window's changelog has four more bytes.
        const own = isChangelog && kind === 'windows' ? key!.subarray(0, -4) : key!
        const read = serializers[kind]!.deserialize(own)
        const spelled =
          read instanceof Windowed ? `${read.key}@${read.startMs}-${read.endMs}` : String(read)
        const text = value && Buffer.from(value).toString()
        expected.set(spelled, `${text}\t${timestamp.getTime()}`)
      }
      const table = () => {
        const lines = streams.lines.map((line) => line.split('\t'))
        const own = lines.filter(([from]) => from === name)
        return new Map(own.map(([, key, value, timestamp]) => [key!, `${value}\t${timestamp}`]))
      }
      await expect.poll(table, { ...patience, message: name }).toEqual(expected)
      expect(expected.size, name).toBeGreaterThan(0)
    }
    await streams.stop()
  })

  test('our tables read those of Kafka Streams', { timeout: 300_000 }, async () => {
    await createTopics(kafka, 2, 'words', 'word-counts')
    const words = ['a', 'b', 'c', 'a', 'b', 'a', 'd', 'e', 'a']
    await send(
      kafka,
      'words',
      ...words.map((key, i) => ({ key, value: key, timestamp: start + i })),
    )
    const streams = await startStreams('counter', 'count')
    await expect.poll(() => count('word-counts'), patience).toBe(words.length)
    await streams.stop()
    const app = kafka.streams({ app: 'readers' })
    const changelog = topic<bigint>('counter-counts-changelog', { value: long })
    const read: [string, bigint | null, number][] = []
    app
      .table(changelog, { store: 'table' })
      .toStream()
      .forEach((value, { key, timestampMs }) => {
        read.push([key, value, timestampMs])
      })
    app.globalTable(changelog, { store: 'global' })
    app.table<number>('word-counts', { store: 'numbers' }).toStream().to('copies')
    await using run = await app.start()
    const numbersOf = (name: string) =>
      Object.fromEntries(
        [...run.store<number | bigint>(name).entries()].map(([key, value]) => [key, Number(value)]),
      )
    const expected = { a: 4, b: 2, c: 1, d: 1, e: 1 }
    await expect.poll(() => numbersOf('table'), patience).toEqual(expected)
    await expect.poll(() => numbersOf('numbers'), patience).toEqual(expected)
    await expect.poll(() => numbersOf('global'), patience).toEqual(expected)
    expect(new Map(read.map(([key, , timestamp]) => [key, timestamp - start]))).toEqual(
      new Map([
        ['a', 8],
        ['b', 4],
        ['c', 2],
        ['d', 6],
        ['e', 7],
      ]),
    )
  })
})
