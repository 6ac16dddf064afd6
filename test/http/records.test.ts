/** Records over HTTP: written one by one, in JSON and line by line; read with a cursor, as events and as lines. */
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, Message } from '../../src/index.ts'
import { type HttpFixture, openHttp } from './http-fixture.ts'

let http: HttpFixture
let kafka: Client
beforeAll(async () => {
  http = await openHttp({
    http: {
      ping: 50,
      maxJsonDepth: 8,
      maxRecords: 2000,
      maxBodyBytes: 300_000,
      maxInflatedBytes: 400_000,
    },
  })
  kafka = new Client(http.server.url)
})
afterAll(async () => {
  await kafka?.close()
  await http?.[Symbol.asyncDispose]()
})

let topics = 0
const newTopic = async (partitions = 1) => {
  const name = `topic-${++topics}`
  await kafka.admin.createTopic(name, { partitions })
  return name
}
const read = async (topic: string, query = '') =>
  (await http.ask('GET', `/v1/topics/${topic}/records${query}`)).body
const problem = (code: string, more: object = {}) => ({
  code,
  type: 'about:blank',
  requestId: expect.any(String),
  ...more,
})

describe('one record', () => {
  test('is the body, byte for byte, with key, headers and time', async () => {
    const topic = await newTopic()
    const written = await http.ask(
      'POST',
      `/v1/topics/${topic}/records?key=k%20%C3%BC&timestamp=2026-01-31T12:00:00Z`,
      {
        body: '{"id": 12345678901234567890, "a":1.0}',
        headers: { 'kafka-header-Source': 'web', 'Kafka-Header-b': 'x' },
      },
    )
    expect(written).toMatchObject({
      status: 200,
      body: { topic, partition: 0, offset: '0', timestamp: '2026-01-31T12:00:00.000Z' },
    })
    expect(written.headers.get('location')).toBe(`/v1/topics/${topic}/partitions/0/records/0`)
    const answer = await http.ask('GET', `/v1/topics/${topic}/records`)
    expect(answer.text).toContain('"value":{"id": 12345678901234567890, "a":1.0}')
    expect(answer.body.records[0]).toMatchObject({
      key: 'k ü',
      headers: [
        { name: 'source', value: 'web' },
        { name: 'b', value: 'x' },
      ],
    })
    const [record] = await kafka.consumer<unknown>(topic).take(1).toArray()
    expect(record!.key).toBe('k ü')
  })

  test('bytes that are not UTF-8 are base64, text that is no JSON is text, a tombstone is null', async () => {
    const topic = await newTopic()
    await http.ask('POST', `/v1/topics/${topic}/records`, { body: new Uint8Array([255, 0, 1]) })
    await http.ask('POST', `/v1/topics/${topic}/records`, { body: 'hello' })
    await http.ask('POST', `/v1/topics/${topic}/records`, { body: 'null' })
    await http.ask('POST', `/v1/topics/${topic}/records?key=a&tombstone=true`)
    await http.ask('POST', `/v1/topics/${topic}/records`, { body: '' })
    const { records } = await read(topic)
    expect(
      records.map(({ value, valueText, valueBase64 }: never) => ({
        value,
        valueText,
        valueBase64,
      })),
    ).toEqual([
      { valueBase64: '/wAB' },
      { valueText: 'hello' },
      { valueText: 'null' },
      { value: null },
      { valueText: '' },
    ])
  })

  test('is read by its place', async () => {
    const topic = await newTopic()
    await http.ask('POST', `/v1/topics/${topic}/records`, { body: '1' })
    expect(await http.ask('GET', `/v1/topics/${topic}/partitions/0/records/0`)).toMatchObject({
      status: 200,
      body: { value: 1, offset: '0' },
    })
    for (const place of ['0/records/1', '0/records/99']) {
      expect(await http.ask('GET', `/v1/topics/${topic}/partitions/${place}`)).toMatchObject({
        status: 404,
        body: problem('RECORD_NOT_FOUND'),
      })
    }
    expect(await http.ask('GET', `/v1/topics/${topic}/partitions/7/records/0`)).toMatchObject({
      status: 404,
      body: problem('UNKNOWN_TOPIC_OR_PARTITION'),
    })
    expect(await http.ask('GET', `/v1/topics/${topic}/partitions/x/records/0`)).toMatchObject({
      status: 400,
    })
  })

  test('an offset that is expected', async () => {
    const topic = await newTopic()
    const write = (expected: number) =>
      http.ask('POST', `/v1/topics/${topic}/records?partition=0&expectedOffset=${expected}`, {
        body: String(expected),
      })
    expect(await write(0)).toMatchObject({ status: 200, body: { offset: '0' } })
    const refused = await write(0)
    expect(refused).toMatchObject({
      status: 412,
      body: problem('OFFSET_NOT_AS_EXPECTED', { expectedOffset: '0' }),
    })
    const next = Number(refused.body.actualOffset)
    const both = await Promise.all([write(next), write(next)])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412])
    expect((await read(topic)).records.map(({ value }: { value: number }) => value)).toEqual([
      0,
      next,
    ])
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records?expectedOffset=0`, { body: '1' }),
    ).toMatchObject({ status: 400 })
    const target = `/v1/topics/${topic}/records?partition=9&expectedOffset=0`
    expect(await http.ask('POST', target, { body: '1' })).toMatchObject({
      status: 404,
      body: problem('UNKNOWN_TOPIC_OR_PARTITION', {
        detail: expect.stringMatching(/there is no partition 9$/),
        retriable: false,
      }),
    })
  })

  test('one that cannot be stored under an Idempotency-Key is told of as without one', async () => {
    const topic = await newTopic()
    const ask = (headers: Record<string, string>) =>
      http.ask('POST', `/v1/topics/${topic}/records?partition=9`, { body: '1', headers })
    const [without, under] = [await ask({}), await ask({ 'idempotency-key': topic })]
    expect(under.status).toBe(404)
    expect({ ...under.body, requestId: '' }).toEqual({ ...without.body, requestId: '' })
  })
})

test.each([
  ['GET', ''],
  ['PATCH', ''],
  ['DELETE', ''],
  ['GET', '/records'],
  ['GET', '/partitions/0/records/0'],
  ['POST', '/records'],
  ['POST', '/records:batch'],
  ['POST', '/records:delete'],
])('%s …%s of a name that no topic can have', async (method, route) => {
  for (const headers of [{}, { 'idempotency-key': 'one' }] as Record<string, string>[])
    expect(await http.ask(method, `/v1/topics/%C3%BC${route}`, { headers })).toMatchObject({
      status: 400,
      body: problem('INVALID_TOPIC_EXCEPTION', { kafkaError: 'INVALID_TOPIC_EXCEPTION' }),
    })
})

test('a key that is not UTF-8 is refused, and not made another one', async () => {
  const topic = await newTopic()
  for (const method of ['GET', 'POST'])
    expect(await http.ask(method, `/v1/topics/${topic}/records?key=%FF`)).toMatchObject({
      status: 400,
      body: problem('INVALID_REQUEST', { detail: expect.stringContaining('%FF') }),
    })
  expect((await read(topic)).records).toEqual([])
})

describe('many records', () => {
  test('in JSON, each as it is written', async () => {
    const topic = await newTopic()
    const body = `{"records":[{"key":"a","value":{"n":1e400,"s":"\\u00e9"},"headers":{"h":"1"}},{"valueText":"t","timestamp":5},{"valueBase64":"/wA=","headers":[{"name":"x","valueBase64":"AA=="}]},{"value":null,"key":"a"}]}`
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records:batch`, {
        body,
        headers: { 'content-type': 'application/json' },
      }),
    ).toMatchObject({
      status: 200,
      body: {
        stored: 4,
        failed: 0,
        records: [{ offset: '0' }, { offset: '1' }, { offset: '2' }, { offset: '3' }],
      },
    })
    const answer = await http.ask('GET', `/v1/topics/${topic}/records`)
    expect(answer.text).toContain('"value":{"n":1e400,"s":"\\u00e9"}')
    expect(answer.body.records[1].timestamp).toBe('1970-01-01T00:00:00.005Z')
    expect(answer.body.records[2]).toMatchObject({ valueBase64: '/wA=', headers: [{ name: 'x' }] })
  })

  test.each<[string, string, object]>([
    ['{"records":[{"value":1}', 'INVALID_JSON', { line: 1, column: 24 }],
    ['{\n "records": [{"value": tru}]}', 'INVALID_JSON', { line: 2, column: 24 }],
    ['{"records":[{"value":1},{"value":[1,]}]}', 'INVALID_JSON', {}],
    ['{"records":[{"value":1},{"key":"a"}]}', 'INVALID_REQUEST', { index: 1 }],
    ['{"records":[{"value":1,"vlaue":2}]}', 'INVALID_REQUEST', { index: 0 }],
    ['{"records":[{"value":1,"partition":-1}]}', 'INVALID_REQUEST', { index: 0 }],
    ['{"records":[{"value":1,"timestamp":"soon"}]}', 'INVALID_REQUEST', { index: 0 }],
    ['{"records":[{"valueBase64":"%"}]}', 'INVALID_REQUEST', { index: 0 }],
    ['{"records":[]}', 'INVALID_REQUEST', {}],
    ['[]', 'INVALID_REQUEST', {}],
    ['', 'INVALID_JSON', { line: 1, column: 1 }],
    [`{"records":[{"value":${'['.repeat(20)}${']'.repeat(20)}}]}`, 'INVALID_JSON', {}],
  ])('%s is refused, with its place', async (body, code, more) => {
    const topic = await newTopic()
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records:batch`, {
        body,
        headers: { 'content-type': 'application/json' },
      }),
    ).toMatchObject({
      status: 400,
      body: problem(code, { ...more, outcome: 'failed', retriable: false }),
    })
    expect((await read(topic)).records).toEqual([])
  })

  test('some that cannot be stored: 207', async () => {
    const topic = await newTopic()
    const body = { records: [{ value: 1 }, { value: 2, partition: 9 }] }
    expect(await http.ask('POST', `/v1/topics/${topic}/records:batch`, { body })).toMatchObject({
      status: 207,
      body: {
        stored: 1,
        failed: 1,
        records: [{ offset: '0' }, { error: { status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION' } }],
      },
    })
    const none = { records: [{ value: 2, partition: 9 }] }
    const refused = await http.ask('POST', `/v1/topics/${topic}/records:batch`, { body: none })
    expect(refused).toMatchObject({
      status: 404,
      body: problem('UNKNOWN_TOPIC_OR_PARTITION', {
        ...{ outcome: 'failed', stored: 0, failed: 1 },
        records: [{ error: { status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION' } }],
      }),
    })
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
  })

  test('under an Idempotency-Key: that none is stored is said', async () => {
    const topic = await newTopic()
    const records = [{ value: 1 }, { value: 2, partition: 9 }]
    const headers = { 'idempotency-key': `all-${topic}` }
    const answer = await http.ask('POST', `/v1/topics/${topic}/records:batch`, {
      body: { records },
      headers,
    })
    expect(answer).toMatchObject({
      status: 404,
      body: problem('UNKNOWN_TOPIC_OR_PARTITION', { outcome: 'failed', index: 1 }),
    })
    expect(answer.body.detail).toMatch(/^None of the 2 records is stored/)
    expect((await read(topic)).records).toEqual([])
  })

  test.each([
    '{"key":"\\ud800","value":1}',
    '{"valueText":"\\udc00"}',
    '{"value":1,"headers":{"a":"\\ud800"}}',
    '{"value":1,"headers":{"\\ud800":"a"}}',
    '{"value":1,"headers":[{"name":"\\ud800"}]}',
  ])('%s has what is no text, and is refused', async (record) => {
    const topic = await newTopic()
    const headers = { 'content-type': 'application/json' }
    const target = `/v1/topics/${topic}/records:batch`
    expect(
      await http.ask('POST', target, { body: `{"records":[${record}]}`, headers }),
    ).toMatchObject({
      status: 400,
      body: problem('INVALID_REQUEST', { detail: expect.stringContaining('surrogate'), index: 0 }),
    })
  })

  test('line by line, of any number', async () => {
    const topic = await newTopic(3)
    const lines = Array.from({ length: 5000 }, (_, i) => `{"key":"k${i % 7}","value":{"i":${i}}}`)
    const answer = await http.ask('POST', `/v1/topics/${topic}/records:batch`, {
      body: `${lines.join('\n')}\n\n`,
      headers: { 'content-type': 'application/x-ndjson' },
    })
    expect(answer).toMatchObject({ status: 200, body: { stored: 5000, failed: 0 } })
    const counts = answer.body.partitions.map(({ count }: { count: number }) => count)
    expect(counts.reduce((a: number, b: number) => a + b)).toBe(5000)
  })

  test('a line that is broken: what came before is stored, and it is said', async () => {
    const topic = await newTopic()
    const headers = { 'content-type': 'application/x-ndjson' }
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records:batch`, {
        body: '{"value":1}\n{"value":\n{"value":3}\n',
        headers,
      }),
    ).toMatchObject({
      status: 207,
      body: { stored: 1, stopped: { index: 1, status: 400, error: { code: 'INVALID_JSON' } } },
    })
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records:batch`, { body: 'x', headers }),
    ).toMatchObject({ status: 400, body: { code: 'INVALID_JSON', line: 1, column: 1 } })
    expect((await read(topic)).records).toHaveLength(1)
  })
})

describe('bodies', () => {
  test.each([
    ['gzip', gzipSync],
    // Its best takes seconds for the bomb.
    [
      'br',
      (bytes: string | Buffer) =>
        brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    ],
  ])('with %s', async (encoding, compress) => {
    const topic = await newTopic()
    const headers = { 'content-encoding': encoding }
    const value = JSON.stringify('x'.repeat(10_000))
    expect(
      (await http.ask('POST', `/v1/topics/${topic}/records`, { body: compress(value), headers }))
        .status,
    ).toBe(200)
    expect((await read(topic)).records[0].value).toHaveLength(10_000)
    const bomb = compress(Buffer.alloc(50_000_000))
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records`, { body: bomb, headers }),
    ).toMatchObject({ status: 413, body: problem('MESSAGE_TOO_LARGE') })
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records`, { body: 'no', headers }),
    ).toMatchObject({ status: 400, body: problem('INVALID_REQUEST') })
    expect((await read(topic)).records).toHaveLength(1)
  })

  test('of other encodings and media types, or too long', async () => {
    const topic = await newTopic()
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records`, {
        body: 'x',
        headers: { 'content-encoding': 'zstd' },
      }),
    ).toMatchObject({ status: 415 })
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records:batch`, {
        body: 'x',
        headers: { 'content-type': 'text/csv' },
      }),
    ).toMatchObject({ status: 415, body: problem('UNSUPPORTED_MEDIA_TYPE') })
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records`, { body: 'x'.repeat(300_001) }),
    ).toMatchObject({ status: 413, body: problem('MESSAGE_TOO_LARGE') })
    expect(
      await http.ask('POST', `/v1/topics/${topic}/records`, { body: 'x'.repeat(300_000) }),
    ).toMatchObject({ status: 200 })
  })
})

describe('reading', () => {
  test('with a cursor: all of it once, and again the same', async () => {
    const topic = await newTopic(3)
    await kafka.producer(topic).sendBatch(Array.from({ length: 100 }, (_, i) => i))
    const seen: number[] = []
    let cursor = 'earliest'
    for (;;) {
      const page = await read(topic, `?from=${cursor}&limit=7`)
      expect(await read(topic, `?from=${cursor}&limit=7`)).toEqual(page)
      seen.push(...page.records.map(({ value }: { value: number }) => value))
      cursor = page.cursor
      if (page.isAtEnd) break
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    await kafka.admin.createPartitions(topic, 4)
    await kafka.producer(topic).send(100, { partition: 3 })
    let added = await read(topic, `?from=${cursor}`)
    while (added.records.length === 0) added = await read(topic, `?from=${cursor}`)
    expect(added.records.map(({ value }: { value: number }) => value)).toEqual([100])
  })

  test('from a time, from now, only a partition, only a key', async () => {
    const topic = await newTopic(2)
    const producer = kafka.producer(topic)
    await producer.send('old', { partition: 0, timestamp: 1000, key: 'a' })
    await producer.send('new', { partition: 0, key: 'b' })
    await producer.send('other', { partition: 1, key: 'a' })
    const values = async (query: string) =>
      (await read(topic, query)).records.map(({ value }: { value: string }) => value)
    expect(await values('?from=-1h')).toEqual(['new', 'other'])
    expect(await values('?from=1970-01-01T00:00:00.500Z')).toEqual(['old', 'new', 'other'])
    expect(await values('?from=latest')).toEqual([])
    expect(await values('?partition=1')).toEqual(['other'])
    expect(await values('?key=a')).toEqual(['old', 'other'])
    expect(await values('?key=a&limit=1')).toEqual(['old'])
  })

  test('as far as it is told to, and on from there: what is behind the end is still to be read', async () => {
    const topic = await newTopic(2)
    for (const partition of [0, 1])
      await kafka.producer(topic).sendBatch([1, 2, 3].map((n) => new Message(n, { partition })))
    const first = await read(topic, '?to=@1')
    expect(first.records.map(({ offset }: { offset: string }) => offset)).toEqual(['0', '0'])
    expect(first.isAtEnd).toBe(true)
    const rest = await read(topic, `?from=${first.cursor}`)
    expect(rest.records.map(({ value }: { value: number }) => value)).toEqual([2, 3, 2, 3])
    const end = await read(topic, '?from=@9223372036854775807')
    expect(end).toEqual({ records: [], cursor: rest.cursor, isAtEnd: true })
    const past = await read(topic, `?from=${rest.cursor}&to=@1`)
    expect(past).toEqual({ records: [], cursor: rest.cursor, isAtEnd: true })
  })

  test('waits for what is not there yet', async () => {
    const topic = await newTopic(2)
    const reading = read(topic, '?from=latest&wait=30s')
    // The reader is there once it has looked where the topic ends; whichever comes first, the record is read.
    const { cursor } = await read(topic, '?from=latest')
    await kafka.produce(topic, 'here')
    const page = await Promise.race([reading, read(topic, `?from=${cursor}&wait=30s`)])
    expect(page.records).toHaveLength(1)
  })

  test.each([
    ['?from=yesterday', 400],
    ['?from=c1.x', 400],
    ['?limit=0', 400],
    ['?limit=x', 400],
    ['?wait=long', 400],
    ['?partition=0&partition=1', 400],
    ['?form=earliest', 400],
    ['?to=nowhere', 400, "'to' must be one of earliest"],
    ['?partition=7', 404, 'has one partition, number 0; there is no partition 7'],
  ])('%s is refused', async (query, status, told = '') => {
    const topic = await newTopic()
    expect(await http.ask('GET', `/v1/topics/${topic}/records${query}`)).toMatchObject({
      status,
      body: { detail: expect.stringContaining(told) },
    })
  })

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['text/html, application/*;q=0.8', 'application/json'],
    ['text/event-stream;q=0.1, application/json', 'application/json'],
    ['application/json;q=0.1, application/x-ndjson', 'application/x-ndjson'],
    ['text/*', 'text/event-stream; charset=utf-8'],
    ['text/event-stream, application/json', 'text/event-stream; charset=utf-8'],
    ['text/event-stream;q=0', 'application/problem+json'],
    ['image/png', 'application/problem+json'],
  ])('Accept %s: %s', async (accept, type) => {
    const topic = await newTopic()
    const { headers } = await http.ask('HEAD', `/v1/topics/${topic}/records`, {
      headers: accept === undefined ? {} : { accept },
    })
    expect(headers.get('content-type')).toBe(type)
  })

  test('of a topic that is not there, or was deleted and made anew', async () => {
    expect(await http.ask('GET', '/v1/topics/nowhere/records')).toMatchObject({
      status: 404,
      body: problem('UNKNOWN_TOPIC_OR_PARTITION', { kafkaError: 'UNKNOWN_TOPIC_OR_PARTITION' }),
    })
    const topic = await newTopic()
    const { cursor } = await read(topic)
    await kafka.admin.deleteTopic(topic)
    await kafka.admin.createTopic(topic)
    expect(await http.ask('GET', `/v1/topics/${topic}/records?from=${cursor}`)).toMatchObject({
      status: 410,
      body: problem('CURSOR_OF_ANOTHER_TOPIC'),
    })
  })
})

describe('a live stream', () => {
  const open = async (topic: string, query: string, headers: Record<string, string>) => {
    const controller = new AbortController()
    const response = await fetch(`${http.url}/v1/topics/${topic}/records${query}`, {
      headers,
      signal: controller.signal,
    })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    return {
      response,
      async until(wanted: RegExp): Promise<string> {
        while (!wanted.test(text)) {
          const { value, done } = await reader.read()
          if (done) throw new Error(`it ended: ${text}`)
          text += value
        }
        return text
      },
      close: () => controller.abort(),
    }
  }

  test('of events, which goes on where it was left', async () => {
    const topic = await newTopic(2)
    const live = await open(topic, '', { accept: 'text/event-stream' })
    expect(live.response.headers.get('cache-control')).toContain('no-transform')
    await live.until(/: ping/)
    await kafka.produce(topic, { n: 1 })
    const text = await live.until(/data: .*"n":1/)
    live.close()
    const id = /id: (\S+)\ndata: .*"n":1/.exec(text)![1]!
    await kafka.produce(topic, { n: 2 })
    const again = await open(topic, '', { accept: 'text/event-stream', 'last-event-id': id })
    const rest = await again.until(/data: .*"n":2/)
    expect(rest).not.toContain('"n":1')
    again.close()
  })

  test('of lines, that ends where it is told to', async () => {
    const topic = await newTopic()
    await kafka.producer(topic).sendBatch([1, 2, 3])
    const { text } = await http.ask('GET', `/v1/topics/${topic}/records?wait=0`, {
      headers: { accept: 'application/x-ndjson' },
    })
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ value, cursor }) => value ?? typeof cursor)).toEqual([1, 2, 3, 'string'])
    const two = await http.ask('GET', `/v1/topics/${topic}/records?limit=2`, {
      headers: { accept: 'application/x-ndjson' },
    })
    expect(two.text.trim().split('\n')).toHaveLength(3)
  })

  test.each(['text/event-stream', 'application/x-ndjson'])(
    'of %s ends where `to` says, without a wait',
    async (accept) => {
      const topic = await newTopic(2)
      for (const partition of [0, 1])
        await kafka.producer(topic).sendBatch([1, 2, 3].map((n) => new Message(n, { partition })))
      const readTo = async (query: string) => {
        const target = `/v1/topics/${topic}/records?${query}`
        const { text } = await http.ask('GET', target, { headers: { accept } })
        const values = [...text.matchAll(/"value":(\d)/g)].map(([, value]) => Number(value))
        const cursors = [...text.matchAll(/(?:^id: |"cursor":")([\w.-]+)/gm)].map(([, one]) => one)
        return { values, cursor: cursors.at(-1) }
      }
      const first = await readTo('from=earliest&to=@2')
      expect(first.values).toEqual([1, 2, 1, 2])
      expect((await readTo(`from=${first.cursor}&to=latest`)).values).toEqual([3, 3])
      expect((await readTo('from=latest&to=latest')).values).toEqual([])
    },
  )

  test('no more than a number of each caller, and those that ended make room', async () => {
    await using few = await openHttp({ http: { maxStreamsPerKey: 1, ping: 50 } })
    await few.ask('POST', '/v1/topics', { body: { name: 'a' } })
    const controller = new AbortController()
    const headers = { accept: 'text/event-stream' }
    await fetch(`${few.url}/v1/topics/a/records`, { headers, signal: controller.signal })
    expect(await few.ask('GET', '/v1/topics/a/records', { headers })).toMatchObject({
      status: 429,
      body: problem('TOO_MANY_STREAMS'),
    })
    controller.abort()
    let status = 429
    while (status === 429) {
      const next = new AbortController()
      status = (await fetch(`${few.url}/v1/topics/a/records`, { headers, signal: next.signal }))
        .status
      next.abort()
    }
    expect(status).toBe(200)
  })
})
