/** API keys: what they are, who takes them, what they may, how they end. */
import { afterEach, describe, expect, test } from 'vitest'
import { AccessGuard } from '../../src/access/access-guard.ts'
import { formatKey, parseKey } from '../../src/access/keys/api-key.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { batch } from '../broker/test-broker.ts'
import {
  type Ask,
  connectionTo,
  type GuardedBroker,
  openGuarded,
  origin,
  userSession,
} from './guarded-broker.ts'

let opened: GuardedBroker[] = []
afterEach(async () => {
  for (const one of opened) await one.close()
  opened = []
})

async function open(options?: Parameters<typeof openGuarded>[0]): Promise<GuardedBroker> {
  const guarded = await openGuarded(options)
  opened.push(guarded)
  return guarded
}

async function produceTo(ask: Ask, name: string): Promise<string> {
  const partitionData = [
    createProduceRequestPartitionProduceData({ index: 0, records: batch('v') }),
  ]
  const topicData = [createProduceRequestTopicProduceData({ name, partitionData })]
  const answer = await ask(
    produce,
    createProduceRequest({ acks: -1, timeoutMs: 1000, topicData }),
    12,
  )
  return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode)
}

async function create(ask: Ask, name: string): Promise<string> {
  const topics = [
    createCreateTopicsRequestCreatableTopic({ name, numPartitions: 1, replicationFactor: 1 }),
  ]
  const answer = await ask(createTopics, createCreateTopicsRequest({ topics }))
  return errorName(answer.topics[0]!.errorCode)
}

describe('a key', () => {
  test('is an id, a secret and a checksum', async () => {
    const { guard } = await open()
    const { key, id } = await guard.keys.create({ name: 'web', scopes: ['produce:orders'] })
    expect(key).toMatch(/^kd_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
    expect(key).toContain(`kd_${id}_`)
    expect(formatKey(parseKey(key)!)).toBe(key)
    expect(JSON.stringify([...guard.state.keys.values()])).not.toContain(parseKey(key)!.secret)
  })

  test('that is mistyped, cut off, unknown, revoked or expired is refused, and says which of these', async () => {
    const { guard } = await open()
    const { key, id } = await guard.keys.create({ name: 'a', scopes: ['admin'] })
    const refusal = (text: string) => guard.authenticate(text, origin).catch((error) => error)
    const other = key.endsWith('0') ? '1' : '0'
    const wrong = formatKey({ id, secret: '0'.repeat(43) })
    const expired = await guard.keys.create({
      name: 'b',
      scopes: ['admin'],
      expiresAt: Date.now() + 20,
    })
    expect(await refusal(key.slice(0, -1) + other)).toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
      message: /mistyped/,
    })
    expect(await refusal(key.slice(0, -3))).toMatchObject({ message: /cut off/ })
    expect(await refusal('')).toMatchObject({ message: /not an API key/ })
    expect(await refusal(wrong)).toMatchObject({
      message: 'The API key is unknown or was revoked',
    })
    await expect.poll(async () => (await refusal(expired.key)).message).toMatch(/expired at 20/)
    await guard.keys.revoke(id)
    expect(await refusal(key)).toMatchObject({
      message: 'The API key is unknown or was revoked',
    })
    for (const text of [key, wrong, expired.key])
      expect((await refusal(text)).message).not.toContain(parseKey(text)!.secret)
  })

  test('may what its scopes say, and nothing else', async () => {
    const { keyFor } = await open()
    const admin = await keyFor('admin')
    expect(await create(admin.ask, 'orders.eu')).toBe('NONE')
    expect(await create(admin.ask, 'other')).toBe('NONE')
    const { ask } = await keyFor('produce:orders.*')
    expect(await produceTo(ask, 'orders.eu')).toBe('NONE')
    expect(await produceTo(ask, 'other')).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(await create(ask, 'orders.us')).toBe('TOPIC_AUTHORIZATION_FAILED')
    const seen = await ask(metadata, createMetadataRequest({ topics: null }))
    expect(seen.topics.map(({ name }) => name)).toEqual(['orders.eu'])
  })

  test('that is given new secrets takes the old one until the overlap is over', async () => {
    const { guard, sessionOf } = await open()
    const first = await guard.keys.create({ name: 'a', scopes: ['admin'] })
    const second = await guard.keys.rotate(first.id, { overlapMs: 60_000 })
    expect(second.id).toBe(first.id)
    expect(second.previousSecretUntil).toBeGreaterThan(Date.now())
    const sessions = [await sessionOf(first.key), await sessionOf(second.key)]
    const ended: number[] = []
    sessions.forEach((session, i) => {
      guard.watch(session)
      session.onEnd(() => ended.push(i))
    })
    const third = await guard.keys.rotate(first.id)
    expect(ended).toEqual([0, 1])
    await expect(sessionOf(first.key)).rejects.toThrow('unknown or was revoked')
    await expect(sessionOf(second.key)).rejects.toThrow('unknown or was revoked')
    expect((await sessionOf(third.key)).principal.name).toBe(first.id)
  })

  test('that is revoked ends its sessions, and takes its rights along', async () => {
    const { guard, keyFor } = await open()
    const { id, session, ask } = await keyFor('produce:orders')
    const ends = new Promise((resolve) => session.onEnd(resolve))
    guard.watch(session)
    await guard.keys.revoke(id)
    expect(await ends).toBe('its API key was revoked')
    expect([...guard.state.acls.all()]).toEqual([])
    await expect(produceTo(ask, 'orders')).rejects.toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
    })
    await expect(guard.keys.revoke(id)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
  })

  test('that runs out ends its sessions', async () => {
    const real = createRuntime()
    let aheadMs = 0
    const { guard, sessionOf } = await open({
      runtime: { ...real, now: () => real.now() + aheadMs },
    })
    const expiresAt = Date.now() + 3_600_000
    const { key } = await guard.keys.create({ name: 'a', scopes: ['admin'], expiresAt })
    const session = await sessionOf(key)
    guard.watch(session)
    // Who else watches and lets go takes it from nobody.
    guard.watch(session)()
    aheadMs = 3_600_000
    expect(await new Promise((resolve) => session.onEnd(resolve))).toMatch(/have expired/)
  })
})

describe('who makes keys', () => {
  test('hands on no more than it has', async () => {
    const { guard, keyFor } = await open()
    const maker = await keyFor('keys', 'produce:orders.*', 'consume:orders.*@billing')
    const make = (scopes: string[]) => guard.keys.create({ name: 'n', scopes }, maker.session)
    const made = await make(['produce:orders.eu', 'consume:orders.e*@billing'])
    expect(made.createdBy).toBe(maker.id)
    for (const scope of [
      'produce:order*',
      'produce:*',
      'admin',
      'consume:orders.eu@other',
      'manage:orders.eu',
    ])
      await expect(make([scope]), scope).rejects.toMatchObject({
        code: 'CLUSTER_AUTHORIZATION_FAILED',
      })
    expect((await guard.keys.list(maker.session)).map(({ id }) => id)).toEqual([made.id])
    await expect(guard.keys.revoke(maker.id, maker.session)).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
    })
    await guard.keys.revoke(made.id, maker.session)
  })

  test('lives at least as long as the key that it makes', async () => {
    const { guard, sessionOf } = await open()
    const expiresAt = Date.now() + 60_000
    const { key } = await guard.keys.create({ name: 'a', scopes: ['keys', 'produce:a'], expiresAt })
    const by = await sessionOf(key)
    const make = (until?: number) =>
      guard.keys.create({ name: 'n', scopes: ['produce:a'], expiresAt: until }, by)
    await expect(make()).rejects.toThrow('longer')
    await expect(make(expiresAt + 1)).rejects.toThrow('longer')
    expect((await make(expiresAt)).expiresAt).toBe(expiresAt)
  })

  test('needs a right to', async () => {
    const { guard, keyFor } = await open()
    const { session, id } = await keyFor('produce:*')
    for (const attempt of [
      guard.keys.create({ name: 'n', scopes: ['produce:a'] }, session),
      guard.keys.list(session),
      guard.keys.rotate(id, {}, session),
      guard.keys.revoke(id, session),
    ])
      await expect(attempt).rejects.toMatchObject({
        code: 'CLUSTER_AUTHORIZATION_FAILED',
        message: /CreateTokens/,
      })
  })

  test.each([
    [{ name: '', scopes: ['admin'] }, 'name'],
    [{ name: 'a', scopes: [] }, 'scopes'],
    [{ name: 'a', scopes: ['produce'] }, '"produce"'],
    [{ name: 'a', scopes: ['produce:a b'] }, 'produce:a b'],
    [{ name: 'a', scopes: ['produce:a@'] }, 'produce:a@'],
    [{ name: 'a', scopes: ['manage:a@b'] }, 'manage:a@b'],
    [{ name: 'a', scopes: ['toString:a'] }, 'toString:a'],
    [{ name: 'a', scopes: [1] }, '1'],
    [{ name: 'a', scopes: ['admin'], expiresAt: 5 }, 'expiresAt'],
    [{ name: 'a', scopes: ['admin'], more: 5 }, 'more'],
    ['x', 'keys.create'],
  ])('is told what is wrong with %j', async (options, named) => {
    const { guard } = await open()
    await expect(guard.keys.create(options as never)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(named),
    })
    await expect(guard.keys.rotate('x', { overlapMs: -1 })).rejects.toThrow('overlapMs')
  })
})

test('keys, rights and last uses are there after a restart', async () => {
  const first = await openGuarded()
  const { key, id } = await first.keyFor('produce:orders')
  await first.close()
  const again = await open({ fileSystem: first.fileSystem })
  const session = await again.sessionOf(key)
  expect(session.principal).toEqual({ type: 'User', name: id })
  expect(await produceTo(again.as(session), 'orders')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  expect((await again.guard.keys.list())[0]!.lastUsedAt).toBeGreaterThan(0)
})

test('several servers that follow one topic agree', async () => {
  const { guard, broker } = await open()
  const runtime = createRuntime()
  const other = new AccessGuard({ runtime })
  await other.open(connectionTo(broker, runtime))
  const { key, id } = await other.keys.create({ name: 'a', scopes: ['admin'] })
  await expect.poll(() => guard.state.keys.has(id)).toBe(true)
  const session = userSession('x')
  session.identify(await guard.authenticate(key, origin))
  guard.watch(session)
  const ends = new Promise((resolve) => session.onEnd(resolve))
  await other.keys.revoke(id)
  expect(await ends).toBe('its API key was revoked')
  await other.close()
})

test('nobody but the server touches its own topics', async () => {
  const { keyFor } = await open()
  const { ask } = await keyFor('admin')
  expect(await produceTo(ask, '__kafka_do_access')).toBe('TOPIC_AUTHORIZATION_FAILED')
  expect(await create(ask, '__kafka_do_other')).toBe('TOPIC_AUTHORIZATION_FAILED')
})

test('whoever has not authenticated asks nothing', async () => {
  const { as } = await open()
  const session = userSession('ANONYMOUS')
  session.identify({ principal: session.principal, authentication: 'none' })
  await expect(as(session)(metadata, createMetadataRequest())).rejects.toMatchObject({
    code: 'ILLEGAL_SASL_STATE',
  })
})

describe('at once, twice, and in the middle', () => {
  test('ten keys that are made at once are ten keys', async () => {
    const { guard, sessionOf } = await open()
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, i) => guard.keys.create({ name: `k${i}`, scopes: ['admin'] })),
    )
    expect(new Set(made.map(({ id }) => id)).size).toBe(10)
    expect(await guard.keys.list()).toHaveLength(10)
    for (const { key, id } of made) expect((await sessionOf(key)).principal.name).toBe(id)
  })

  test('a key that is revoked twice at once is revoked, and both are told so', async () => {
    const { guard } = await open()
    const { id } = await guard.keys.create({ name: 'a', scopes: ['admin'] })
    const results = await Promise.allSettled([guard.keys.revoke(id), guard.keys.revoke(id)])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(await guard.keys.list()).toEqual([])
    expect([...guard.state.acls.all()]).toEqual([])
  })

  test('a guard that is not open, or closed, makes no keys and lets nobody in', async () => {
    const guard = new AccessGuard({ runtime: createRuntime() })
    await expect(guard.keys.create({ name: 'a', scopes: ['admin'] })).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
    })
    await expect(guard.authenticate('kd_x', origin)).rejects.toThrow('mistyped')
    const other = await open()
    const { key } = await other.guard.keys.create({ name: 'a', scopes: ['admin'] })
    await other.guard.close()
    await other.guard.close()
    const failing = other.guard.keys.create({ name: 'b', scopes: ['admin'] })
    await expect(failing).rejects.toMatchObject({ name: 'ClosedError', outcome: 'unknown' })
    expect((await other.guard.authenticate(key, origin)).authentication).toBe('key')
  })

  test('what waits to be written when the broker closes is told, not left waiting', async () => {
    const { guard, broker } = await open()
    const writing = Array.from({ length: 5 }, (_, i) =>
      guard.keys.create({ name: `k${i}`, scopes: ['admin'] }).catch((error: Error) => error.name),
    )
    await Promise.all([guard.close(), broker.close()])
    for (const result of await Promise.all(writing))
      expect(typeof result === 'string' ? result : 'made').toMatch(/made|ClosedError|AbortedError/)
  })
})
