/** Clients over HTTP that dawdle, leave, repeat themselves, or write requests in ways that few do. */
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Timer } from '../../src/core/runtime.ts'
import { Client } from '../../src/index.ts'
import { TestClock } from '../../src/testing/test-clock.ts'
import { type HttpFixture, openHttp } from './http-fixture.ts'

let http: HttpFixture
const problems: string[] = []
const keep = (fields: object, message: string) =>
  void problems.push(`${message} ${(fields as { err?: Error }).err?.stack ?? ''}`)
const logger = { debug() {}, info() {}, warn: keep, error: keep }
beforeAll(async () => {
  http = await openHttp({ logger })
})
afterAll(() => http?.[Symbol.asyncDispose]())

/** A socket to a server, and what has come of it. */
function open({ url }: HttpFixture): { socket: Socket; got: () => string } {
  let text = ''
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => undefined).on('data', (chunk) => (text += chunk))
  return { socket, got: () => text }
}

/** What is answered to these bytes, until the server closes the connection. */
async function raw(...parts: (string | Uint8Array)[]): Promise<string> {
  const { socket, got } = open(http)
  for (const part of parts) socket.write(part)
  await new Promise((resolve) => socket.once('close', resolve))
  return got()
}

const request = (line: string, headers = '', body = '') =>
  `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n${body}`
const post = (headers: string, body = 'v') => request('POST /v1/topics/odd/records', headers, body)

/** However busy the machine is. */
const soon = (what: () => unknown) => expect.poll(what, { timeout: 30_000 })

const total = ({ server }: HttpFixture, name: string, label: string) =>
  (server.metrics().find((metric) => metric.name === name)?.values ?? [])
    .filter(({ labels }) => Object.values(labels).includes(label))
    .reduce((sum, { value }) => sum + value, 0)
const heldOf = (fixture: HttpFixture) => total(fixture, 'kafkado_queued_bytes', 'answer')
const connectionsOf = ({ server }: HttpFixture) =>
  server.listeners.find(({ kind }) => kind === 'http')!.connections

describe('a request in a way that few write it', () => {
  test.each<[string, string, RegExp]>([
    ['with its whole URL', request('GET http://localhost/v1/topics'), /^HTTP\/1.1 200/],
    [
      'with its whole URL, of a host of elsewhere',
      request('GET http://evil.example/v1/topics'),
      /^HTTP\/1.1 421/,
    ],
    ['with its whole URL and nothing behind it', request('GET http://localhost'), /^HTTP\/1.1 200/],
    [
      'for two hosts',
      request('GET /v1/topics', 'Host: evil\r\n'),
      /^HTTP\/1.1 400[\s\S]*several hosts/,
    ],
    [
      'without a host',
      'GET /v1/topics HTTP/1.1\r\nConnection: close\r\n\r\n',
      /^HTTP\/1.1 400[\s\S]*problem\+json[\s\S]*"status":400/,
    ],
    [
      'that expects what is not known',
      post('Expect: nothing\r\nContent-Length: 1\r\n'),
      /^HTTP\/1.1 417[\s\S]*problem\+json[\s\S]*"status":417/,
    ],
    [
      'with headers too long',
      post(`X: ${'x'.repeat(40_000)}\r\nContent-Length: 1\r\n`),
      /^HTTP\/1.1 431[\s\S]*problem\+json[\s\S]*Request Header Fields Too Large","status":431/,
    ],
    ['of HTTP/1.0', 'GET /v1/topics HTTP/1.0\r\nHost: localhost\r\n\r\n', /^HTTP\/1.1 200/],
    ['about everything', request('OPTIONS *'), /^HTTP\/1.1 204[\s\S]*allow: GET/],
    ['with a slash at the end', request('GET /v1/topics/'), /^HTTP\/1.1 404/],
    ['with a slash too many', request('GET //v1/topics'), /^HTTP\/1.1 404/],
    ['with an escape that is none', request('GET /v1/topics/%zz'), /^HTTP\/1.1 400/],
    ['with an escape that is no text', request('GET /v1/topics/%ff'), /^HTTP\/1.1 400/],
    [
      'with a slash in a name',
      request('GET /v1/topics/a%2Fb'),
      /^HTTP\/1.1 400[\s\S]*is no topic's name/,
    ],
    [
      'with a parameter twice',
      request('GET /v1/topics/odd/records?limit=1&limit=2'),
      /^HTTP\/1.1 400[\s\S]*is there twice/,
    ],
    [
      'with a parameter of all objects',
      request('GET /v1/topics/odd/records?__proto__=1'),
      /^HTTP\/1.1 400[\s\S]*no parameter/,
    ],
    [
      'that would like HTTP/2',
      request('GET /v1/topics', 'Upgrade: h2c\r\n').replace(
        'Connection: close',
        'Connection: close, Upgrade',
      ),
      /^HTTP\/1.1 200/,
    ],
    ['with two lengths', post('Content-Length: 1\r\nContent-Length: 2\r\n'), /^HTTP\/1.1 400/],
    [
      'with a length and pieces',
      post('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
      /^HTTP\/1.1 400/,
    ],
    [
      'with a body that was compressed on its way',
      post('Transfer-Encoding: gzip, chunked\r\n', '1\r\nv\r\n0\r\n\r\n'),
      /^HTTP\/1.1 501/,
    ],
    [
      'with lines that were',
      request(
        'POST /v1/topics/odd/records:batch',
        'Content-Type: application/x-ndjson\r\nTransfer-Encoding: gzip, chunked\r\n',
        '1\r\nv\r\n0\r\n\r\n',
      ),
      /^HTTP\/1.1 501/,
    ],
    [
      'in pieces that are none',
      post('Transfer-Encoding: chunked\r\n', 'zz\r\nv\r\n0\r\n\r\n'),
      /^HTTP\/1.1 400/,
    ],
    ['in pieces', post('Transfer-Encoding: chunked\r\n', '1\r\nv\r\n0\r\n\r\n'), /^HTTP\/1.1 200/],
    [
      'that asks first',
      post('Content-Length: 1\r\nExpect: 100-continue\r\n'),
      /^HTTP\/1.1 100[\s\S]*HTTP\/1.1 200/,
    ],
    [
      'that asks first for too much',
      post('Content-Length: 999999999\r\nExpect: 100-continue\r\n', ''),
      /^HTTP\/1.1 413/,
    ],
    ['that is longer than it says', post('Content-Length: 1\r\n', 'vwx'), /^HTTP\/1.1 200/],
    [
      'with an empty body that is said to be gzip',
      post('Content-Length: 0\r\nContent-Encoding: gzip\r\n', ''),
      /^HTTP\/1.1 200/,
    ],
    [
      'with what is no gzip',
      post('Content-Length: 3\r\nContent-Encoding: gzip\r\n', 'abc'),
      /^HTTP\/1.1 400[\s\S]*not gzip/,
    ],
    [
      'with gzip twice',
      post('Content-Length: 3\r\nContent-Encoding: gzip, gzip\r\n', 'abc'),
      /^HTTP\/1.1 415/,
    ],
    [
      'with an idempotency key of nothing',
      post('Content-Length: 1\r\nIdempotency-Key:\r\n'),
      /^HTTP\/1.1 400/,
    ],
  ])('%s', async (_, text, answer) => {
    expect(await raw(text)).toMatch(answer)
    expect(problems).toEqual([])
  })

  test('HEAD has the headers of GET, and the length of its body', async () => {
    const head = await raw(request('HEAD /v1/topics'))
    const get = await raw(request('GET /v1/topics'))
    const lengthOf = (text: string) => /content-length: (\d+)/i.exec(text)?.[1]
    expect(lengthOf(head)).toBe(lengthOf(get))
    expect(head).toMatch(/\r\n\r\n$/)
  })

  test('gzip of nothing is an empty value, and cut off it is none', async () => {
    const nothing = gzipSync('')
    const some = gzipSync('hello world')
    const of = (bytes: Uint8Array) =>
      raw(post(`Content-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n`, ''), bytes)
    expect(await of(nothing)).toMatch(/^HTTP\/1.1 200/)
    expect(await of(some.subarray(0, 15))).toMatch(/^HTTP\/1.1 400[\s\S]*not gzip/)
    expect(await of(Buffer.concat([some, Buffer.from('xyz')]))).toMatch(/^HTTP\/1.1 400/)
  })

  test('a header of a record may have no name, and no value', async () => {
    const body = 'Content-Length: 1\r\nKafka-Header-: x\r\nKafka-Header-B:\r\n'
    await raw(body && request('POST /v1/topics/headers/records', body, 'v'))
    const { records } = (await http.ask('GET', '/v1/topics/headers/records')).body
    expect(records[0].headers).toEqual([
      { name: '', value: 'x' },
      { name: 'b', value: '' },
    ])
  })
})

test('whoever leaves in the middle of a request, at any route, leaves nothing behind', async () => {
  const { paths } = (await http.ask('GET', '/v1/openapi.json')).body
  const before = connectionsOf(http)
  const bodies = ['{"records":[{"value":1}],"topics":["odd"],"pullId":"p","name":"a"}', 'short']
  for (const [path, methods] of Object.entries(paths as Record<string, object>)) {
    const target = path.replace('{node}', 'any').replace(/\{(\w+)\}/g, 'odd')
    for (const method of Object.keys(methods)) {
      for (const body of bodies) {
        const length = body.length + (body === 'short' ? 10 : 0)
        const headers = `Content-Type: application/json\r\nContent-Length: ${length}\r\n`
        const { socket } = open(http)
        socket.write(request(`${method.toUpperCase()} ${target}`, headers, body), () =>
          socket.resetAndDestroy(),
        )
        await new Promise((resolve) => socket.once('close', resolve))
      }
    }
  }
  await soon(() => connectionsOf(http)).toBeLessThanOrEqual(before)
  expect((await http.ask('GET', '/v1/topics')).status).toBe(200)
  expect(heldOf(http)).toBe(0)
  expect(problems).toEqual([])
})

describe('a reader that takes nothing', () => {
  const page = 'GET /v1/topics/large/records?limit=100'

  /** Asks for more than the operating system would take for it, and reads nothing. */
  function greedy(fixture: HttpFixture): ReturnType<typeof open> {
    const opened = open(fixture)
    opened.socket.pause()
    const more = request(page).replace('Connection: close\r\n', '')
    opened.socket.write(more.repeat(9) + request(page))
    return opened
  }

  async function withLargeTopic(config: Parameters<typeof openHttp>[0]): Promise<HttpFixture> {
    const fixture = await openHttp(config)
    await using kafka = new Client(fixture.server.url)
    await kafka.admin.createTopic('large', { partitions: 8 })
    const producer = kafka.producer('large')
    const value = 'x'.repeat(500_000)
    const partitions = [0, 1, 2, 3, 4, 5, 6, 7]
    await Promise.all(
      [...partitions, ...partitions].map((partition) => producer.send(value, { partition })),
    )
    return fixture
  }

  test('of a page counts as memory that is held, and is let go of', async () => {
    await using slow = await withLargeTopic({ http: { sendTimeout: 300 } })
    const { socket } = greedy(slow)
    await soon(() => heldOf(slow)).toBeGreaterThan(1_000_000)
    await soon(() => connectionsOf(slow)).toBe(0)
    expect(heldOf(slow)).toBe(0)
    socket.destroy()
  })

  test('is dropped for others that wait for memory', async () => {
    await using small = await withLargeTopic({
      ...{ queuedMaxRequestBytes: 8 * 1_048_576, slowConnectionGrace: 100 },
      http: { sendTimeout: '1h' },
    })
    // How much of what is sent the system takes, and so how much each holds, differs from machine to machine.
    const readers: ReturnType<typeof open>[] = []
    while (connectionsOf(small) === readers.length && readers.length < 400) {
      readers.push(...Array.from({ length: 16 }, () => greedy(small)))
      const accepted = () => total(small, 'kafkado_accepted_connections_total', 'http')
      await soon(accepted).toBe(readers.length)
    }
    await soon(() => connectionsOf(small)).toBeLessThan(readers.length)
    const answer = await small.ask('GET', '/v1/topics/large/records?limit=1')
    expect(answer.status).toBe(200)
    expect(answer.body.records).toHaveLength(1)
    for (const { socket } of readers) socket.destroy()
  })

  test('a reader that goes on gets all of it', async () => {
    await using fixture = await withLargeTopic({})
    const { socket, got } = greedy(fixture)
    await soon(() => heldOf(fixture)).toBeGreaterThan(1_000_000)
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    const [, ...answers] = got().split('HTTP/1.1 200 OK\r\n')
    expect(answers).toHaveLength(10)
    for (const answer of answers) {
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
      expect(JSON.parse(body).records.length).toBeGreaterThan(1)
      expect(answer).toContain(`content-length: ${body.length}\r\n`)
    }
    expect(heldOf(fixture)).toBe(0)
  })
})

test('requests that come before answers are answered in order, up to a number', async () => {
  const { socket, got } = open(http)
  const one = (i: number) =>
    `POST /v1/topics/piped/records HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: n-${i}\r\nContent-Length: 1\r\n\r\nv`
  socket.write(Array.from({ length: 20 }, (_, i) => one(i)).join(''))
  await soon(() => got().match(/HTTP\/1.1 200/g)?.length).toBe(20)
  const ids = [...got().matchAll(/x-request-id: n-(\d+)/g)].map(([, id]) => Number(id))
  expect(ids).toEqual([...Array(20).keys()])
  socket.write(Array.from({ length: 500 }, (_, i) => one(i)).join(''))
  await new Promise((resolve) => socket.once('close', resolve))
})

test('what stands behind a whole request does not take its answer', async () => {
  const { socket, got } = open(http)
  const headers = 'Host: localhost\r\nContent-Length: 1\r\n'
  socket.write(`POST /v1/topics/behind/records HTTP/1.1\r\n${headers}\r\nvwhat is this\r\n\r\n`)
  await new Promise((resolve) => socket.once('close', resolve))
  expect(got()).toMatch(/^HTTP\/1.1 200/)
  expect(got().match(/HTTP\/1.1/g)).toHaveLength(1)
})

test('who still sends a body that was refused can read why, and is not heard any more', async () => {
  /** However busy the machine is, the server waits for the rest. */
  class Patient extends TestClock {
    override setTimer(...[delayMs, ...rest]: Parameters<TestClock['setTimer']>): Timer {
      return super.setTimer(delayMs === 1000 ? 600_000 : delayMs, ...rest)
    }
  }
  await using small = await openHttp({ runtime: new Patient(), http: { maxBodyBytes: 1024 } })
  const { port } = new URL(small.url)
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
  const errors: Error[] = []
  let text = ''
  socket.on('error', (error) => errors.push(error)).on('data', (chunk) => (text += chunk))
  const ended = new Promise((resolve) => socket.once('end', resolve))
  const write = (bytes: string) => new Promise((resolve) => socket.write(bytes, resolve))
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
  const head = 'POST /v1/topics/late/records HTTP/1.1\r\nHost: localhost\r\n'
  await write(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`)
  await ended
  expect(text).toMatch(/^HTTP\/1.1 413[\s\S]*MESSAGE_TOO_LARGE/)
  for (let i = 0; i < 100; i++) await write(chunk)
  expect(errors).toEqual([])
  await write(`0\r\n\r\n${head}Content-Length: 1\r\n\r\nv`)
  await soon(() => connectionsOf(small)).toBe(0)
  socket.destroy()
  expect((await small.ask('GET', '/v1/topics/late')).status).toBe(404)
})

test.each(['60 days', 30_001.5])('headersTimeout may be %s', async (headersTimeout) => {
  await using opened = await openHttp({ http: { headersTimeout } })
  expect((await opened.ask('GET', '/v1/topics')).status).toBe(200)
})

test('connections past the limit are turned away, idle ones count, and one that ends makes room', async () => {
  await using few = await openHttp({ http: { maxConnections: 2 } })
  const [one, two] = [open(few), open(few)]
  await soon(() => connectionsOf(few)).toBe(2)
  const third = open(few)
  await new Promise((resolve) => third.socket.once('close', resolve))
  expect(third.got()).toBe('')
  one.socket.destroy()
  await soon(() => connectionsOf(few)).toBe(1)
  two.socket.write(request('GET /v1/topics'))
  await new Promise((resolve) => two.socket.once('close', resolve))
  expect(two.got()).toMatch(/^HTTP\/1.1 200/)
})

describe('the same ten times at once', () => {
  const ten = <T>(one: () => Promise<T>) => Promise.all(Array.from({ length: 10 }, one))

  test('with one idempotency key is stored once, with one answer', async () => {
    const answers = await ten(() =>
      http.ask('POST', '/v1/topics/ten/records', {
        ...{ body: '1', headers: { 'idempotency-key': 'ten' } },
      }),
    )
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(answers[0]!.status).toBe(200)
    expect((await http.ask('GET', '/v1/topics/ten/records')).body.records).toHaveLength(1)
  })

  test('with one idempotency key and two bodies: one of them is stored, the other refused', async () => {
    let i = 0
    const answers = await ten(() =>
      http.ask('POST', '/v1/topics/two/records', {
        ...{ body: String(i++ % 2), headers: { 'idempotency-key': 'two' } },
      }),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([...Array(5).fill(200), ...Array(5).fill(422)])
    expect((await http.ask('GET', '/v1/topics/two/records')).body.records).toHaveLength(1)
  })

  test('a pull of one pullId gives one lease and its records, and acks of it count once', async () => {
    const body = { records: [1, 2, 3, 4].map((value) => ({ value })) }
    await http.ask('POST', '/v1/topics/pulled/records:batch', { body })
    const pull = { topics: ['pulled'], pullId: 'p', max: 3 }
    const pulls = await ten(() => http.ask('POST', '/v1/groups/ten/pull', { body: pull }))
    expect(new Set(pulls.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    const { lease, records } = pulls[0]!.body
    expect(records).toHaveLength(3)
    const acks = await ten(() =>
      http.ask('POST', '/v1/groups/ten/ack', { body: { lease, accept: 'all' } }),
    )
    expect(new Set(acks.map(({ status }) => status))).toEqual(new Set([200]))
    const { body: group } = await http.ask('GET', '/v1/groups/ten')
    expect(group.totalLag).toBe('1')
  })

  test('a lease that runs out while it is acked is either acked or given to another, never both', async () => {
    const clock = new TestClock()
    await using timed = await openHttp({ runtime: clock })
    const body = { records: [{ value: 1 }] }
    await timed.ask('POST', '/v1/topics/lease/records:batch', { body })
    const pull = (pullId: string) =>
      timed.ask('POST', '/v1/groups/g/pull', { body: { topics: ['lease'], pullId, lease: '1s' } })
    const { lease } = (await pull('a')).body
    await clock.advance(1001)
    const [acked, pulled] = await Promise.all([
      timed.ask('POST', '/v1/groups/g/ack', { body: { lease, accept: 'all' } }),
      pull('b'),
    ])
    const isAcked = acked.status === 200
    expect(isAcked || acked.status === 410).toBe(true)
    expect(pulled.body.records).toHaveLength(isAcked ? 0 : 1)
  })
})

test('a key that is revoked ends a long poll of frames, as it ends a live stream', async () => {
  await using guarded = await openHttp({ access: 'keys', logger })
  const { key, id } = await guarded.server.keys!.create({ name: 'n', scopes: ['admin'] })
  await using kafka = new Client({ url: guarded.url, apiKey: key, retries: 0 })
  await kafka.produce('polled', 1)
  const reading = kafka
    .consumer('polled', { fetchMaxWait: '1m' })
    .take(2)
    .toArray()
    .then(
      () => undefined,
      (error: unknown) => error,
    )
  const live = await fetch(`${guarded.url}/v1/topics/polled/records?from=earliest`, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${key}` },
  })
  const reader = live.body!.getReader()
  await reader.read()
  await guarded.server.keys!.revoke(id)
  expect(await reading).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
  const ended = async () => {
    for (;;) if ((await reader.read()).done) return true
  }
  expect(await ended()).toBe(true)
  expect(problems).toEqual([])
})
