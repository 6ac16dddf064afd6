/** The console's files at the HTTP door, and what it and others ask of sizes, lag, parts of topics and copies. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHttpHandler } from '../../src/server/http-handler.ts'
import { type HttpFixture, openHttp } from './http-fixture.ts'

const built = fileURLToPath(new URL('../../dist/console/', import.meta.url))

describe('the built console', () => {
  const index = readFileSync(`${built}index.html`, 'utf8')
  const assets = readdirSync(`${built}assets`).filter((name) => !/\.(br|gz)$/.test(name))
  const initial = assets.filter((name) => index.includes(name))

  test('is small before a chart is drawn: 60 KiB with gzip', () => {
    const bytes = initial.map((name) => gzipSync(readFileSync(`${built}assets/${name}`)).length)
    expect(initial.some((name) => name.endsWith('.js'))).toBe(true)
    expect(bytes.reduce((sum, one) => sum + one, 0) + gzipSync(index).length).toBeLessThan(
      60 * 1024,
    )
  })

  test('loads what draws charts when there is one', () => {
    expect(assets.filter((name) => name.includes('chart')).length).toBeGreaterThan(0)
    expect(initial.filter((name) => name.includes('chart'))).toEqual([])
  })

  test('has no code and no styles in its page', () => {
    expect(index).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/)
  })

  test('asks nothing of other hosts', () => {
    for (const name of initial) {
      const code = readFileSync(`${built}assets/${name}`, 'utf8')
      const hosts = [...code.matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host)
      // Names of namespaces, examples, and where a message leads; the policy lets nothing out anyhow.
      expect(
        hosts.filter((host) => !/^(www\.w3\.org|github\.com|.*\.example\.com)$/.test(host!)),
      ).toEqual([])
    }
  })
})

describe('a page', () => {
  let http: HttpFixture
  beforeAll(async () => {
    http = await openHttp()
  })
  afterAll(() => http[Symbol.asyncDispose]())

  const asset = () => readdirSync(`${built}assets`).find((name) => name.endsWith('.js'))!

  test('is served at the root, and wherever a browser goes', async () => {
    const accept = 'text/html,application/xhtml+xml'
    const root = await http.ask('GET', '/')
    const deep = await http.ask('GET', '/topics/orders?tab=config', { headers: { accept } })
    expect([root.status, deep.status]).toEqual([200, 200])
    expect(root.text).toContain('<div id="app">')
    expect(deep.text).toBe(root.text)
  })

  test('has a policy without inline code', async () => {
    const { headers } = await http.ask('GET', '/')
    const policy = headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).not.toMatch(/unsafe|data:|\*/)
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  test('is known again by its ETag', async () => {
    const { headers } = await http.ask('GET', '/')
    const etag = headers.get('etag')!
    const again = await http.ask('GET', '/', { headers: { 'if-none-match': etag } })
    expect(again).toMatchObject({ status: 304, text: '' })
  })

  test.each(['br', 'gzip'])('has files in %s, which are kept for ever', async (encoding) => {
    const name = asset()
    const headers = { 'accept-encoding': encoding }
    const {
      headers: answered,
      text,
      status,
    } = await http.ask('GET', `/assets/${name}`, { headers })
    expect(status).toBe(200)
    expect(answered.get('content-encoding')).toBe(encoding)
    expect(answered.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(answered.get('content-type')).toBe('text/javascript; charset=utf-8')
    // `fetch` has taken the encoding off.
    expect(text).toBe(readFileSync(`${built}assets/${name}`, 'utf8'))
  })

  test('is whole for who takes no encoding', async () => {
    const headers = { 'accept-encoding': 'identity' }
    const { headers: answered } = await http.ask('GET', `/assets/${asset()}`, { headers })
    expect(answered.get('content-encoding')).toBe(null)
    expect(answered.get('vary')).toBe('Accept-Encoding')
  })

  test.each([
    ['GET', '/v1/nothing', 'text/html'],
    ['GET', '/assets/nothing.js', 'text/html'],
    ['GET', '/topics', '*/*'],
    ['GET', '/../package.json', '*/*'],
    ['GET', '/assets/..%2f..%2f..%2fpackage.json', '*/*'],
    ['POST', '/', 'text/html'],
  ])('is not there for %s %s, accepting %s', async (method, target, accept) => {
    const answer = await http.ask(method, target, { headers: { accept } })
    expect(answer.status).toBe(404)
    expect(answer.body.code).toBe('ROUTE_NOT_FOUND')
  })
})

test('a host that is not ours gets no page', async () => {
  const handler = await createHttpHandler({
    data: 'memory:',
    http: { console: true, allowedHosts: ['localhost'] },
  })
  const ask = (host: string) =>
    handler.fetch(new Request('http://localhost/', { headers: { host } }))
  expect((await ask('elsewhere.example')).status).toBe(421)
  expect((await ask('localhost')).status).toBe(200)
  await handler.close()
})

test('the console can be switched off', async () => {
  await using http = await openHttp({ http: { console: false } })
  expect((await http.ask('GET', '/')).status).toBe(404)
})

test('a handler that is mounted elsewhere has it where it is set, with links to there', async () => {
  const without = await createHttpHandler({ data: 'memory:' })
  expect((await without.fetch(new Request('http://localhost/'))).status).toBe(404)
  await without.close()
  const mounted = await createHttpHandler({
    ...{ data: 'memory:', basePath: '/events' },
    http: { console: true },
  })
  const page = await mounted.fetch(new Request('http://localhost/events/'))
  expect(await page.text()).toContain('<base href="/events/"')
  await mounted.close()
})

describe('records', () => {
  let http: HttpFixture
  const read = (query: string) => http.ask('GET', `/v1/topics/orders/records?${query}`)
  const orders = (answer: { body: { records: { value: { order: number } }[] } }) =>
    answer.body.records.map(({ value }) => value.order)

  beforeAll(async () => {
    http = await openHttp()
    await http.ask('POST', '/v1/topics', { body: { name: 'orders', partitions: 1 } })
    const records = Array.from({ length: 10 }, (_, order) => ({
      key: `k${order % 2}`,
      value: { order },
    }))
    await http.ask('POST', '/v1/topics/orders/records:batch', { body: { records } })
  })
  afterAll(() => http[Symbol.asyncDispose]())

  test('are read from so many before the end, and from an offset', async () => {
    expect(orders(await read('from=latest-3'))).toEqual([7, 8, 9])
    expect(orders(await read('from=latest-100'))).toHaveLength(10)
    expect(orders(await read('from=@8'))).toEqual([8, 9])
    expect(orders(await read('from=@800'))).toEqual([])
  })

  test('are read up to a place, where the answer is at its end', async () => {
    const first = await read('from=@2&to=@6&limit=3')
    expect(orders(first)).toEqual([2, 3, 4])
    expect(first.body.isAtEnd).toBe(false)
    const rest = await read(`from=${first.body.cursor}&to=@6`)
    expect(orders(rest)).toEqual([5])
    expect(rest.body.isAtEnd).toBe(true)
    expect((await read('from=@6&to=@2')).body).toMatchObject({ records: [], isAtEnd: true })
  })

  test('are chosen by a filter', async () => {
    const filter = encodeURIComponent('value.order > 3 && key == "k1"')
    expect(orders(await read(`filter=${filter}`))).toEqual([5, 7, 9])
  })

  test('a filter that is none is refused, with the place of what is wrong', async () => {
    const answer = await read('filter=value.order%20%3E')
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST', parameter: 'filter' })
    expect(answer.body.detail).toMatch(/column \d+/)
  })

  test('are cut to a length, between characters, and are whole as a file', async () => {
    const text = `${'ä'.repeat(1000)}€`
    const stored = await http.ask('POST', '/v1/topics/long/records', { body: text })
    const { partition, offset } = stored.body
    const place = `/v1/topics/long/partitions/${partition}/records/${offset}`
    const cut = await http.ask('GET', `${place}?maxValueBytes=5`)
    expect(cut.body).toMatchObject({ valueText: 'ää', valueBytes: 2003 })
    const file = await http.ask('GET', `${place}/value`)
    expect(file.text).toBe(text)
    expect(file.headers.get('content-disposition')).toMatch(
      /^attachment; filename="long-0-0\.bin"$/,
    )
    expect(file.headers.get('content-type')).toBe('application/octet-stream')
  })

  test('are copied byte for byte, without the headers that are named', async () => {
    const value = '{"id": 12345678901234567890}'
    const from = await http.ask('POST', '/v1/topics/letters/records?key=a', {
      body: value,
      headers: { 'kafka-header-error': 'it broke', 'kafka-header-source': 'shop' },
    })
    const { partition, offset } = from.body
    const copied = await http.ask('POST', '/v1/topics/copies/records:copy', {
      body: { records: [{ topic: 'letters', partition, offset }], withoutHeaders: ['error'] },
    })
    expect(copied.body).toMatchObject({ stored: 1, failed: 0 })
    const [place] = copied.body.records
    const there = `/v1/topics/copies/partitions/${place.partition}/records/${place.offset}`
    expect((await http.ask('GET', `${there}/value`)).text).toBe(value)
    expect((await http.ask('GET', there)).body).toMatchObject({
      key: 'a',
      headers: [{ name: 'source', value: 'shop' }],
    })
  })

  test('a copy of what is not there says so', async () => {
    const records = [{ topic: 'orders', partition: 0, offset: '99' }]
    const answer = await http.ask('POST', '/v1/topics/copies/records:copy', { body: { records } })
    expect(answer).toMatchObject({ status: 404, body: { code: 'RECORD_NOT_FOUND' } })
  })
})

describe('sizes', () => {
  let http: HttpFixture
  beforeAll(async () => {
    http = await openHttp()
    await http.ask('POST', '/v1/topics', { body: { name: 'orders', partitions: 2 } })
    for (let i = 0; i < 5; i++)
      await http.ask('POST', `/v1/topics/orders/records?partition=${i % 2}`, { body: { i } })
    const pull = { topics: ['orders'], pullId: 'one', max: 1 }
    const { body } = await http.ask('POST', '/v1/groups/billing/pull', { body: pull })
    await http.ask('POST', '/v1/groups/billing/ack', { body: { lease: body.lease, accept: 'all' } })
  })
  afterAll(() => http[Symbol.asyncDispose]())

  test('of topics: records, and bytes on disk', async () => {
    const { body } = await http.ask('GET', '/v1/sizes/topics')
    expect(body.topics).toHaveLength(1)
    expect(body.topics[0]).toMatchObject({ name: 'orders', partitions: 2, records: '5', end: '5' })
    expect(Number(body.topics[0].bytes)).toBeGreaterThan(0)
  })

  test('of disks', async () => {
    const { body } = await http.ask('GET', '/v1/sizes/disks')
    expect(body.disks).toHaveLength(1)
    expect(body.disks[0]).toMatchObject({ folder: 'memory:' })
    expect(Number(body.disks[0].recordBytes)).toBeGreaterThan(0)
  })

  test('of groups: how far behind, by topic', async () => {
    const { body } = await http.ask('GET', '/v1/sizes/groups')
    expect(body.groups).toMatchObject([
      { group: 'billing', members: 0, totalLag: '4', topics: [{ topic: 'orders', lag: '4' }] },
    ])
  })

  test('lag in records and in time', async () => {
    const { body } = await http.ask('GET', '/v1/groups/billing/lag')
    expect(body).toMatchObject({ group: 'billing', totalLag: '4' })
    expect(body.behindMs).toBeGreaterThanOrEqual(0)
    const [first] = body.partitions
    expect(first.topic).toBe('orders')
    expect(BigInt(first.latest) - BigInt(first.committed)).toBe(BigInt(first.lag))
  })

  test('of who asks', async () => {
    const { body } = await http.ask('GET', '/v1/caller')
    expect(body).toMatchObject({ hasAccessControl: false, rights: { createTopics: true } })
  })
})

test('a key that may read one topic sees that topic, no bytes, and is told what it may not', async () => {
  await using http = await openHttp({ access: 'keys' })
  const admin = { authorization: `Bearer ${http.server.firstKey!.key}` }
  for (const name of ['orders', 'secrets'])
    await http.ask('POST', '/v1/topics', { body: { name }, headers: admin })
  const { body } = await http.ask('POST', '/v1/keys', {
    body: { name: 'reader', scopes: ['consume:orders'] },
    headers: admin,
  })
  const headers = { authorization: `Bearer ${body.key}` }
  expect((await http.ask('GET', '/', { headers: {} })).status).toBe(200)
  expect((await http.ask('GET', '/v1/sizes/topics')).status).toBe(401)
  const sizes = await http.ask('GET', '/v1/sizes/topics', { headers })
  expect(sizes.body.topics).toMatchObject([{ name: 'orders', bytes: null }])
  expect((await http.ask('GET', '/v1/sizes/disks', { headers })).status).toBe(403)
  expect((await http.ask('GET', '/v1/caller', { headers })).body).toMatchObject({
    principal: `User:${body.id}`,
    hasAccessControl: true,
    rights: { describeCluster: false, createTopics: false },
  })
  const copy = { records: [{ topic: 'secrets', partition: 0, offset: '0' }] }
  const refused = await http.ask('POST', '/v1/topics/orders/records:copy', { body: copy, headers })
  expect([403, 404]).toContain(refused.status)
})
