/** Answers of every route, held against what the OpenAPI document says of them. */
import { expect, test } from 'vitest'
import { check, type Schema } from '../../src/http/schema.ts'
import { openHttp } from './http-fixture.ts'

interface Told {
  readonly operationId: string
  readonly responses: {
    readonly [status: string]: {
      readonly content?: { readonly [type: string]: { schema: Schema } }
    }
  }
}

interface Asked {
  readonly params?: { readonly [name: string]: string }
  readonly query?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Members that the document does not name are mistakes, too. */
test('what is answered has the status, the type and the members that the document says', async () => {
  await using http = await openHttp({ access: 'keys' })
  const key = { authorization: `Bearer ${http.server.firstKey!.key}` }
  const { paths, components } = (await http.ask('GET', '/v1/openapi.json')).body
  const asked = new Set<string>()
  const ask = async (way: string, { params = {}, query, body, headers }: Asked = {}) => {
    const [method, path] = way.split(' ') as [string, string]
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '0')
    const target = query === undefined ? filled : `${filled}?${query}`
    const answer = await http.ask(method, target, { body, headers: { ...key, ...headers } })
    const told: Told = paths[path][method.toLowerCase()]
    asked.add(told.operationId)
    const about = `${way} ${answer.status} ${answer.text.slice(0, 300)}`
    const { content } = told.responses[answer.status] ?? {}
    const type = answer.headers.get('content-type')?.split(';')[0]
    expect(Object.keys(told.responses), about).toContain(String(answer.status))
    expect(answer.text === '', about).toBe(content === undefined)
    if (content) expect(Object.keys(content), about).toContain(type)
    const schema = content?.[type!]?.schema
    if (schema && answer.body !== undefined)
      expect(() => check(schema, answer.body), about).not.toThrow()
    return answer
  }
  const topic = { topic: 'orders' }
  const params = { ...topic, group: 'g' }
  await ask('POST /v1/topics', { body: { name: 'orders', partitions: 2, retention: '1d' } })
  await ask('PATCH /v1/topics/{topic}', { params, body: { partitions: 3 } })
  const one = 'POST /v1/topics/{topic}/records'
  await ask(one, { params, query: 'key=k&partition=0', body: '{"a":1}' })
  await ask(one, { params, body: '1', headers: { 'idempotency-key': 'x' } })
  const many = `${one}:batch`
  const lines = { 'content-type': 'application/x-ndjson' }
  const good = { key: 'a', value: 1, headers: { a: 'b' } }
  const results = [
    await ask(many, { params, body: { records: [good, { valueBase64: '/w==' }] } }),
    await ask(many, { params, body: { records: [good, { value: 1, partition: 9 }] } }),
    await ask(many, { params, headers: lines, body: '{"value":1}\n{"value":2}\n' }),
    await ask(many, { params, headers: lines, body: '{"value":1}\n{"value":2,"partition":9}\n{' }),
  ]
  expect(results.map(({ status }) => status)).toEqual([200, 207, 200, 207])
  const { body: pulled } = await ask('POST /v1/groups/{group}/pull', {
    params,
    body: { topics: ['orders'], pullId: 'p' },
  })
  const made = await ask('POST /v1/keys', {
    body: { name: 'a', scopes: ['produce:orders'], expires: '2100-01-01T00:00:00Z' },
  })
  const ofKey = { id: made.body.id as string }
  const acl = { principal: 'User:a', type: 'topic', name: 'a', operation: 'read' }
  await ask('POST /v1/acls', { body: { acls: [acl] } })
  await ask('POST /v1/quotas', { body: { entity: { user: 'a' }, quotas: { request_rate: 9 } } })
  const others = ['backUp', 'getOpenApi']
  for (const [path, { get }] of Object.entries<{ get?: Told }>(paths))
    if (get && !others.includes(get.operationId)) await ask(`GET ${path}`, { params })
  await ask('GET /v1/topics/{topic}/records', {
    params,
    headers: { accept: 'application/x-ndjson' },
    query: 'limit=1',
  })
  await ask('POST /v1/keys/{id}/rotate', { params: ofKey, body: { overlap: '1h' } })
  await ask('DELETE /v1/keys/{id}', { params: ofKey })
  await ask('POST /v1/acls:delete', { body: acl })
  await ask('POST /v1/tickets')
  await ask('POST /v1/groups/{group}/ack', {
    params,
    body: { lease: pulled.lease, accept: 'all' },
  })
  const reset = { topic: 'orders', to: 'earliest' }
  await ask('POST /v1/groups/{group}/offsets:reset', { params, body: reset })
  await ask('DELETE /v1/groups/{group}', { params })
  await ask('POST /v1/topics/{topic}/records:delete', { params, body: { before: { 0: 'latest' } } })
  await ask('DELETE /v1/topics/{topic}', { params })
  const problem = await http.ask('GET', '/v1/topics/none', { headers: key })
  expect(() => check(components.schemas.Problem, problem.body)).not.toThrow()
  const all = Object.values<{ [method: string]: Told }>(paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  expect(all.filter((id) => !asked.has(id)).sort()).toEqual(
    [...others, 'copyRecords', 'exchangeFrames'].sort(),
  )
})
