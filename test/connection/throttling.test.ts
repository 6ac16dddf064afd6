/** A broker that says it throttles hears nothing on that connection for as long (KIP-219). */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { metadata } from '../../src/protocol/messages/generated/metadata.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import type { FakeBroker } from './fake-broker.ts'
import { anyMetadata, connectTo, errorOf, fakeBroker } from './tcp-fixture.ts'

function throttleOnce(broker: FakeBroker, throttleTimeMs: number): void {
  broker.once(metadata, async ({ forward }) => ({ ...(await forward()), throttleTimeMs }))
}

async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn()
}

test('the next request waits for the time it was told', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  throttleOnce(broker, 1000)
  await connection.exchange(metadata, anyMetadata)
  const next = connection.exchange(metadata, anyMetadata)
  await turns()
  runtime.advance(999)
  await turns()
  expect(broker.requests(metadata)).toHaveLength(1)
  runtime.advance(1)
  await next
  expect(broker.requests(metadata)).toHaveLength(2)
})

test('of several answers the latest end counts', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  await connection.exchange(metadata, anyMetadata)
  let throttleTimeMs = 4000
  broker.on(metadata, async ({ forward }) => {
    throttleTimeMs -= 1000
    return { ...(await forward()), throttleTimeMs: throttleTimeMs === 2000 ? 3000 : 1000 }
  })
  throttleTimeMs = 3000
  const asked = [1, 2].map(() => connection.exchange(metadata, anyMetadata))
  await Promise.all(asked)
  const next = connection.exchange(metadata, anyMetadata)
  runtime.advance(2999)
  await turns()
  expect(broker.requests(metadata)).toHaveLength(3)
  runtime.advance(1)
  await next
})

test('requests that waited go out in the order they came', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  throttleOnce(broker, 1000)
  await connection.exchange(metadata, anyMetadata)
  const asked = [0, 1, 2].map((n) =>
    connection.exchange(metadata, { ...anyMetadata, includeTopicAuthorizedOperations: n === 1 }),
  )
  runtime.advance(1000)
  await Promise.all(asked)
  expect(
    broker.requests(metadata).map(({ request }) => request.includeTopicAuthorizedOperations),
  ).toEqual([false, false, true, false])
})

test('a request whose time is up before has not happened', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  throttleOnce(broker, 60_000)
  await connection.exchange(metadata, anyMetadata)
  const late = errorOf(connection.exchange(metadata, anyMetadata, { timeoutMs: 2000 }))
  await turns(1)
  runtime.advance(2000)
  const error = await late
  expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', retriable: true, outcome: 'failed' })
  expect(error.message).toMatch(/the broker throttles us/)
})

test('a connection that ends lets go of who waits, and the next is not throttled', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  throttleOnce(broker, 60_000)
  await connection.exchange(metadata, anyMetadata)
  const waiting = errorOf(connection.exchange(metadata, anyMetadata))
  await turns(1)
  broker.hangUp()
  expect(await waiting).toMatchObject({ retriable: true, outcome: 'failed' })
  await connection.exchange(metadata, anyMetadata)
})

test('old brokers hold the answer back themselves: what they tell has passed', async () => {
  const broker = await fakeBroker({ versions: { ApiVersions: 3, Metadata: 5 } })
  const connection = connectTo(broker.url, { runtime: new ManualRuntime() })
  throttleOnce(broker, 60_000)
  await connection.exchange(metadata, anyMetadata)
  await connection.exchange(metadata, anyMetadata)
  expect(broker.requests(metadata)).toHaveLength(2)
})
