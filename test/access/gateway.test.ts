/** Access control of gateways: their rights are kept in the cluster behind them, and all of them go by the same. */
import { afterEach, expect, test } from 'vitest'
import { AccessGuard } from '../../src/access/access-guard.ts'
import type { Session } from '../../src/backend/session.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { DisconnectedError } from '../../src/core/errors.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import type { Api } from '../../src/protocol/api.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../src/protocol/messages/generated/api-versions.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import { fetch } from '../../src/protocol/messages/generated/fetch.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { saslHandshake } from '../../src/protocol/messages/generated/sasl-handshake.ts'
import { ClusterBackend } from '../../src/server/cluster-backend.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { TestClock } from '../../src/testing/test-clock.ts'
import { batch } from '../broker/test-broker.ts'
import { connectionTo, origin, sessionWith } from './guarded-broker.ts'

const runtime = createRuntime()
let closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.reverse()) await one.close()
  closing = []
})

async function openGateway(broker: Broker) {
  const guard = new AccessGuard({ runtime })
  const connection = connectionTo(broker, runtime)
  await guard.open(connection)
  const backend = await ClusterBackend.open({ connection, nodeId: broker.nodeId, runtime, guard })
  closing.push(backend, guard)
  const ask = async <Q, R>(session: Session, api: Api<Q, R>, request: Q): Promise<R> => {
    const version = backend.servedApi(api.key)!.accepted.maxVersion
    const { response } = await backend.handle(api, request, { version, clientId: 'test', session })
    return response
  }
  return { guard, backend, ask }
}

async function openCluster(): Promise<Broker> {
  const broker = await Broker.open({ fileSystem: createMemoryFileSystem(), runtime })
  closing.push(broker)
  return broker
}

const topicsRequest = (...names: string[]) =>
  createCreateTopicsRequest({
    topics: names.map((name) =>
      createCreateTopicsRequestCreatableTopic({ name, numPartitions: 1, replicationFactor: 1 }),
    ),
  })

function produceById(topicId: string) {
  const partitionData = [
    createProduceRequestPartitionProduceData({ index: 0, records: batch('v') }),
  ]
  const topicData = [createProduceRequestTopicProduceData({ topicId, partitionData })]
  return createProduceRequest({ acks: -1, timeoutMs: 1000, topicData })
}

test('a key that one gateway has made is taken by the other, and revoked at both', async () => {
  const broker = await openCluster()
  const [one, other] = [await openGateway(broker), await openGateway(broker)]
  const { key, id } = await one.guard.keys.create({ name: 'a', scopes: ['admin'] })
  await expect.poll(() => other.guard.state.keys.has(id)).toBe(true)
  const session = sessionWith(await other.guard.authenticate(key, origin))
  other.guard.watch(session)
  const created = await other.ask(session, createTopics, topicsRequest('orders'))
  expect(created.topics[0]!.errorCode).toBe(0)
  const ends = new Promise((resolve) => session.onEnd(resolve))
  await one.guard.keys.revoke(id)
  expect(await ends).toBe('its API key was revoked')
})

test('what a topic is called is found out before it is written to by its id', async () => {
  const broker = await openCluster()
  const first = await openGateway(broker)
  const admin = sessionWith(
    await first.guard.authenticate(
      (await first.guard.keys.create({ name: 'a', scopes: ['admin'] })).key,
      origin,
    ),
  )
  const made = await first.ask(admin, createTopics, topicsRequest('orders', 'other'))
  const ids = new Map(made.topics.map(({ name, topicId }) => [name, topicId]))
  const { key } = await first.guard.keys.create({ name: 'b', scopes: ['produce:orders'] })
  // One that has seen no answer of the cluster yet.
  const fresh = await openGateway(broker)
  const session = sessionWith(await fresh.guard.authenticate(key, origin))
  const codeOf = async (topicId: string) => {
    const response = await fresh.ask(session, produce, produceById(topicId))
    return errorName(response.responses[0]!.partitionResponses[0]!.errorCode)
  }
  expect(await codeOf(ids.get('other')!)).toBe('TOPIC_AUTHORIZATION_FAILED')
  expect(await codeOf(ids.get('orders')!)).toBe('NONE')
  expect(await codeOf('AAAAAAAAAAAAAAAAAAAAAQ')).toBe('UNKNOWN_TOPIC_ID')
})

test('the topics of access control are hidden from all but who may see everything, and closed to all', async () => {
  const broker = await openCluster()
  const { guard, ask, backend } = await openGateway(broker)
  const { key } = await guard.keys.create({ name: 'b', scopes: ['admin'] })
  const session = sessionWith(await guard.authenticate(key, origin))
  const seen = await ask(session, metadata, createMetadataRequest({ topics: null }))
  const own = seen.topics.find(({ name }) => name === '__kafka_do_access')!
  const response = await ask(session, produce, produceById(own.topicId))
  const [answer] = response.responses[0]!.partitionResponses
  expect(errorName(answer!.errorCode)).toBe('TOPIC_AUTHORIZATION_FAILED')
  const { apiKeys } = await ask(session, apiVersions, createApiVersionsRequest())
  expect(apiKeys.map(({ apiKey }) => apiKey)).toContain(saslHandshake.key)
  expect(backend.servedApi(saslHandshake.key)).toBeDefined()
})

test('a key that may have been stored, or is stored and not seen again, is not said to have failed', async () => {
  const clock = new TestClock()
  const broker = await openCluster()
  const inner = connectionTo(broker, clock)
  const lost = (outcome: 'failed' | 'unknown') =>
    new DisconnectedError('gone', { code: 'NETWORK_EXCEPTION', retriable: true, outcome })
  let produced: (() => Error)[] = []
  let isBlind = false
  const connection: Connection = {
    url: inner.url,
    releaseLane: () => inner.releaseLane(),
    close: () => inner.close(),
    exchange: async (api, request, options) => {
      const fails = api.key === produce.key ? produced.shift() : undefined
      if (fails) throw fails()
      const answer = await inner.exchange(api, request, options)
      // What was fetched gets lost.
      if (isBlind && api.key === fetch.key) throw lost('failed')
      return answer
    },
  }
  const guard = new AccessGuard({ runtime: clock })
  await guard.open(connection)
  closing.push(guard)
  const outcomeOf = async () => {
    let error: unknown
    const made = guard.keys.create({ name: 'a', scopes: ['admin'] }).catch((one: unknown) => {
      error = one
    })
    while (error === undefined) await clock.advance(100)
    await made
    return error
  }
  produced = [() => lost('unknown'), ...Array.from({ length: 100 }, () => () => lost('failed'))]
  expect(await outcomeOf()).toMatchObject({ code: 'NETWORK_EXCEPTION', outcome: 'unknown' })
  produced = []
  isBlind = true
  expect(await outcomeOf()).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'unknown' })
})
