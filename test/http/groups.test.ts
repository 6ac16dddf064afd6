/** Groups without a session: leases, acks, what is lost and asked again, dead letters; and what is done about groups. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, Offset } from '../../src/index.ts'
import { TestClock } from '../../src/testing/test-clock.ts'
import { type HttpFixture, openHttp } from './http-fixture.ts'

let http: HttpFixture
let kafka: Client
beforeAll(async () => {
  http = await openHttp({ gateways: 'User:ANONYMOUS' })
  kafka = new Client(http.server.url)
})
afterAll(async () => {
  await kafka?.close()
  await http?.[Symbol.asyncDispose]()
})

let names = 0
const newTopic = async (values: unknown[], partitions = 1) => {
  const name = `topic-${++names}`
  await kafka.admin.createTopic(name, { partitions })
  await kafka.producer(name).sendBatch(values)
  return name
}
const newGroup = () => `group-${++names}`
const pull = (group: string, topic: string, pullId: string, more = {}) =>
  http.ask('POST', `/v1/groups/${group}/pull`, { body: { topics: [topic], pullId, ...more } })
const ack = (group: string, body: object) => http.ask('POST', `/v1/groups/${group}/ack`, { body })
const valuesOf = ({ body }: { body: { records: { value: unknown }[] } }) =>
  body.records.map(({ value }) => value)

test('records are handed out once, and done when that is said', async () => {
  const topic = await newTopic([1, 2, 3, 4])
  const group = newGroup()
  const one = await pull(group, topic, 'p1', { max: 2 })
  const two = await pull(group, topic, 'p2', { max: 2 })
  expect([valuesOf(one), valuesOf(two)]).toEqual([
    [1, 2],
    [3, 4],
  ])
  expect((await pull(group, topic, 'p3')).body).toMatchObject({ lease: null, records: [] })
  expect(await ack(group, { lease: two.body.lease, accept: 'all' })).toMatchObject({
    status: 200,
    body: { accepted: 2, left: 0 },
  })
  expect((await http.ask('GET', `/v1/groups/${group}`)).body).toMatchObject({ totalLag: '4' })
  await ack(group, { lease: one.body.lease, accept: 'all' })
  expect((await http.ask('GET', `/v1/groups/${group}`)).body).toMatchObject({
    totalLag: '0',
    partitions: [{ topic, committed: '4' }],
  })
})

test('a pull that is asked again gives the same again, and so does an ack', async () => {
  const topic = await newTopic([1, 2, 3])
  const group = newGroup()
  const first = await pull(group, topic, 'p', { max: 2 })
  expect((await pull(group, topic, 'p', { max: 2 })).body).toEqual(first.body)
  const done = { lease: first.body.lease, accept: 'all' }
  expect((await ack(group, done)).status).toBe(200)
  expect(await ack(group, done)).toMatchObject({ status: 200, body: { accepted: 0, left: 0 } })
  expect(valuesOf(await pull(group, topic, 'p'))).toEqual([3])
})

test('part of them is done, part is given back, and comes again', async () => {
  const topic = await newTopic([1, 2, 3])
  const group = newGroup()
  const { body } = await pull(group, topic, 'p')
  const place = (offset: number) => ({ topic, partition: 0, offset })
  expect(
    (await ack(group, { lease: body.lease, accept: [place(1)], release: [place(0)] })).body,
  ).toMatchObject({ accepted: 1, released: 1, left: 1 })
  const again = await pull(group, topic, 'p2')
  expect(again.body.records).toMatchObject([{ value: 1, deliveries: 2 }])
  expect((await http.ask('GET', `/v1/groups/${group}`)).body.totalLag).toBe('3')
  await ack(group, { lease: again.body.lease, accept: 'all' })
  await ack(group, { lease: body.lease, accept: 'all' })
  expect((await http.ask('GET', `/v1/groups/${group}`)).body.totalLag).toBe('0')
})

test('a lease that runs out gives back what it had; renewed, it does not', async () => {
  const clock = new TestClock()
  await using timed = await openHttp({ runtime: clock })
  await timed.ask('POST', '/v1/topics/a/records', { body: '1' })
  const ask = (pullId: string) =>
    timed.ask('POST', '/v1/groups/g/pull', { body: { topics: ['a'], pullId, lease: '10s' } })
  const { body } = await ask('p')
  await clock.advance('8s')
  const renewed = await timed.ask('POST', '/v1/groups/g/ack', {
    body: { lease: body.lease, renew: '10s' },
  })
  expect(renewed.body).toMatchObject({ left: 1 })
  await clock.advance('8s')
  expect((await ask('q')).body.lease).toBeNull()
  await clock.advance('3s')
  const again = await ask('r')
  expect(again.body.records).toMatchObject([{ value: 1, deliveries: 2 }])
  const late = await timed.ask('POST', '/v1/groups/g/ack', {
    body: { lease: body.lease, accept: 'all' },
  })
  expect(late).toMatchObject({ status: 410, body: { code: 'LEASE_OVER' } })
})

test('what is rejected, or handed out too often, goes to the dead letters', async () => {
  const topic = await newTopic(['bad', 'worse', 'good'])
  const group = newGroup()
  const deadLetter = { topic: `${topic}-dead`, after: 2 }
  const first = await pull(group, topic, 'p1', { deadLetter, max: 1 })
  await ack(group, { lease: first.body.lease, reject: 'all' })
  for (const id of ['p2', 'p3']) {
    const { body } = await pull(group, topic, id, { deadLetter, max: 1 })
    expect(body.records).toMatchObject([{ value: 'worse' }])
    await ack(group, { lease: body.lease, release: 'all' })
  }
  expect(valuesOf(await pull(group, topic, 'p4', { deadLetter }))).toEqual(['good'])
  const dead = await kafka.consumer(deadLetter.topic).take(2).toArray()
  expect(
    dead.map(({ value, headers }) => [value, headers['original-offset'], headers.error]),
  ).toEqual([
    ['bad', '0', 'rejected'],
    ['worse', '1', 'handed out 2 times'],
  ])
})

test('a pull waits for records, and several never get the same', async () => {
  const topic = await newTopic([], 3)
  const group = newGroup()
  const pulls = Array.from({ length: 6 }, (_, i) =>
    pull(group, topic, `p${i}`, { wait: '20s', max: 5 }),
  )
  await kafka.producer(topic).sendBatch(Array.from({ length: 30 }, (_, i) => i))
  const got = (await Promise.all(pulls)).flatMap(valuesOf)
  let rest: unknown[] = []
  for (let i = 0; got.length + rest.length < 30; i++)
    rest = [...rest, ...valuesOf(await pull(group, topic, `r${i}`))]
  expect([...got, ...rest].map(Number).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 30 }, (_, i) => i),
  )
})

test('replicas agree', async () => {
  const topic = await newTopic(Array.from({ length: 40 }, (_, i) => i))
  const group = newGroup()
  await using one = await openHttp({ upstream: http.server.url })
  await using two = await openHttp({ upstream: http.server.url })
  const replicas = [one, two, http]
  const got: unknown[] = []
  await Promise.all(
    replicas.map(async (replica, r) => {
      for (let i = 0; ; i++) {
        const body = { topics: [topic], pullId: `${r}-${i}`, max: 3 }
        const pulled = await replica.ask('POST', `/v1/groups/${group}/pull`, { body })
        expect(pulled.status).toBe(200)
        if (pulled.body.lease === null) return
        got.push(...valuesOf(pulled))
        const other = replicas[(r + i) % 3]!
        const acked = await other.ask('POST', `/v1/groups/${group}/ack`, {
          body: { lease: pulled.body.lease, accept: 'all' },
        })
        expect(acked.status).toBe(200)
      }
    }),
  )
  expect(got.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i))
})

test('a group goes on where consumers have left off, but not beside them', async () => {
  const topic = await newTopic([1, 2, 3])
  const group = newGroup()
  const consumer = kafka.consumer(topic, { group })
  for await (const { value } of consumer) {
    if (value === 2) break
    expect(await pull(group, topic, 'early')).toMatchObject({
      status: 409,
      body: { code: 'NON_EMPTY_GROUP' },
    })
  }
  const { value } = (await pull(group, topic, 'p')).body.records[0]
  expect(value).toBe(2)
})

describe('mistakes', () => {
  test.each<[object, string]>([
    [{ topics: ['a'] }, 'pullId'],
    [{ topics: [], pullId: 'p' }, 'topics'],
    [{ topics: ['a'], pullId: 'p', max: 0 }, 'max'],
    [{ topics: ['a'], pullId: 'p', maxi: 1 }, "Did you mean 'max'"],
    [{ topics: ['a'], pullId: 'p', lease: '1ms' }, 'lease'],
    [{ topics: ['a'], pullId: 'p', wait: 'long' }, 'wait'],
  ])('%j', async (body, told) => {
    const answer = await http.ask('POST', '/v1/groups/g/pull', { body })
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining(told) } })
  })

  test('of acks', async () => {
    expect(await ack('g', { lease: 'x', accept: 'all' })).toMatchObject({
      status: 410,
      body: { code: 'LEASE_OVER' },
    })
    expect(await ack('g', { lease: 'x' })).toMatchObject({ status: 400 })
    for (const [accept, told] of [
      ['some', `/accept must be "all" or array; got "some"`],
      [[{ topic: 't' }], "/accept/0 must have 'partition'"],
    ])
      expect(await ack('g', { lease: 'x', accept })).toMatchObject({
        status: 400,
        body: { detail: expect.stringContaining(told as string) },
      })
    expect(await ack('g', { lease: 'x', accept: 'all', release: 'all' })).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('Only one of accept, release and reject') },
    })
  })

  test('a place to begin at that is none, also for a group that has begun', async () => {
    const topic = await newTopic([1])
    const group = newGroup()
    expect(await pull(group, topic, 'p')).toMatchObject({ status: 200 })
    expect(await pull(group, topic, 'q', { from: 'x' })).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining("'from' must be one of") },
    })
  })

  test('topics that are not there', async () => {
    expect(await pull('g', 'nowhere', 'p')).toMatchObject({
      status: 404,
      body: { retriable: false },
    })
  })

  test('dead letters that nobody could write, or that would come again', async () => {
    const topic = await newTopic([1])
    const group = newGroup()
    for (const [dead, told] of [
      [topic, 'is pulled itself'],
      ['__consumer_offsets', 'takes no records'],
      ['__transaction_state', 'takes no records'],
      ['__kafka_do_http', 'takes no records'],
    ])
      expect(await pull(group, topic, 'p', { deadLetter: { topic: dead } })).toMatchObject({
        status: 400,
        body: {
          ...{ code: 'INVALID_REQUEST', outcome: 'failed', pointer: '/deadLetter/topic' },
          detail: expect.stringContaining(told!),
        },
      })
    expect(valuesOf(await pull(group, topic, 'p'))).toEqual([1])
  })
})

test('a group that has only pulled so far is described, with its leases, and listed', async () => {
  const topic = await newTopic([1, 2, 3])
  const group = newGroup()
  const { body } = await pull(group, topic, 'p', { max: 2 })
  const leases = [{ until: body.until, records: 2 }]
  const described = await http.ask('GET', `/v1/groups/${group}`)
  expect(described).toMatchObject({
    status: 200,
    body: {
      ...{ group, state: 'Empty', totalLag: '3', leases },
      partitions: [{ topic, partition: 0, committed: '0', lag: '3' }],
    },
  })
  expect(described.text).not.toContain(body.lease)
  expect((await http.ask('GET', '/v1/groups')).body.groups).toContainEqual(
    expect.objectContaining({ group }),
  )
  await ack(group, { lease: body.lease, accept: 'all' })
  expect((await http.ask('GET', `/v1/groups/${group}`)).body).toMatchObject({
    ...{ totalLag: '1', leases: [] },
  })
})

test('a group that has only pulled so far can be deleted, and begins anew', async () => {
  const topic = await newTopic([1, 2])
  const group = newGroup()
  expect(valuesOf(await pull(group, topic, 'p'))).toEqual([1, 2])
  expect(valuesOf(await pull(group, topic, 'other'))).toEqual([])
  expect((await http.ask('DELETE', `/v1/groups/${group}`)).status).toBe(204)
  expect((await http.ask('DELETE', `/v1/groups/${group}`)).status).toBe(404)
  expect(valuesOf(await pull(group, topic, 'other'))).toEqual([1, 2])
})

test('offsets are reset: first only in words', async () => {
  const topic = await newTopic([1, 2, 3])
  const group = newGroup()
  const { body } = await pull(group, topic, 'p')
  await ack(group, { lease: body.lease, accept: 'all' })
  const reset = (more: object) =>
    http.ask('POST', `/v1/groups/${group}/offsets:reset`, { body: { topic, ...more } })
  expect((await reset({ to: 'earliest' })).body).toEqual({
    dryRun: true,
    partitions: [{ partition: 0, before: '3', offset: '0' }],
  })
  expect((await kafka.admin.describeGroup(group)).totalLag).toBe(0n)
  expect((await reset({ to: '-1', dryRun: false })).body).toMatchObject({
    dryRun: false,
    partitions: [{ offset: '2' }],
  })
  expect(valuesOf(await pull(group, topic, 'p2'))).toEqual([3])
  await kafka.admin.resetOffsets(group, topic, Offset.earliest)
  expect((await http.ask('DELETE', `/v1/groups/${group}`)).status).toBe(204)
  expect((await http.ask('GET', `/v1/groups/${group}`)).status).toBe(404)
  expect((await http.ask('GET', '/v1/groups')).body.groups).not.toContainEqual(
    expect.objectContaining({ group }),
  )
})
