/** What a server remembers in topics of its own is kept from clients at every door, and given to gateways that are named. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { parseKey } from '../../src/access/keys/api-key.ts'
import { Client } from '../../src/entry/client.ts'
import { createHttpHandler } from '../../src/server/http-handler.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { httpAt } from '../http/http-fixture.ts'

const own = ['__kafka_do_access', '__kafka_do_audit', '__kafka_do_http']
const denied = { code: 'TOPIC_AUTHORIZATION_FAILED' }

let closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
})

async function serve(config: ServerConfig = {}): Promise<Server> {
  const isGateway = config.upstream !== undefined
  const server = await createServer({
    ...(!isGateway && { data: 'memory:', port: 0 }),
    ...{ httpPort: 0, ...config },
  })
  closing.push(() => server.close())
  return server
}

function connect(url: string, sasl?: { username: string; password: string }): Client {
  const client = new Client({
    ...{ url, timeout: 5000, retries: 0 },
    ...(sasl && { sasl: { mechanism: 'PLAIN', ...sasl } }),
  })
  closing.push(() => client.close())
  return client
}

/** With its data, so that there is something of its own to be kept from others. */
async function withStateOf(server: Server): Promise<void> {
  const http = httpAt(server.httpUrl!)
  const headers = { 'idempotency-key': 'one' }
  expect((await http.ask('POST', '/v1/topics/t/records', { body: 'v', headers })).status).toBe(200)
}

describe.each(['the Kafka port', 'frames'])('without access control, by %s', (door) => {
  const to = (server: Server) => connect(door === 'frames' ? server.httpUrl! : server.url)

  test.each(own)('nobody writes to %s, or makes it', async (topic) => {
    const server = await serve()
    const kafka = to(server)
    await expect(kafka.produce(topic, { n: 1 })).rejects.toMatchObject(denied)
    await expect(kafka.admin.createTopic(topic)).rejects.toMatchObject(denied)
    expect(await kafka.admin.listTopics()).toEqual([])
  })

  test('nobody changes or reads what is there', async () => {
    const server = await serve()
    await withStateOf(server)
    const kafka = to(server)
    const [topic] = own.slice(-1) as [string]
    await expect(kafka.produce(topic, { n: 1 })).rejects.toMatchObject(denied)
    await expect(kafka.consumer(topic).take(1).toArray()).rejects.toMatchObject(denied)
    await expect(kafka.admin.deleteTopic(topic)).rejects.toMatchObject(denied)
    await expect(kafka.admin.deleteRecords(topic, { 0: 1n })).rejects.toMatchObject(denied)
    await expect(
      kafka.transaction(topic, async (tx) => {
        await tx.send({ n: 1 })
      }),
    ).rejects.toMatchObject(denied)
  })

  test('nobody takes the transactional id that the server writes under', async () => {
    const server = await serve()
    const kafka = to(server)
    const work = kafka.transaction('t', { id: '__kafka_do_http-0' }, async (tx) => {
      await tx.send({ n: 1 })
    })
    await expect(work).rejects.toMatchObject({ code: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' })
  })
})

describe('over HTTP', () => {
  test.each([
    ['a record', '/v1/topics/__kafka_do_access/records', 'v', {}],
    ['a batch', '/v1/topics/__kafka_do_access/records:batch', { records: [{ value: 1 }] }, {}],
    [
      'a record with an idempotency key',
      ...['/v1/topics/__kafka_do_access/records', 'v', { 'idempotency-key': 'k' }],
    ],
    [
      'a batch with an idempotency key',
      '/v1/topics/__kafka_do_access/records:batch',
      ...[{ records: [{ value: 1 }] }, { 'idempotency-key': 'k' }],
    ],
    [
      'an expected offset',
      '/v1/topics/__kafka_do_access/records?partition=0&expectedOffset=0',
      'v',
      {},
    ],
    [
      'dead letters',
      '/v1/groups/g/pull',
      { topics: ['t'], pullId: 'p', deadLetter: { topic: '__kafka_do_access' } },
      {},
    ],
    ['a topic', '/v1/topics', { name: '__kafka_do_access' }, {}],
  ] as [string, string, unknown, Record<string, string>][])(
    '%s is refused',
    async (_, target, body, headers) => {
      const http = httpAt((await serve()).httpUrl!)
      await http.ask('POST', '/v1/topics/t/records', { body: 'v' })
      const answer = await http.ask('POST', target, { body, headers })
      expect(answer.status).toBe(403)
      expect(answer.text).toContain('TOPIC_AUTHORIZATION_FAILED')
      const { topics } = (await http.ask('GET', '/v1/topics')).body
      expect(topics.map(({ name }: { name: string }) => name)).toEqual(['t'])
    },
  )

  test('a handler in another server keeps them, too', async () => {
    const handler = await createHttpHandler({ data: 'memory:' })
    closing.push(() => handler.close())
    const url = 'http://localhost/v1/topics/__kafka_do_access/records'
    const headers = { 'idempotency-key': 'k' }
    const answer = await handler.fetch(new Request(url, { method: 'POST', body: 'v', headers }))
    expect(answer.status).toBe(403)
  })
})

describe('a gateway before another kafka-do', () => {
  const ask = async (gateway: Server) => {
    const headers = { 'idempotency-key': 'k' }
    const target = '/v1/topics/t/records'
    return httpAt(gateway.httpUrl!).ask('POST', target, { body: 'v', headers })
  }

  test('that is not named says at its start, and to whoever needs it, what it cannot do', async () => {
    const lines: string[] = []
    const keep = (fields: object, message: string) =>
      void lines.push(`${message}: ${(fields as { err?: Error }).err?.message}`)
    const logger = { debug() {}, info() {}, warn: keep, error: keep }
    const gateway = await serve({ upstream: (await serve()).url, logger })
    await expect.poll(() => lines.join('\n')).toContain('--gateways')
    const answer = await ask(gateway)
    expect(answer).toMatchObject({ status: 502, body: { code: 'GATEWAY_NOT_TRUSTED' } })
    expect(answer.body.detail).toContain('--gateways')
    expect(await connect(gateway.httpUrl!).admin.listTopics()).toEqual([])
    const plain = await httpAt(gateway.httpUrl!).ask('POST', '/v1/topics/t/records', { body: 'v' })
    expect(plain.status).toBe(200)
  })

  test('that is not named does not start with access control', async () => {
    const upstream = (await serve()).url
    await expect(serve({ upstream, access: 'keys' })).rejects.toMatchObject({
      code: 'GATEWAY_NOT_TRUSTED',
      message: expect.stringContaining('__kafka_do_access'),
    })
  })

  test('that is named keeps keys and what HTTP remembers there', async () => {
    const cluster = await serve({ gateways: 'User:ANONYMOUS' })
    const gateway = await serve({ upstream: cluster.url, access: 'keys' })
    const headers = { authorization: `Bearer ${gateway.firstKey!.key}`, 'idempotency-key': 'k' }
    const write = () =>
      httpAt(gateway.httpUrl!).ask('POST', '/v1/topics/t/records', { body: 'v', headers })
    const [first, again] = [await write(), await write()]
    expect(first.status).toBe(200)
    expect(again.body).toEqual(first.body)
    const other = await serve({ upstream: cluster.url, access: 'keys' })
    expect(other.firstKey).toBeUndefined()
    const { status } = await httpAt(other.httpUrl!).ask('GET', '/v1/topics', { headers })
    expect(status).toBe(200)
  })

  test('is named by its key where there is access control; other keys for everything are not', async () => {
    const data = await mkdtemp(join(tmpdir(), 'kafka-do-gateways-'))
    closing.push(() => rm(data, { recursive: true, force: true }))
    const before = await createServer({ data, port: 0, access: 'keys' })
    const { id, secret } = parseKey(before.firstKey!.key)!
    const other = parseKey((await before.keys!.create({ name: 'o', scopes: ['admin'] })).key)!
    await before.close()
    const cluster = await serve({ data, access: 'keys', gateways: [`User:${id}`] })
    const urlOf = (user: string, password: string) =>
      `kafka://${user}:${password}@127.0.0.1:${cluster.port}?mechanism=PLAIN`
    const gateway = await serve({ upstream: urlOf(id, secret), access: 'keys' })
    // They are the cluster's keys, and the gateway's.
    expect(gateway.firstKey).toBeUndefined()
    const { key } = await gateway.keys!.create({ name: 'made here', scopes: ['admin'] })
    const namesThere = async () => (await cluster.keys!.list()).map(({ name }) => name)
    await expect.poll(namesThere).toContain('made here')
    const headers = { authorization: `Bearer ${key}`, 'idempotency-key': 'k' }
    const http = httpAt(gateway.httpUrl!)
    const target = '/v1/topics/t/records'
    expect((await http.ask('POST', target, { body: 'v', headers })).status).toBe(200)
    const upstream = urlOf(other.id, other.secret)
    await expect(serve({ upstream, access: 'keys' })).rejects.toMatchObject({
      code: 'GATEWAY_NOT_TRUSTED',
    })
  })
})
