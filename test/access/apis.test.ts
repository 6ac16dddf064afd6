/** Rights, SCRAM users and quotas by Kafka's own requests; the audit log that tells of them. */
import { createHash, pbkdf2Sync } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { scramConversation } from '../../src/connection/sasl/scram.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  type AlterClientQuotasRequestOpData,
  alterClientQuotas,
  createAlterClientQuotasRequest,
} from '../../src/protocol/messages/generated/alter-client-quotas.ts'
import {
  alterUserScramCredentials,
  createAlterUserScramCredentialsRequest,
} from '../../src/protocol/messages/generated/alter-user-scram-credentials.ts'
import {
  createAcls,
  createCreateAclsRequest,
} from '../../src/protocol/messages/generated/create-acls.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import {
  createDeleteAclsRequest,
  deleteAcls,
} from '../../src/protocol/messages/generated/delete-acls.ts'
import {
  createDescribeAclsRequest,
  describeAcls,
} from '../../src/protocol/messages/generated/describe-acls.ts'
import {
  createDescribeClientQuotasRequest,
  describeClientQuotas,
} from '../../src/protocol/messages/generated/describe-client-quotas.ts'
import {
  createDescribeUserScramCredentialsRequest,
  describeUserScramCredentials,
} from '../../src/protocol/messages/generated/describe-user-scram-credentials.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import {
  createSaslAuthenticateRequest,
  saslAuthenticate,
} from '../../src/protocol/messages/generated/sasl-authenticate.ts'
import {
  createSaslHandshakeRequest,
  saslHandshake,
} from '../../src/protocol/messages/generated/sasl-handshake.ts'
import {
  type Ask,
  type GuardedBroker,
  openGuarded,
  origin,
  sessionWith,
  userSession,
} from './guarded-broker.ts'
import { readTopic } from './read-audit.ts'

let opened: GuardedBroker[] = []
afterEach(async () => {
  for (const one of opened) await one.close()
  opened = []
})

async function open(): Promise<GuardedBroker & { admin: Ask }> {
  const guarded = await openGuarded({ superUsers: ['User:root'] })
  opened.push(guarded)
  return { ...guarded, admin: guarded.as(userSession('root')) }
}

const acl = {
  resourceType: 2,
  resourceName: 'orders',
  resourcePatternType: 3,
  principal: 'User:alice',
  host: '*',
  operation: 8,
  permissionType: 3,
}
const anyAcl = {
  resourceTypeFilter: 1,
  patternTypeFilter: 1,
  operation: 1,
  permissionType: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
}

describe('rights', () => {
  test('are made, shown, count at once, and are taken away', async () => {
    const { admin, as } = await open()
    await admin(createTopics, topicsRequest('orders'))
    const alice = as(userSession('alice'))
    const seen = async () =>
      (await alice(metadata, createMetadataRequest({ topics: null }))).topics.map(
        ({ name }) => name,
      )
    expect(await seen()).toEqual([])
    const made = await admin(createAcls, createCreateAclsRequest({ creations: [acl] }))
    expect(made.results).toEqual([{ errorCode: 0, errorMessage: null }])
    expect(await seen()).toEqual(['orders'])
    const shown = await admin(describeAcls, createDescribeAclsRequest(anyAcl))
    expect(shown.resources).toEqual([
      {
        ...{ resourceType: 2, resourceName: 'orders', patternType: 3 },
        acls: [{ principal: 'User:alice', host: '*', operation: 8, permissionType: 3 }],
      },
    ])
    const denial = {
      ...acl,
      resourcePatternType: 4,
      resourceName: 'ord',
      operation: 2,
      permissionType: 2,
    }
    await admin(createAcls, createCreateAclsRequest({ creations: [denial] }))
    expect(await seen()).toEqual([])
    const gone = await admin(
      deleteAcls,
      createDeleteAclsRequest({
        filters: [{ ...anyAcl, patternTypeFilter: 2, resourceNameFilter: 'orders' }],
      }),
    )
    expect(gone.filterResults[0]!.matchingAcls).toHaveLength(2)
    expect((await admin(describeAcls, createDescribeAclsRequest(anyAcl))).resources).toEqual([])
  })

  test.each([
    [{ resourceType: 4 }, 'The only valid name for the CLUSTER resource is kafka-cluster'],
    [{ resourceName: '' }, 'Invalid empty resource name'],
    [{ resourceType: 99 }, 'resource type'],
    [{ resourcePatternType: 1 }, 'pattern type'],
    [{ operation: 1 }, 'operation'],
    [{ permissionType: 1 }, 'permission'],
    [{ principal: 'alice' }, 'principal'],
  ])('with %j are refused, and those beside them are made', async (wrong, message) => {
    const { admin } = await open()
    const { results } = await admin(
      createAcls,
      createCreateAclsRequest({ creations: [{ ...acl, ...wrong }, acl] }),
    )
    expect(errorName(results[0]!.errorCode)).toBe('INVALID_REQUEST')
    expect(results[0]!.errorMessage).toContain(message)
    expect(results[1]!.errorCode).toBe(0)
  })

  test('are for who may alter the cluster', async () => {
    const { as } = await open()
    const alice = as(userSession('alice'))
    const { results } = await alice(createAcls, createCreateAclsRequest({ creations: [acl] }))
    expect(errorName(results[0]!.errorCode)).toBe('CLUSTER_AUTHORIZATION_FAILED')
    const shown = await alice(describeAcls, createDescribeAclsRequest(anyAcl))
    expect(errorName(shown.errorCode)).toBe('CLUSTER_AUTHORIZATION_FAILED')
  })
})

const salt = new Uint8Array(Buffer.from('some salt'))
const upsertion = (name: string, password: string, iterations = 4096, mechanism = 1) => ({
  ...{ name, mechanism, iterations, salt },
  saltedPassword: new Uint8Array(
    pbkdf2Sync(
      password,
      salt,
      iterations,
      mechanism === 2 ? 64 : 32,
      mechanism === 2 ? 'sha512' : 'sha256',
    ),
  ),
})

describe('SCRAM users', () => {
  test.each([
    ['SCRAM-SHA-256', 1],
    ['SCRAM-SHA-512', 2],
  ] as const)('log in by %s, and their sessions end with the password', async (mechanism, code) => {
    const { admin, as, guard } = await open()
    const name = 'a,b=c'
    const request = createAlterUserScramCredentialsRequest({
      upsertions: [upsertion(name, 'pw', 4096, code)],
    })
    expect((await admin(alterUserScramCredentials, request)).results).toEqual([
      { user: name, errorCode: 0, errorMessage: null },
    ])
    const logIn = async (username: string, password: string) => {
      const session = sessionWith({
        principal: { type: 'User', name: 'ANONYMOUS' },
        authentication: 'none',
      })
      const ask = as(session)
      await ask(saslHandshake, createSaslHandshakeRequest({ mechanism }))
      const client = scramConversation({ mechanism, username, password }, 'nonce')
      let message: Uint8Array | undefined = client.start()
      for (;;) {
        const answer = await ask(
          saslAuthenticate,
          createSaslAuthenticateRequest({ authBytes: message }),
        )
        if (answer.errorCode !== 0) return { session, message: answer.errorMessage }
        message = await client.next(answer.authBytes)
        if (!message) return { session, message: undefined }
      }
    }
    const { session } = await logIn(name, 'pw')
    expect(session.principal.name).toBe(name)
    const wrong = await logIn(name, 'other')
    const unknown = await logIn('nobody', 'pw')
    expect(wrong.message).toMatch(/user or the password is wrong/)
    expect(unknown.message).toBe(wrong.message)
    expect(unknown.session.endReason).toMatch(/could not authenticate/)
    guard.watch(session)
    const ends = new Promise((resolve) => session.onEnd(resolve))
    await admin(
      alterUserScramCredentials,
      createAlterUserScramCredentialsRequest({ upsertions: [upsertion(name, 'new', 4096, code)] }),
    )
    expect(await ends).toMatch(/SCRAM credential was changed/)
  })

  test('are shown without what they log in with, and checked', async () => {
    const { admin } = await open()
    const request = createAlterUserScramCredentialsRequest({
      upsertions: [
        upsertion('a', 'pw'),
        upsertion('b', 'pw', 100),
        upsertion('', 'pw'),
        upsertion('c', 'pw', 20_000),
        upsertion('d', 'pw'),
        upsertion('d', 'pw'),
        { ...upsertion('e', 'pw'), mechanism: 9 },
      ],
      deletions: [{ name: 'f', mechanism: 1 }],
    })
    const { results } = await admin(alterUserScramCredentials, request)
    expect(results.map(({ user, errorCode }) => [user, errorName(errorCode)]).sort()).toEqual([
      ['', 'UNACCEPTABLE_CREDENTIAL'],
      ['a', 'NONE'],
      ['b', 'UNACCEPTABLE_CREDENTIAL'],
      ['c', 'UNACCEPTABLE_CREDENTIAL'],
      ['d', 'DUPLICATE_RESOURCE'],
      ['e', 'UNSUPPORTED_SASL_MECHANISM'],
      ['f', 'RESOURCE_NOT_FOUND'],
    ])
    const shown = await admin(
      describeUserScramCredentials,
      createDescribeUserScramCredentialsRequest({ users: null }),
    )
    expect(shown.results).toEqual([
      {
        user: 'a',
        errorCode: 0,
        errorMessage: null,
        credentialInfos: [{ mechanism: 1, iterations: 4096 }],
      },
    ])
  })
})

describe('quotas', () => {
  const set = async (
    ask: Ask,
    entity: { [type: string]: string | null },
    ops: { [key: string]: number | null },
    validateOnly = false,
  ) => {
    const request = createAlterClientQuotasRequest({
      validateOnly,
      entries: [
        {
          entity: Object.entries(entity).map(([entityType, entityName]) => ({
            entityType,
            entityName,
          })),
          ops: Object.entries(ops).map(
            ([key, value]): AlterClientQuotasRequestOpData => ({
              key,
              value: value ?? 0,
              remove: value === null,
            }),
          ),
        },
      ],
    })
    const [entry] = (await ask(alterClientQuotas, request)).entries
    return [errorName(entry!.errorCode), entry!.errorMessage]
  }
  const shown = async (ask: Ask) => {
    const { entries } = await ask(describeClientQuotas, createDescribeClientQuotasRequest())
    return entries!.map(({ entity, values }) => [
      entity.map((e) => `${e.entityType}=${e.entityName}`).join(),
      values.map((v) => `${v.key}=${v.value}`).join(),
    ])
  }

  test('are set, shown and taken away', async () => {
    const { admin } = await open()
    expect(
      await set(admin, { user: 'alice' }, { producer_byte_rate: 1000, request_rate: 5 }),
    ).toEqual(['NONE', null])
    expect(await set(admin, { user: null, 'client-id': 'x' }, { consumer_byte_rate: 7.5 })).toEqual(
      ['NONE', null],
    )
    expect(await set(admin, { user: 'bob' }, { request_rate: 5 }, true)).toEqual(['NONE', null])
    expect(await shown(admin)).toEqual([
      ['user=alice', 'producer_byte_rate=1000,request_rate=5'],
      ['user=null,client-id=x', 'consumer_byte_rate=7.5'],
    ])
    await set(admin, { user: 'alice' }, { producer_byte_rate: null, request_rate: null })
    expect(await shown(admin)).toEqual([['user=null,client-id=x', 'consumer_byte_rate=7.5']])
  })

  test.each([
    [{}, { request_rate: 1 }, 'empty'],
    [{ ip: '1.2.3.4' }, { connection_creation_rate: 1 }, 'ip'],
    [{ user: '' }, { request_rate: 1 }, 'empty'],
    [{ user: 'a' }, { request_percentage: 1 }, 'request_rate'],
    [{ user: 'a' }, { other: 1 }, 'other'],
    [{ user: 'a' }, { request_rate: -1 }, 'greater than 0'],
    [{ user: 'a' }, { request_rate: Number.NaN }, 'greater than 0'],
  ])('of %j with %j are refused', async (entity, ops, message) => {
    const { admin } = await open()
    expect(await set(admin, entity as never, ops as never)).toEqual([
      'INVALID_REQUEST',
      expect.stringContaining(message),
    ])
  })

  test('of a key make it silent, on every door from one bucket', async () => {
    const { admin, keyFor, guard, sessionOf } = await open()
    const { id, key, session, ask } = await keyFor('produce:*')
    await set(admin, { user: id }, { request_rate: 2 })
    const throttles: number[] = []
    for (let i = 0; i < 4; i++)
      throttles.push((await ask(metadata, createMetadataRequest())).throttleTimeMs)
    expect(throttles.slice(0, 2)).toEqual([0, 0])
    expect(throttles[2]).toBeGreaterThan(300)
    expect(throttles[3]).toBeGreaterThan(700)
    expect(guard.waitMs(await sessionOf(key))).toBeGreaterThan(500)
    expect(guard.waitMs(session)).toBeGreaterThan(500)
    expect(guard.waitMs((await keyFor('admin')).session)).toBe(0)
  })

  test('of changes refuse the next change', async () => {
    const { admin, keyFor } = await open()
    const { id, ask } = await keyFor('manage:*')
    await set(admin, { user: id }, { controller_mutation_rate: 1 })
    const first = await ask(createTopics, topicsRequest('a', 'b', 'c'))
    expect(first.topics.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0])
    const second = await ask(createTopics, topicsRequest('d'))
    expect(errorName(second.topics[0]!.errorCode)).toBe('THROTTLING_QUOTA_EXCEEDED')
    expect(second.throttleTimeMs).toBeGreaterThan(0)
  })
})

test('the audit log says who did what, allowed or not, and no secrets', async () => {
  const { keyFor, guard, admin, as } = await open()
  const { id, key, session, ask } = await keyFor('admin')
  await ask(createTopics, topicsRequest('orders'))
  const { ask: poor, id: poorId } = await keyFor('produce:orders')
  await poor(createTopics, topicsRequest('other'))
  await guard.keys.create({ name: 'n', scopes: ['produce:a'] }, session)
  await admin(
    alterUserScramCredentials,
    createAlterUserScramCredentialsRequest({ upsertions: [upsertion('u', 'hunter2')] }),
  )
  await expect(guard.authenticate(`${key}x`, origin)).rejects.toThrow('mistyped')
  expect(guard.metrics()[0]).toMatchObject({ values: [{ value: 0 }] })
  const lines = await readTopic(as(userSession('root')), '__kafka_do_audit', 7)
  const told = lines.map((line) => JSON.parse(line))
  expect(told).toContainEqual(
    expect.objectContaining({
      principal: `User:${id}`,
      credential: `key/${id}`,
      action: 'create',
      resource: 'topic:orders',
      allowed: true,
      request: 'test-1/7',
    }),
  )
  expect(told).toContainEqual(
    expect.objectContaining({
      principal: `User:${poorId}`,
      resource: 'topic:other',
      allowed: false,
    }),
  )
  expect(told).toContainEqual(
    expect.objectContaining({
      action: 'CreateKey',
      resource: expect.stringMatching(/^key:/),
      allowed: true,
    }),
  )
  expect(told).toContainEqual(
    expect.objectContaining({
      principal: 'User:root',
      action: 'alter',
      resource: 'cluster:kafka-cluster',
    }),
  )
  expect(told).toContainEqual(
    expect.objectContaining({ action: 'Authenticate', address: '10.0.0.1', allowed: false }),
  )
  const text = lines.join('\n')
  for (const secret of [
    key,
    key.split('_')[2]!,
    'hunter2',
    createHash('sha256').update(key.split('_')[2]!).digest('hex'),
  ])
    expect(text).not.toContain(secret)
})

function topicsRequest(...names: string[]) {
  return createCreateTopicsRequest({
    topics: names.map((name) =>
      createCreateTopicsRequestCreatableTopic({ name, numPartitions: 1, replicationFactor: 1 }),
    ),
  })
}
