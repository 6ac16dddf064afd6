/** Idempotency keys: the first answer again, also from another replica, after a restart, and after a process was killed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createServer } from '../../src/server/server.ts'
import { httpAt, openHttp } from './http-fixture.ts'

const once = (key: string, more = {}) => ({ headers: { 'idempotency-key': key, ...more } })
const values = async (http: { ask: ReturnType<typeof httpAt>['ask'] }, topic = 'orders') =>
  (await http.ask('GET', `/v1/topics/${topic}/records`)).body.records.map(
    ({ value }: { value: unknown }) => value,
  )

describe('an Idempotency-Key', () => {
  test('gives the first answer again and writes nothing', async () => {
    await using http = await openHttp()
    const send = (key: string, body = '1', query = '') =>
      http.ask('POST', `/v1/topics/orders/records${query}`, { body, ...once(key) })
    const first = await send('a')
    expect(first).toMatchObject({ status: 200, body: { topic: 'orders', offset: '0' } })
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    const again = await send('a')
    expect(again).toMatchObject({ status: 200, body: first.body })
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    for (const other of [await send('a', '2'), await send('a', '1', '?key=x')]) {
      expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } })
    }
    expect((await send('b')).status).toBe(200)
    expect(await values(http)).toEqual([1, 1])
  })

  test('ten at once write one record', async () => {
    await using http = await openHttp()
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        http.ask('POST', '/v1/topics/orders/records', { body: '1', ...once('same') }),
      ),
    )
    expect(new Set(all.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(await values(http)).toEqual([1])
  })

  test('for a batch: all or none', async () => {
    await using http = await openHttp()
    await http.ask('POST', '/v1/topics', { body: { name: 'orders', partitions: 1 } })
    const send = (key: string, records: object[]) =>
      http.ask('POST', '/v1/topics/orders/records:batch', { body: { records }, ...once(key) })
    const refused = await send('a', [{ value: 1 }, { value: 2, partition: 9 }])
    expect(refused).toMatchObject({ status: 404, body: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } })
    expect(await values(http)).toEqual([])
    const sent = await send('b', [{ value: 1 }, { value: 2 }])
    expect(sent).toMatchObject({ status: 200, body: { stored: 2 } })
    expect((await send('b', [{ value: 1 }, { value: 2 }])).body).toEqual(sent.body)
    expect(await values(http)).toEqual([1, 2])
  })

  test('one that fails takes no other with it', async () => {
    await using http = await openHttp()
    await http.ask('POST', '/v1/topics', { body: { name: 'orders', partitions: 1 } })
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        http.ask('POST', `/v1/topics/orders/records?partition=${i === 7 ? 5 : 0}`, {
          body: String(i),
          ...once(`k${i}`),
        }),
      ),
    )
    expect(all.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i === 7 ? 404 : 200)),
    )
    expect(await values(http)).toHaveLength(19)
  })

  test('is known to every replica, whichever is asked', async () => {
    await using cluster = await openHttp({ gateways: 'User:ANONYMOUS' })
    const upstream = cluster.server.url
    await using one = await openHttp({ upstream })
    await using two = await openHttp({ upstream })
    const replicas = [one, two, cluster]
    const answers = new Map<string, Set<string>>()
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 9 }, async (_, i) => {
          const key = `k${i}`
          const { status, text } = await replicas[(i + round) % 3]!.ask(
            'POST',
            '/v1/topics/orders/records',
            { body: String(i), ...once(key) },
          )
          const seen = answers.get(key) ?? new Set()
          answers.set(key, seen.add(`${status} ${text}`))
        }),
      )
    }
    expect([...answers.values()].map(({ size }) => size)).toEqual(Array(9).fill(1))
    expect((await values(two)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('survives a restart', async () => {
    const data = mkdtempSync(join(tmpdir(), 'kafka-do-'))
    try {
      const texts: string[] = []
      for (let i = 0; i < 2; i++) {
        await using server = await createServer({ data, port: 0, httpPort: 0 })
        const { ask } = httpAt(server.httpUrl!)
        const { status, text } = await ask('POST', '/v1/topics/orders/records', {
          body: '1',
          ...once('a'),
        })
        expect(status).toBe(200)
        texts.push(text)
        expect(await values({ ask })).toEqual([1])
      }
      expect(texts[0]).toBe(texts[1])
    } finally {
      rmSync(data, { recursive: true, force: true })
    }
  })

  test('too many of them are refused before anything is written', async () => {
    await using http = await openHttp({ http: { maxIdempotencyKeys: 1 } })
    const statuses: number[] = []
    for (let i = 0; i < 30; i++)
      statuses.push(
        (await http.ask('POST', '/v1/topics/orders/records', { body: '1', ...once(`k${i}`) }))
          .status,
      )
    const stored = statuses.filter((status) => status === 200).length
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    expect(await values(http)).toHaveLength(stored)
  })

  test.each(['', 'x'.repeat(256), 'a b'])("'%s' is refused", async (key) => {
    await using http = await openHttp()
    const { status } = await http.ask('POST', '/v1/topics/orders/records', {
      body: '1',
      headers: { 'idempotency-key': key },
    })
    expect(status).toBe(400)
  })
})
