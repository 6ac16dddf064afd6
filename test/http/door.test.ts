/** The door: routes, hosts, origins, bodies that stop, clients that leave, clusters that are down; and what is told of all that. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Client as FetchClient } from '../../src/entry/client-over-http.ts'
import { Client } from '../../src/index.ts'
import { createHttpHandler } from '../../src/server/http.ts'
import { createServer } from '../../src/server/server.ts'
import { TestClock } from '../../src/testing/test-clock.ts'
import { until } from '../until.ts'
import { type Answered, type HttpFixture, openHttp } from './http-fixture.ts'

let http: HttpFixture
beforeAll(async () => {
  http = await openHttp({
    http: {
      corsOrigins: ['https://app.example.com'],
      headersTimeout: 200,
      bodyTimeout: 200,
      sendTimeout: 200,
    },
  })
})
afterAll(() => http?.[Symbol.asyncDispose]())

/** What comes back for raw bytes, until the connection ends; after the text, `more` may be written. */
function raw(text: string, url = http.url): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

describe('routes', () => {
  test.each<[string, string, number, object]>([
    ['GET', '/elsewhere', 404, { code: 'ROUTE_NOT_FOUND' }],
    ['GET', '/v1/nowhere', 404, { code: 'ROUTE_NOT_FOUND' }],
    ['GET', '/v1/topics/', 404, { code: 'ROUTE_NOT_FOUND' }],
    ['GET', '/v1/topics/%zz', 400, { code: 'INVALID_REQUEST' }],
    ['PUT', '/v1/topics/a', 405, { code: 'METHOD_NOT_ALLOWED' }],
    ['GET', '/v1/topics/a%20b', 400, { code: 'INVALID_TOPIC_EXCEPTION' }],
    ['GET', `/v1/topics/a?${'x'.repeat(9000)}`, 414, { code: 'INVALID_REQUEST' }],
    ['GET', '/v1/topics?x=1', 400, { detail: expect.stringContaining("no parameter 'x'") }],
    ['GET', '/v1/keys', 409, { code: 'SECURITY_DISABLED' }],
  ])('%s %s', async (method, target, status, body) => {
    const answer = await http.ask(method, target, { headers: { 'x-request-id': 'mine-1' } })
    expect(answer).toMatchObject({ status, body: { status, requestId: 'mine-1', ...body } })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('x-request-id')).toBe('mine-1')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    if (status === 405)
      expect(answer.headers.get('allow')).toBe('GET, PATCH, DELETE, HEAD, OPTIONS')
  })

  test('HEAD is GET without a body', async () => {
    const answer = await http.ask('HEAD', '/v1/cluster')
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(10)
  })

  test('the OpenAPI document names every route, and all that it refers to is there', async () => {
    const { body, text } = await http.ask('GET', '/v1/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths)).toContain('/v1/topics/{topic}/records:batch')
    const ids = Object.values(body.paths).flatMap((path) =>
      Object.values(path as object).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, reference] of text.matchAll(/"\$ref":"#\/([^"]+)"/g))
      expect(reference!.split('/').reduce((at, name) => at?.[name], body)).toBeDefined()
  })

  test('topics are made, changed, cut and deleted', async () => {
    expect(
      await http.ask('POST', '/v1/topics', {
        body: { name: 'made', partitions: 2, retention: '7d' },
      }),
    ).toMatchObject({
      status: 201,
      body: { name: 'made', partitions: 2, retentionMs: 604_800_000 },
    })
    expect(await http.ask('POST', '/v1/topics', { body: { name: 'made' } })).toMatchObject({
      status: 409,
      body: { kafkaError: 'TOPIC_ALREADY_EXISTS' },
    })
    expect(
      await http.ask('PATCH', '/v1/topics/made', {
        body: { partitions: 3, configs: { 'segment.ms': 60_000 } },
      }),
    ).toMatchObject({
      status: 200,
      body: { partitions: 3, configs: { 'segment.ms': '60000' } },
    })
    expect(
      await http.ask('PATCH', '/v1/topics/made', { body: { configs: { 'no.such': 1 } } }),
    ).toMatchObject({ status: 400 })
    for (const partitions of [3, 90_000])
      expect(
        await http.ask('PATCH', '/v1/topics/made', { body: { partitions, retention: '1h' } }),
      ).toMatchObject({ status: 400, body: { code: 'INVALID_PARTITIONS', outcome: 'failed' } })
    expect((await http.ask('GET', '/v1/topics/made')).body.retentionMs).toBe(604_800_000)
    await http.ask('POST', '/v1/topics/made/records?partition=0', { body: '1' })
    expect(
      await http.ask('POST', '/v1/topics/made/records:delete', {
        body: { before: { 0: 'latest' } },
      }),
    ).toMatchObject({ status: 200, body: { earliest: { 0: '1' } } })
    await http.ask('POST', '/v1/topics/made/records?partition=0', { body: '2' })
    expect(
      await http.ask('POST', '/v1/topics/made/records:delete', {
        body: { before: { 0: 'latest', 1: 9 } },
      }),
    ).toMatchObject({
      status: 416,
      body: { outcome: 'failed', detail: expect.stringContaining('Partition 1') },
    })
    expect((await http.ask('GET', '/v1/topics/made')).body.offsets[0].earliest).toBe('1')
    for (const before of [{ x: 1 }, { 0: -1 }, { 0: '9223372036854775808' }])
      expect(
        await http.ask('POST', '/v1/topics/made/records:delete', { body: { before } }),
      ).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } })
    expect(
      (await http.ask('GET', '/v1/topics')).body.topics.map(({ name }: { name: string }) => name),
    ).toContain('made')
    expect((await http.ask('DELETE', '/v1/topics/made')).status).toBe(204)
    for (const [method, rest, body] of [
      ['DELETE', ''],
      ['GET', ''],
      ['PATCH', '', { partitions: 2 }],
      ['POST', '/records:delete', { before: { 0: 1 } }],
      ['GET', '/records'],
      ['GET', '/partitions/0/records/0'],
    ] as const)
      expect(await http.ask(method, `/v1/topics/made${rest}`, { body })).toMatchObject({
        status: 404,
        body: { code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false, outcome: 'failed' },
      })
    expect((await http.ask('GET', '/v1/cluster')).body.nodes).toHaveLength(1)
  })
})

describe('who may talk to it', () => {
  test('hosts of elsewhere are not answered for', async () => {
    expect(
      await raw('GET /v1/cluster HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 421[\s\S]*HOST_NOT_ALLOWED/)
    expect(
      await raw('GET /v1/cluster HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 200/)
    expect(await raw('GET /v1/cluster HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 400/)
  })

  test('pages of origins that are listed, and of no others', async () => {
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'kafka-header-x',
    }
    const listed = await http.ask('OPTIONS', '/v1/topics/a/records', {
      headers: { origin: 'https://app.example.com', ...asked },
    })
    expect(listed.status).toBe(204)
    expect(listed.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    expect(listed.headers.get('access-control-allow-headers')).toBe('kafka-header-x')
    const other = await http.ask('OPTIONS', '/v1/topics/a/records', {
      headers: { origin: 'https://evil.example.com', ...asked },
    })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    expect(
      (
        await http.ask('GET', '/v1/cluster', { headers: { origin: 'https://app.example.com' } })
      ).headers.get('access-control-allow-origin'),
    ).toBe('https://app.example.com')
  })
})

test('a page of elsewhere changes nothing, also where a browser asks nobody first', async () => {
  const post = (origin: string) =>
    http.ask('POST', '/v1/topics/forged/records', {
      body: '1',
      headers: { origin, 'content-type': 'text/plain' },
    })
  for (const origin of ['https://evil.example.com', 'null', `${http.url}.evil.example.com`]) {
    expect(await post(origin)).toMatchObject({ status: 403, body: { code: 'ORIGIN_NOT_ALLOWED' } })
  }
  expect((await http.ask('GET', '/v1/topics/forged')).status).toBe(404)
  for (const origin of ['https://app.example.com', http.url])
    expect((await post(origin)).status).toBe(200)
})

describe('what is no request', () => {
  test.each<[string, string, RegExp]>([
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1.1 400[\s\S]*problem\+json/],
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
      /^HTTP\/1.1 431/,
    ],
    ['headers that stop', 'GET / HTTP/1.1\r\nHost: loc', /^HTTP\/1.1 408/],
    [
      'a body that stops',
      'POST /v1/topics/stops/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc',
      /^HTTP\/1.1 408[\s\S]*BODY_TIMED_OUT/,
    ],
    [
      'two lengths',
      'POST /v1/topics/a/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      /^HTTP\/1.1 400/,
    ],
    [
      'lines that stop',
      'POST /v1/topics/stops/records:batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n{"value":1}\n{"val',
      /^HTTP\/1.1 (207|408)/,
    ],
  ])('%s', async (_, text, answer) => {
    expect(await raw(text)).toMatch(answer)
  })

  test('a body that is cut off stores nothing', async () => {
    const socket = connect(Number(new URL(http.url).port), '127.0.0.1')
    socket.write(
      'POST /v1/topics/cut/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc',
    )
    socket.end()
    await new Promise((resolve) => socket.on('close', resolve).resume())
    expect((await http.ask('GET', '/v1/topics/cut')).status).toBe(404)
  })

  test('what comes after a body that was refused is no request', async () => {
    const smuggled = 'GET /v1/cluster HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const answer = await raw(
      `POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    )
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1)
  })
})

test('a reader that takes nothing of a live stream is let go of', async () => {
  await using slow = await openHttp({ http: { sendTimeout: 100 } })
  const connections = () => slow.server.listeners.find(({ kind }) => kind === 'http')!.connections
  await using kafka = new Client(slow.server.url)
  await kafka.producer('large').sendBatch(Array.from({ length: 40 }, () => 'x'.repeat(500_000)))
  const socket = connect(Number(new URL(slow.url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(
    'GET /v1/topics/large/records?from=earliest HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
  )
  await until(() => connections() === 1)
  await until(() => connections() === 0)
  expect((await slow.ask('GET', '/v1/cluster')).status).toBe(200)
  socket.destroy()
})

describe('frames', () => {
  const post = (node: string, body: Uint8Array | string, type = 'application/octet-stream') =>
    http.ask('POST', `/v1/frames/${node}`, { body, headers: { 'content-type': type } })

  test.each<[string, string, Uint8Array | string, number, object]>([
    ['of nobody', '99', new Uint8Array([0, 0, 0, 0]), 404, { retriable: true, outcome: 'failed' }],
    ['without a node', 'x', '', 400, {}],
    ['none', 'any', '', 400, { kafkaError: 'CORRUPT_MESSAGE' }],
    ['cut off', 'any', new Uint8Array([0, 0, 0, 9, 1]), 400, { kafkaError: 'CORRUPT_MESSAGE' }],
    [
      'of a length that cannot be',
      'any',
      new Uint8Array([255, 0, 0, 9, 1]),
      400,
      { kafkaError: 'CORRUPT_MESSAGE' },
    ],
    [
      'of no API',
      'any',
      new Uint8Array([0, 0, 0, 10, 9, 9, 0, 0, 0, 0, 0, 1, 255, 255]),
      400,
      { kafkaError: 'UNSUPPORTED_VERSION' },
    ],
    [
      'of a version that is not served',
      'any',
      new Uint8Array([0, 0, 0, 10, 0, 3, 9, 9, 0, 0, 0, 1, 255, 255]),
      400,
      { kafkaError: 'UNSUPPORTED_VERSION' },
    ],
  ])('%s are refused', async (_, node, body, status, more) => {
    expect(await post(node, body)).toMatchObject({ status, body: more })
  })

  test('of another media type', async () => {
    expect((await post('any', 'x', 'text/plain')).status).toBe(415)
  })
})

describe.each([
  ['by node:http', Client],
  ['by fetch', FetchClient],
] as const)('an HTTP client of Kafka, %s', (way, Client) => {
  test.each<[string, string, RegExp]>([
    ['a key in the URL', 'http://user:secret@localhost:1', /apiKey/],
    ['a query', 'http://localhost:1/?a', /without '\?'/],
  ])('%s is refused', (_, url, message) => {
    expect(() => new Client(url)).toThrow(message)
    expect(() => new Client(url)).not.toThrow('secret')
  })

  test('nobody there', async () => {
    await using kafka = new Client({ url: 'http://127.0.0.1:1', retries: 0, timeout: 2000 })
    await expect(kafka.admin.listTopics()).rejects.toMatchObject({
      code: 'NETWORK_EXCEPTION',
      outcome: 'failed',
    })
  })

  test('something else there', async () => {
    await using kafka = new Client({ url: `${http.url}/elsewhere`, retries: 0 })
    await expect(kafka.admin.listTopics()).rejects.toMatchObject({
      retriable: expect.any(Boolean),
      message: expect.stringContaining('404'),
    })
  })

  test('a key goes with every request, and what refuses it is told', async () => {
    const seen: (string | undefined)[] = []
    const { createServer: createHttp } = await import('node:http')
    const server = createHttp((request, response) => {
      seen.push(request.headers.authorization)
      response
        .writeHead(401, { 'content-type': 'application/problem+json' })
        .end('{"detail":"the key is revoked","code":"SASL_AUTHENTICATION_FAILED"}')
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as { port: number }
    await using kafka = new Client({ url: `http://127.0.0.1:${port}`, apiKey: 'kd_a_b_c' })
    await expect(kafka.admin.listTopics()).rejects.toMatchObject({
      name: 'UnauthorizedError',
      message: expect.stringContaining('the key is revoked'),
    })
    expect(seen).toEqual(['Bearer kd_a_b_c'])
    server.close()
  })

  test('an answer that is cut off has an unknown outcome', async () => {
    const server = createTcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\0\0\0'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await using kafka = new Client({ url: `http://127.0.0.1:${port}`, retries: 0 })
    await expect(kafka.admin.listTopics()).rejects.toMatchObject({ retriable: true })
    server.close()
  })

  test('that closes ends what waits, and lets go of its connections', async () => {
    await using own = await openHttp()
    const connections = () => own.server.listeners.find(({ kind }) => kind === 'http')!.connections
    const clients = Array.from({ length: 20 }, () => new Client(own.server.httpUrl!))
    await Promise.all(clients.map((kafka) => kafka.produce('closing', 1)))
    const waiting = clients[0]!.consumer('closing').take(1000).toArray()
    expect(connections()).toBeGreaterThan(0)
    // Right behind an answer: its connection is nobody's for a moment.
    await Promise.all(
      clients.map(async (kafka) => {
        await kafka.produce('closing', 2)
        await kafka.close()
      }),
    )
    await waiting
    if (way === 'by node:http') await expect.poll(connections).toBe(0)
  })

  test('a wait that is longer than the ping keeps its connection', async () => {
    await using patient = await openHttp({ http: { ping: 20 } })
    await using kafka = new Client(patient.server.httpUrl!)
    await kafka.admin.createTopic('late')
    const read = kafka.consumer('late', { fetchMaxWait: 2000 }).take(1).toArray()
    await new Promise((resolve) => setTimeout(resolve, 100))
    await kafka.produce('late', 1)
    expect((await read).map(({ value }) => value)).toEqual([1])
  })
})

test('a client asks by fetch where Node is told to use a proxy, which fetch alone knows', async () => {
  const asked = vi.spyOn(globalThis, 'fetch')
  try {
    await using direct = new Client(http.url)
    await direct.admin.listTopics()
    expect(asked).not.toHaveBeenCalled()
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    await using proxied = new Client(http.url)
    await proxied.admin.listTopics()
    expect(asked).toHaveBeenCalled()
  } finally {
    vi.unstubAllEnvs()
    asked.mockRestore()
  }
})

describe('a gateway', () => {
  test('whose cluster is down is there, says so, and serves once the cluster is up', async () => {
    const first = await createServer({ data: 'memory:', port: 0 })
    const { port } = first
    await first.close()
    await using gateway = await openHttp({ upstream: `kafka://127.0.0.1:${port}` })
    const answer = await gateway.ask('GET', '/v1/cluster')
    expect(answer).toMatchObject({
      status: 502,
      body: { code: 'NETWORK_EXCEPTION', retriable: true, outcome: 'failed' },
    })
    expect(answer.body.detail).toMatch(/^No connection to a broker: nothing listens there/)
    expect(gateway.server.clusterId).toBe('')
    await using second = await createServer({ data: 'memory:', port })
    expect((await gateway.ask('POST', '/v1/topics/a/records', { body: '1' })).status).toBe(200)
    await using kafka = new Client(second.url)
    expect((await kafka.consumer('a').take(1).toArray())[0]!.value).toBe(1)
  })

  test("whose own login is refused says that no caller's key is wrong, and logs why", async () => {
    await using cluster = await openHttp({ access: 'keys' })
    const { key } = cluster.server.firstKey!
    const id = key.split('_')[1]!
    const logged: { err: Error; message: string }[] = []
    const keep = ({ err }: { err: Error }, message: string) => void logged.push({ err, message })
    const logger = { debug() {}, info() {}, warn() {}, error: keep }
    const address = cluster.server.url.replace('kafka://', '')
    const upstream = `kafka://${id}:wrong@${address}?mechanism=PLAIN`
    await using gateway = await openHttp({ upstream, logger })
    for (const [method, target, body] of [
      ['GET', '/v1/topics'],
      ['POST', '/v1/topics/a/records', '1'],
      ['GET', '/v1/groups/g'],
      ['POST', '/v1/groups/g/pull', { topics: ['a'], pullId: 'p' }],
    ] as const) {
      const answer = await gateway.ask(method, target, { body })
      expect(answer).toMatchObject({
        status: 502,
        body: { code: 'GATEWAY_LOGIN_REFUSED', retriable: false, outcome: 'failed' },
      })
      expect(answer.headers.get('www-authenticate')).toBeNull()
      for (const secret of [id, key, 'wrong', address]) expect(answer.text).not.toContain(secret)
    }
    const about = logged.filter(({ message }) => message.includes("gateway's own credentials"))
    expect(about).toHaveLength(1)
    expect(about[0]!.err.message).toContain(id)
    await using kafka = new Client(gateway.server.httpUrl!)
    await expect(kafka.admin.listTopics()).rejects.toMatchObject({ code: 'GATEWAY_LOGIN_REFUSED' })
  })

  test('an Idempotency-Key is answered within a minute where the cluster is gone, and once it is back stored once', async () => {
    const data = mkdtempSync(join(tmpdir(), 'kafka-do-'))
    const clock = new TestClock()
    const config = { data, gateways: 'User:ANONYMOUS' }
    try {
      const cluster = await createServer({ ...config, port: 0 })
      const { port } = cluster
      await using gateway = await openHttp({ upstream: cluster.url, runtime: clock })
      const write = (key: string) =>
        gateway.ask('POST', '/v1/topics/orders/records', {
          body: '1',
          headers: { 'idempotency-key': key },
        })
      expect((await write('before')).status).toBe(200)
      await cluster.close()
      const started = clock.monotonicNow()
      const answers: Answered[] = []
      const asked = Promise.all(
        Array.from({ length: 30 }, async (_, i) => answers.push(await write(`k${i % 10}`))),
      )
      while (answers.length < 30 && clock.monotonicNow() - started < 60_000)
        await clock.advance(500)
      expect(answers.map(({ body }) => body.retriable)).toEqual(Array(30).fill(true))
      await asked
      await using _again = await createServer({ ...config, port })
      const stored = await Promise.all(Array.from({ length: 10 }, (_, i) => write(`k${i}`)))
      expect(stored.map(({ status }) => status)).toEqual(Array(10).fill(200))
      const { records } = (await gateway.ask('GET', '/v1/topics/orders/records')).body
      expect(records).toHaveLength(11)
    } finally {
      rmSync(data, { recursive: true, force: true })
    }
  })

  test('takes no port for Kafka, and no settings of a broker', async () => {
    const upstream = 'kafka://127.0.0.1:1'
    await expect(createServer({ upstream, port: 1 })).rejects.toThrow(/exclude each other/)
    await expect(createServer({ upstream, broker: {} })).rejects.toThrow(/exclude each other/)
    await expect(createServer({ upstream: 'http://x' })).rejects.toThrow(/ServerConfig.upstream/)
    await expect(createServer({ upstreamCa: 'x', data: 'memory:', port: 0 })).rejects.toThrow(
      /upstreamCa/,
    )
  })
})

test('one setting of many: the others keep their defaults', async () => {
  const { serveSettings, serveOptions } = await import('../../src/cli/serve-options.ts')
  const { effectiveSettings, toConfig } = await import('../../src/cli/effective-config.ts')
  const flags = { 'http-max-wait': '100ms', 'http-port': '0', port: '0', data: 'memory:' }
  const effective = effectiveSettings(serveSettings, { flags, environment: {} })
  const server = await createServer(await toConfig(effective, serveOptions))
  expect(server.httpUrl).toMatch(/^http:/)
  await server.close()
  await expect(createServer({ http: { corsOrigins: 'nowhere' } })).rejects.toThrow(
    /ServerConfig.http.corsOrigins/,
  )
})

describe('the handler in other servers', () => {
  test('below a path, by Request and Response', async () => {
    await using handler = await createHttpHandler({ data: 'memory:', basePath: '/events' })
    const ask = (path: string, init?: RequestInit) =>
      handler.fetch(new Request(`https://app.example.com${path}`, init))
    const written = await ask('/events/v1/topics/a/records?key=b', {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'Kafka-Header-x': 'y' },
    })
    expect(await written.json()).toMatchObject({ topic: 'a', offset: '0' })
    const page = (await (await ask('/events/v1/topics/a/records')).json()) as { records: object[] }
    expect(page.records).toMatchObject([
      { key: 'b', value: { a: 1 }, headers: [{ name: 'x', value: 'y' }] },
    ])
    const controller = new AbortController()
    const live = await ask('/events/v1/topics/a/records?from=earliest', {
      headers: { accept: 'text/event-stream' },
      signal: controller.signal,
    })
    const reader = live.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('"a":1')) text += (await reader.read()).value
    await reader.cancel()
    controller.abort()
    expect((await ask('/elsewhere')).status).toBe(404)
  })

  test('under node:http', async () => {
    await using handler = await createHttpHandler({ data: 'memory:' })
    const { createServer: createHttp } = await import('node:http')
    const server = createHttp(handler.node)
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as { port: number }
    const answer = await fetch(`http://127.0.0.1:${port}/v1/topics/a/records`, {
      method: 'POST',
      body: '1',
    })
    expect(answer.status).toBe(200)
    server.close()
    server.closeAllConnections()
  })

  test.each([
    ['application/json', 'records'],
    ['application/x-ndjson', 'records:batch'],
  ])('behind something that has read the body (%s), which is told', async (type, route) => {
    await using handler = await createHttpHandler({ data: 'memory:' })
    const target = `/v1/topics/a/${route}`
    const init = { method: 'POST', body: '{"value":1}', headers: { 'content-type': type } }
    const told = {
      status: 500,
      code: 'BODY_ALREADY_READ',
      detail: expect.stringContaining('express.json()'),
    }
    const { createServer: createHttp } = await import('node:http')
    const server = createHttp((message, response) => {
      message.resume().once('end', () => handler.node(message, response))
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as { port: number }
    const answer = await fetch(`http://127.0.0.1:${port}${target}`, init)
    expect(await answer.json()).toMatchObject(told)
    server.close()
    server.closeAllConnections()
    const request = new Request(`http://x${target}`, init)
    await request.text()
    expect(await (await handler.fetch(request)).json()).toMatchObject(told)
  })
})

test('a server that closes ends live streams and waits, and loses nothing', async () => {
  const closing = await openHttp()
  await closing.ask('POST', '/v1/topics/a/records', { body: '1' })
  const live = await fetch(`${closing.url}/v1/topics/a/records`, {
    headers: { accept: 'text/event-stream' },
  })
  const waiting = closing.ask('GET', '/v1/topics/a/records?from=latest&wait=60s')
  // As many lines as are stored at once, and one more, of a body that does not end.
  const lines = '{"value":1}\n'.repeat(1001)
  const sending = fetch(`${closing.url}/v1/topics/lines/records:batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode(lines)) }),
    duplex: 'half',
  } as RequestInit)
  const stored = async () => {
    const { body } = await closing.ask('GET', '/v1/topics/lines/records?limit=2000')
    return body.records?.length
  }
  await expect.poll(stored).toBe(1000)
  const ended = live.text().catch(() => '')
  const startedAt = performance.now()
  const closed = closing[Symbol.asyncDispose]()
  const told = { code: 'CLIENT_CLOSED', retriable: true }
  expect(await waiting).toMatchObject({ status: 503, body: told })
  const answer = await sending
  expect([answer.status, await answer.json()]).toMatchObject([
    207,
    { stored: 1001, failed: 0, stopped: { index: 1001, status: 503, error: told } },
  ])
  await Promise.all([ended, closed])
  expect(performance.now() - startedAt).toBeLessThan(4000)
})
