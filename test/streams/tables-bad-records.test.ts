/** Records of a table's topic that cannot be read: passed over while it runs, and by those who restore the table from its topic. */
import { describe, expect, test } from 'vitest'
import { bytes } from '../../src/client/serializer.ts'
import { topic } from '../../src/client/topic.ts'
import { encodeUtf8 } from '../../src/core/bytes.ts'
import { Client, type StreamBuilder } from '../../src/index.ts'
import type { StreamOnError } from '../../src/streams/task/stream-error-policy.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

const unreadable = encodeUtf8('{oops')
const rows = topic<Uint8Array>('rows', { value: bytes })

async function withRows(): Promise<Client> {
  const kafka = new Client({ url: 'memory:', retryBackoff: 5 })
  const producer = kafka.producer(rows)
  await producer.send(encodeUtf8('"first"'), { key: 'a' })
  await producer.send(unreadable, { key: 'a' })
  await producer.send(unreadable, { key: 'b' })
  return kafka
}

function start(kafka: Client, onError: StreamOnError | undefined, isGlobal: boolean) {
  const streams = kafka.streams({ app: 'app' })
  const numbers = streams.stream<number>('numbers')
  const type = 'left'
  const joined = isGlobal
    ? numbers.join(streams.globalTable<string>('rows', { onError }), {
        key: (_, { key }) => key,
        type,
      })
    : numbers.join(streams.table<string>('rows', { onError }), { type })
  joined.to('out')
  return streams.start()
}

async function ask(kafka: Client): Promise<void> {
  const producer = kafka.producer<number>('numbers')
  await producer.send(1, { key: 'a' })
  await producer.send(2, { key: 'b' })
}

const read = async (kafka: Client, count: number) =>
  (await kafka.consumer<unknown>('out').take(count).toArray()).map(({ value }) => value)

describe.each([
  ['a table', false],
  ['a global table', true],
])('%s', (_, isGlobal) => {
  test('passes them over, also when it is restored', async () => {
    await using kafka = await withRows()
    const results = [
      [1, 'first'],
      [2, null],
    ]
    for (const [times, expected] of [
      [1, results],
      [2, [...results, ...results]],
    ] as const) {
      const run = await start(kafka, 'skip', isGlobal)
      await ask(kafka)
      expect(await read(kafka, 2 * times)).toEqual(expected)
      await run.close()
    }
  })

  test('stops the application where nothing else is said', async () => {
    await using kafka = await withRows()
    const run = start(kafka, undefined, isGlobal)
    const stopped = expect.objectContaining({ topic: 'rows', offset: 1n, where: 'decode' })
    await expect(run.then(({ done }) => done)).rejects.toEqual(stopped)
  })

  test('in the test driver', () => {
    const build = (onError?: StreamOnError) => (app: StreamBuilder) => {
      const numbers = app.stream<number>('numbers')
      const options = { type: 'left' } as const
      const joined = isGlobal
        ? numbers.join(app.globalTable<string>('rows', { onError }), {
            ...options,
            key: (_, { key }) => key,
          })
        : numbers.join(app.table<string>('rows', { onError }), options)
      joined.to('out')
    }
    const lenient = new StreamTestDriver(build('skip'))
    lenient.send('rows', 'first', { key: 'a' })
    lenient.send('rows', unreadable, { key: 'a' })
    lenient.send('numbers', 1, { key: 'a' })
    expect(lenient.read('out').map(({ value }) => value)).toEqual([[1, 'first']])
    expect(lenient.metrics().skipped).toEqual({ failed: 1 })
    const strict = new StreamTestDriver(build())
    expect(() => strict.send('rows', unreadable, { key: 'a' })).toThrow(/cannot be read as json/)
  })
})
