/** Keys over HTTP: who may what at which route, keys that end, tickets, and clients with a key. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { TestClock } from '../../src/testing/test-clock.ts'
import { type Answered, type HttpFixture, openHttp } from './http-fixture.ts'

let http: HttpFixture
let admin: string
beforeAll(async () => {
  http = await openHttp({ access: 'keys' })
  admin = http.server.firstKey!.key
  for (const name of ['orders', 'secrets'])
    expect((await as(admin, 'POST', '/v1/topics', { name, partitions: 1 })).status).toBe(201)
})
afterAll(() => http?.[Symbol.asyncDispose]())

const as = (
  key: string | undefined,
  method: string,
  target: string,
  body?: unknown,
  headers = {},
) =>
  http.ask(method, target, {
    body,
    headers: { ...(key && { authorization: `Bearer ${key}` }), ...headers },
  })

async function newKey(...scopes: string[]): Promise<{ id: string; key: string }> {
  const made = await as(admin, 'POST', '/v1/keys', { name: 'test', scopes })
  expect(made.status).toBe(201)
  return made.body
}

describe('without a good key', () => {
  test.each<[string, string | undefined]>([
    ['none', undefined],
    ['one that is mistyped', 'Bearer kd_abc_def_x'],
    ['another kind', 'Basic YTpi'],
    ['nothing', 'Bearer '],
  ])('%s', async (_, authorization) => {
    for (const target of ['/v1/topics', '/v1/topics/orders/records', '/v1/frames/any']) {
      const answer = await http.ask(target.includes('frames') ? 'POST' : 'GET', target, {
        headers: {
          'content-type': 'application/octet-stream',
          ...(authorization && { authorization }),
        },
      })
      expect(answer).toMatchObject({
        status: 401,
        body: { code: 'SASL_AUTHENTICATION_FAILED', outcome: 'failed' },
      })
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect(answer.text).not.toContain('kd_abc')
    }
  })

  test('the document is for everybody', async () => {
    expect((await http.ask('GET', '/v1/openapi.json')).status).toBe(200)
  })
})

describe('with a key that may some things', () => {
  test('it writes and reads what it may, and nothing else', async () => {
    const writer = await newKey('produce:orders')
    const reader = await newKey('consume:orders@billing')
    const body = '1'
    expect((await as(writer.key, 'POST', '/v1/topics/orders/records', body)).status).toBe(200)
    expect((await as(reader.key, 'GET', '/v1/topics/orders/records')).body.records).toHaveLength(1)
    const denied = [
      await as(writer.key, 'POST', '/v1/topics/secrets/records', body),
      await as(writer.key, 'POST', '/v1/topics/secrets/records', body, { 'idempotency-key': 'a' }),
      await as(
        writer.key,
        'POST',
        '/v1/topics/secrets/records:batch',
        { records: [{ value: 1 }] },
        { 'idempotency-key': 'b' },
      ),
      await as(writer.key, 'POST', '/v1/topics/secrets/records?partition=0&expectedOffset=0', body),
      await as(writer.key, 'GET', '/v1/topics/orders/records'),
      await as(reader.key, 'GET', '/v1/topics/secrets/records'),
      await as(reader.key, 'GET', '/v1/topics/secrets/records', undefined, {
        accept: 'text/event-stream',
      }),
      await as(reader.key, 'POST', '/v1/groups/billing/pull', { topics: ['secrets'], pullId: 'p' }),
      await as(reader.key, 'POST', '/v1/groups/other/pull', { topics: ['orders'], pullId: 'p' }),
      await as(reader.key, 'POST', '/v1/groups/other/ack', { lease: 'x', accept: 'all' }),
      await as(reader.key, 'POST', '/v1/topics/orders/records', body),
      await as(reader.key, 'DELETE', '/v1/topics/orders'),
      await as(reader.key, 'POST', '/v1/keys', { name: 'more', scopes: ['admin'] }),
      await as(admin, 'POST', '/v1/topics/__kafka_do_http/records', body),
    ]
    expect(denied.map(({ status }) => status)).toEqual(denied.map(() => 403))
    const pulled = await as(reader.key, 'POST', '/v1/groups/billing/pull', {
      topics: ['orders'],
      pullId: 'p',
    })
    expect(pulled.body.records).toHaveLength(1)
    expect(
      (
        await as(reader.key, 'POST', '/v1/groups/billing/ack', {
          lease: pulled.body.lease,
          accept: 'all',
        })
      ).status,
    ).toBe(200)
    expect(
      (await as(writer.key, 'POST', '/v1/topics/orders/records', '2', { 'idempotency-key': 'c' }))
        .status,
    ).toBe(200)
    expect(
      (await as(writer.key, 'GET', '/v1/topics')).body.topics.map(
        ({ name }: { name: string }) => name,
      ),
    ).toEqual(['orders'])
  })

  test('keys of others have idempotency keys of their own', async () => {
    const [one, other] = [await newKey('produce:orders'), await newKey('produce:orders')]
    const headers = { 'idempotency-key': 'same' }
    const first = await as(one.key, 'POST', '/v1/topics/orders/records', '1', headers)
    const second = await as(other.key, 'POST', '/v1/topics/orders/records', '2', headers)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.body.offset).not.toBe(first.body.offset)
  })

  test('the client works with it, over http://', async () => {
    const { key, id } = await newKey('produce:orders', 'consume:orders@client')
    await using kafka = new Client({ url: http.url, apiKey: key })
    await kafka.produce('orders', 'by client')
    const records = kafka.consumer<unknown>('orders', { group: 'client' })
    for await (const { value } of records) if (value === 'by client') break
    await expect(kafka.produce('secrets', 1)).rejects.toMatchObject({
      name: 'UnauthorizedError',
      code: 'TOPIC_AUTHORIZATION_FAILED',
    })
    await as(admin, 'DELETE', `/v1/keys/${id}`)
    await expect(kafka.produce('orders', 1)).rejects.toMatchObject({ name: 'UnauthorizedError' })
  })
})

describe('a key that ends', () => {
  test('takes its live streams with it, within a second', async () => {
    const { key, id } = await newKey('consume:orders')
    const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream' }
    const live = await fetch(`${http.url}/v1/topics/orders/records`, { headers })
    const ended = live.text()
    const startedAt = performance.now()
    expect((await as(admin, 'DELETE', `/v1/keys/${id}`)).status).toBe(204)
    await ended
    expect(performance.now() - startedAt).toBeLessThan(1500)
    expect((await as(key, 'GET', '/v1/topics/orders/records')).status).toBe(401)
  })

  test('ends what waits with it, and says why', async () => {
    const { key, id } = await newKey('consume:orders')
    const waits = as(key, 'GET', '/v1/topics/orders/records?from=latest&wait=30s')
    // The topic's reader looks before it waits, which is counted.
    await expect
      .poll(() => http.server.metrics().find(({ name }) => name === 'kafkado_waiting_fetches'))
      .toMatchObject({ values: [{ value: 1 }] })
    expect((await as(admin, 'DELETE', `/v1/keys/${id}`)).status).toBe(204)
    expect(await waits).toMatchObject({
      status: 401,
      body: { code: 'SASL_AUTHENTICATION_FAILED', detail: expect.stringContaining('was revoked') },
    })
  })

  test('is told of in the list, and rotated', async () => {
    const { key, id } = await newKey('consume:orders')
    const rotated = await as(admin, 'POST', `/v1/keys/${id}/rotate`, { overlap: '1h' })
    expect(rotated).toMatchObject({ status: 200, body: { id } })
    for (const one of [key, rotated.body.key])
      expect((await as(one, 'GET', '/v1/topics/orders/records')).status).toBe(200)
    await as(admin, 'POST', `/v1/keys/${id}/rotate`)
    expect((await as(key, 'GET', '/v1/topics/orders/records')).status).toBe(401)
    const { text, body } = await as(admin, 'GET', '/v1/keys')
    expect(body.keys).toContainEqual(expect.objectContaining({ id, scopes: ['consume:orders'] }))
    expect(text).not.toContain(rotated.body.key)
    expect((await as(admin, 'DELETE', '/v1/keys/nobody')).status).toBe(404)
  })
})

test.each([
  ['revoked', 'DELETE', ''],
  ['rotated', 'POST', '/rotate'],
])('a ticket is of no use once its key is %s', async (_, method, route) => {
  const { key, id } = await newKey('consume:orders')
  const { ticket } = (await as(key, 'POST', '/v1/tickets')).body
  expect((await as(admin, method, `/v1/keys/${id}${route}`)).status).toBeLessThan(300)
  const answer = await http.ask('GET', `/v1/topics/orders/records?ticket=${ticket}`)
  expect(answer).toMatchObject({ status: 401, body: { code: 'SASL_AUTHENTICATION_FAILED' } })
})

test('a ticket stands in for the key once', async () => {
  const { key } = await newKey('consume:orders')
  const { ticket } = (await as(key, 'POST', '/v1/tickets')).body
  const target = `/v1/topics/orders/records?limit=1&ticket=${ticket}`
  expect((await http.ask('GET', target)).status).toBe(200)
  expect(await http.ask('GET', target)).toMatchObject({
    status: 401,
    body: { detail: expect.stringContaining('ticket') },
  })
  const second = (await as(key, 'POST', '/v1/tickets')).body.ticket
  expect((await http.ask('GET', `/v1/topics/secrets/records?ticket=${second}`)).status).toBe(403)
  const third = (await as(key, 'POST', '/v1/tickets')).body.ticket
  expect((await http.ask('GET', `/v1/topics?ticket=${third}`)).status).toBe(401)
})

describe('rights and quotas', () => {
  test('are given, seen and taken away', async () => {
    const { id, key } = await newKey('consume:nothing')
    const acl = { principal: `User:${id}`, type: 'topic', name: 'orders', operation: 'read' }
    expect((await as(key, 'GET', '/v1/topics/orders/records')).status).toBe(403)
    expect((await as(admin, 'POST', '/v1/acls', { acls: [acl] })).status).toBe(204)
    expect((await as(key, 'GET', '/v1/topics/orders/records')).status).toBe(200)
    const seen = await as(admin, 'GET', `/v1/acls?principal=User:${id}&name=orders`)
    const whole = { ...acl, host: '*', pattern: 'literal', permission: 'allow' }
    expect(seen.body).toEqual({ acls: [whole] })
    expect((await as(key, 'GET', '/v1/acls')).status).toBe(403)
    expect((await as(admin, 'POST', '/v1/acls:delete', {})).status).toBe(400)
    expect((await as(admin, 'POST', '/v1/acls:delete', acl)).body).toEqual({ acls: [whole] })
    expect((await as(key, 'GET', '/v1/topics/orders/records')).status).toBe(403)
  })

  test.each<[object, string]>([
    [
      { acls: [{ principal: 'alice', type: 'topic', name: 'a', operation: 'read' }] },
      '/acls/0/principal',
    ],
    [
      { acls: [{ principal: 'User:a', type: 'topics', name: 'a', operation: 'read' }] },
      '/acls/0/type',
    ],
    [{ acls: [{ principal: 'User:a', type: 'topic', operation: 'read' }] }, "must have 'name'"],
  ])('%j is refused', async (body, told) => {
    expect(await as(admin, 'POST', '/v1/acls', body)).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining(told) },
    })
  })

  test('one right that cannot be: none of the request is given', async () => {
    const { id, key } = await newKey('consume:nothing')
    const good = { principal: `User:${id}`, type: 'topic', name: 'orders', operation: 'read' }
    for (const [bad, pointer] of [
      [{ ...good, type: 'cluster', name: 'bad' }, '/acls/1/name'],
      [{ ...good, name: 'x'.repeat(1001) }, '/acls/1/name'],
      [{ ...good, host: '' }, '/acls/1/host'],
    ])
      expect(await as(admin, 'POST', '/v1/acls', { acls: [good, bad] })).toMatchObject({
        status: 400,
        body: { code: 'INVALID_REQUEST', outcome: 'failed', pointer },
      })
    const seen = await as(admin, 'GET', `/v1/acls?principal=User:${id}&name=orders`)
    expect(seen.body).toEqual({ acls: [] })
    expect((await as(key, 'GET', '/v1/topics/orders/records')).status).toBe(403)
  })

  test('a quota that is used up is 429, with how long to wait', async () => {
    const { id, key } = await newKey('produce:orders')
    const entity = { user: id }
    const set = (quotas: object) => as(admin, 'POST', '/v1/quotas', { entity, quotas })
    expect((await set({ producer_byte_rate: 1000 })).status).toBe(204)
    expect((await as(admin, 'GET', '/v1/quotas')).body.quotas).toContainEqual({
      entity,
      quotas: { producer_byte_rate: 1000 },
    })
    const statuses: number[] = []
    let refused = await as(key, 'POST', '/v1/topics/orders/records', 'x'.repeat(20_000))
    for (let i = 0; i < 10 && refused.status === 200; i++)
      refused = await as(key, 'POST', '/v1/topics/orders/records', 'x'.repeat(20_000))
    statuses.push(refused.status)
    expect(refused).toMatchObject({
      status: 429,
      body: { kafkaError: 'THROTTLING_QUOTA_EXCEEDED', retriable: true },
    })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await set({ producer_byte_rate: null })).status).toBe(204)
  })

  test('also what is written under an idempotency key counts', async () => {
    const { id, key } = await newKey('produce:orders')
    await as(admin, 'POST', '/v1/quotas', {
      entity: { user: id },
      quotas: { producer_byte_rate: 1000 },
    })
    let status = 200
    for (let i = 0; i < 10 && status === 200; i++) {
      const headers = { 'idempotency-key': `k${i}` }
      status = (await as(key, 'POST', '/v1/topics/orders/records', 'x'.repeat(20_000), headers))
        .status
    }
    expect(status).toBe(429)
  })
})

test('the audit log names the request of whoever asked, whatever the route', async () => {
  const { key } = await newKey('produce:orders')
  const named = (id: string) => ({ 'x-request-id': id })
  await as(admin, 'POST', '/v1/topics', { name: 'audited' }, named('made-1'))
  await as(admin, 'DELETE', '/v1/topics/audited', undefined, named('deleted-1'))
  await as(key, 'POST', '/v1/topics/secrets/records', 'v', named('denied-1'))
  await as(key, 'POST', '/v1/topics/secrets/records', 'v', {
    ...{ 'idempotency-key': 'k', 'x-request-id': 'denied-2' },
  })
  await as(admin, 'POST', '/v1/keys', { name: 'x', scopes: ['admin'] }, named('key-1'))
  await as('kd_a_b_c', 'GET', '/v1/topics', undefined, named('mistyped-1'))
  const target = '/v1/topics/__kafka_do_audit/records?from=-1h&limit=1000'
  const told = async () => {
    const { records } = (await as(admin, 'GET', target)).body
    return records.map(({ value }: { value: object }) => value)
  }
  const line = (request: string, action: string, allowed: boolean) =>
    expect.objectContaining({ request, action, allowed })
  await expect.poll(told).toContainEqual(line('mistyped-1', 'Authenticate', false))
  const lines = await told()
  expect(lines).toContainEqual(line('made-1', 'create', true))
  expect(lines).toContainEqual(line('deleted-1', 'delete', true))
  expect(lines).toContainEqual(line('denied-1', 'describe', false))
  expect(lines).toContainEqual(line('denied-2', 'write', false))
  expect(lines).toContainEqual(line('key-1', 'CreateKey', true))
})

test('gateways of one cluster share keys and what they know', async () => {
  await using cluster = await openHttp({ gateways: 'User:ANONYMOUS' })
  const gateway = () => openHttp({ upstream: cluster.server.url, access: 'keys', data: 'memory:' })
  await using one = await gateway()
  await using two = await gateway()
  const { key } = one.server.firstKey!
  const ask = (where: HttpFixture, method: string, target: string, body?: unknown) =>
    where.ask(method, target, { body, headers: { authorization: `Bearer ${key}` } })
  expect((await ask(one, 'POST', '/v1/topics/shared/records', '1')).status).toBe(200)
  let read = await ask(two, 'GET', '/v1/topics/shared/records')
  // The other one hears of a key a moment later.
  while (read.status === 401) read = await ask(two, 'GET', '/v1/topics/shared/records')
  expect(read.body.records).toHaveLength(1)
  const { ticket } = (await ask(one, 'POST', '/v1/tickets')).body
  const target = `/v1/topics/shared/records?limit=1&ticket=${ticket}`
  expect((await two.ask('GET', target)).status).toBe(200)
  expect((await one.ask('GET', target)).status).toBe(401)
  expect((await one.ask('GET', '/v1/topics/shared/records')).status).toBe(401)
})

test('a gateway whose cluster is gone says so about as soon for keys, rights and quotas as for topics', async () => {
  const clock = new TestClock()
  const cluster = await openHttp({ gateways: 'User:ANONYMOUS' })
  await using gateway = await openHttp({
    ...{ upstream: cluster.server.url, access: 'keys', data: 'memory:', runtime: clock },
  })
  const headers = { authorization: `Bearer ${gateway.server.firstKey!.key}` }
  await cluster.server.close()
  const acl = { principal: 'User:a', type: 'topic', name: 'a', operation: 'read' }
  for (const [target, body] of [
    ['/v1/keys', { name: 'a', scopes: ['admin'] }],
    ['/v1/acls', { acls: [acl] }],
    ['/v1/quotas', { entity: { user: 'a' }, quotas: { producer_byte_rate: 1 } }],
    ['/v1/topics', { name: 'a' }],
  ] as const) {
    const started = clock.monotonicNow()
    let answer: Answered | undefined
    const asked = gateway.ask('POST', target, { body, headers }).then((one) => {
      answer = one
    })
    while (!answer && clock.monotonicNow() - started < 60_000) await clock.advance(100)
    const tookMs = clock.monotonicNow() - started
    await asked
    expect([target, answer!.status, answer!.body.code]).toEqual([target, 502, 'NETWORK_EXCEPTION'])
    expect(tookMs, target).toBeLessThan(15_000)
  }
})
