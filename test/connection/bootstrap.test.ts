/** Finding the cluster and keeping in touch with it: bootstrap lists, nodes that come and go, reconnecting. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { apiVersions } from '../../src/protocol/messages/generated/api-versions.ts'
import {
  createFindCoordinatorRequest,
  createFindCoordinatorResponseCoordinator,
  findCoordinator,
} from '../../src/protocol/messages/generated/find-coordinator.ts'
import {
  createMetadataResponseBroker,
  metadata,
} from '../../src/protocol/messages/generated/metadata.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { FakeBroker } from './fake-broker.ts'
import {
  anyMetadata,
  atEnd,
  connectTo,
  deadPort,
  errorOf,
  fakeBroker,
  fakeCluster,
} from './tcp-fixture.ts'

test('a dead first entry of the list is passed by', async () => {
  const broker = await fakeBroker()
  const dead = await deadPort()
  // Several, as the list is asked in any order.
  for (let i = 0; i < 5; i++) {
    const connection = connectTo(`kafka://127.0.0.1:${dead},127.0.0.1:${broker.port}`)
    expect((await connection.exchange(metadata, anyMetadata)).brokers).toHaveLength(1)
  }
})

test('a mute entry of the list does not use up the time: the next is tried beside it', async () => {
  const [mute, broker] = [await fakeBroker(), await fakeBroker()]
  mute.on(apiVersions, () => new Promise(() => {}))
  // Its "random" order is the list's.
  const runtime = new ManualRuntime()
  const url = `kafka://127.0.0.1:${mute.port},127.0.0.1:${broker.port}`
  const answer = connectTo(url, { runtime }).exchange(metadata, anyMetadata)
  await mute.until(() => mute.received.length === 1)
  expect(broker.accepted).toBe(0)
  runtime.advance(1000)
  expect((await answer).brokers).toMatchObject([{ port: broker.port }])
})

test('when all are dead, the error names each, and the time is not used up', async () => {
  const ports = [await deadPort(), await deadPort()]
  const connection = connectTo(
    ports
      .map((port) => `127.0.0.1:${port}`)
      .join(',')
      .replace(/^/, 'kafka://'),
  )
  const error = await errorOf(connection.exchange(metadata, anyMetadata))
  expect(error).toMatchObject({ retriable: true, outcome: 'failed' })
  for (const port of ports) expect(error.message).toContain(`127.0.0.1:${port}`)
})

test('nodes are learned from Metadata and asked by their number', async () => {
  const { nodes } = await fakeCluster(3)
  const connection = connectTo(nodes[0]!.url)
  for (const [i, node] of nodes.entries()) {
    const before = node.requests(metadata).length
    await connection.exchange(metadata, anyMetadata, { nodeId: i + 1 })
    expect(node.requests(metadata).length).toBeGreaterThan(before)
  }
})

test('many who look for one unknown node ask once', async () => {
  const { nodes } = await fakeCluster(2)
  const connection = connectTo(nodes[0]!.url)
  const request = createFindCoordinatorRequest({ coordinatorKeys: ['g'] })
  await Promise.all(
    Array.from({ length: 10 }, () => connection.exchange(findCoordinator, request, { nodeId: 2 })),
  )
  expect(nodes[0]!.requests(metadata)).toHaveLength(1)
  expect(nodes[1]!.requests(findCoordinator)).toHaveLength(10)
  expect(nodes[1]!.accepted).toBe(1)
})

test('a coordinator that no Metadata has named is learned from FindCoordinator', async () => {
  const [first, other] = [await fakeBroker(), await fakeBroker()]
  first.on(findCoordinator, async ({ forward }) => ({
    ...(await forward()),
    coordinators: [
      createFindCoordinatorResponseCoordinator({
        key: 'g',
        nodeId: 9,
        host: '127.0.0.1',
        port: other.port,
      }),
    ],
  }))
  const connection = connectTo(first.url)
  const request = createFindCoordinatorRequest({ coordinatorKeys: ['g'] })
  await connection.exchange(findCoordinator, request)
  await connection.exchange(metadata, anyMetadata, { nodeId: 9 })
  expect(other.requests(metadata)).toHaveLength(1)
})

test('a node that moves to another address is followed', async () => {
  const { nodes } = await fakeCluster(2)
  const connection = connectTo(nodes[0]!.url)
  await connection.exchange(metadata, anyMetadata, { nodeId: 2 })
  const moved = await fakeBroker()
  nodes[0]!.on(metadata, async ({ forward }) => ({
    ...(await forward()),
    brokers: [
      createMetadataResponseBroker({ nodeId: 1, host: '127.0.0.1', port: nodes[0]!.port }),
      createMetadataResponseBroker({ nodeId: 2, host: '127.0.0.1', port: moved.port }),
    ],
  }))
  await connection.exchange(metadata, anyMetadata, { nodeId: 1 })
  const request = createFindCoordinatorRequest({ coordinatorKeys: ['g'] })
  await connection.exchange(findCoordinator, request, { nodeId: 2 })
  expect(moved.requests(findCoordinator)).toHaveLength(1)
})

test('a node that is advertised where nobody listens: the error says where it was looked for', async () => {
  const broker = await fakeBroker()
  const port = await deadPort()
  broker.on(metadata, async ({ forward }) => ({
    ...(await forward()),
    brokers: [createMetadataResponseBroker({ nodeId: 5, host: '127.0.0.1', port })],
  }))
  const connection = connectTo(broker.url)
  const error = await errorOf(connection.exchange(metadata, anyMetadata, { nodeId: 5 }))
  expect(error).toMatchObject({ retriable: true, outcome: 'failed' })
  expect(error.message).toContain(`The cluster advertises node 5 under 127.0.0.1:${port}`)
})

test('when all nodes that are known have gone, the bootstrap list is asked again', async () => {
  const [first, second] = [await fakeBroker(), await fakeBroker()]
  const connection = connectTo(`kafka://127.0.0.1:${first.port},127.0.0.1:${second.port}`)
  const { brokers } = await connection.exchange(metadata, anyMetadata)
  const [gone, other] = brokers[0]!.port === first.port ? [first, second] : [second, first]
  await gone.stop()
  await nextTurn()
  const answer = await connection
    .exchange(metadata, anyMetadata)
    .catch(() => connection.exchange(metadata, anyMetadata))
  expect(answer.brokers).toMatchObject([{ port: other.port }])
})

test('a node is reconnected to with growing pauses', async () => {
  const { nodes, broker } = await fakeCluster(2)
  const runtime = new ManualRuntime()
  const connection = connectTo(nodes[0]!.url, { runtime })
  await connection.exchange(metadata, anyMetadata, { nodeId: 2 })
  await nodes[1]!.stop()
  const ask = () => connection.exchange(metadata, anyMetadata, { nodeId: 2 })
  // The end may be noticed only now.
  await errorOf(ask())
  const pauses: number[] = []
  for (let failure = 1; failure <= 8; failure++) {
    let isDone = false
    const asked = errorOf(ask()).then(() => {
      isDone = true
    })
    let waitedMs = 0
    for (let turn = 0; !isDone; turn++) {
      await nextTurn()
      // Real refusals take some turns to come; only then does the clock matter.
      if (turn < 20) continue
      runtime.advance(10)
      waitedMs += 10
      turn = 15
    }
    await asked
    pauses.push(waitedMs)
  }
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(1000)
  expect(pauses.at(-1)).toBeLessThan(1300)
  expect(pauses[2]).toBeLessThan(pauses[5]!)
  const back = await FakeBroker.listen({ broker, port: nodes[1]!.port })
  atEnd(() => back.stop())
  const answer = ask()
  await nextTurn()
  runtime.advance(1000)
  await answer
  expect(back.requests(metadata)).toHaveLength(1)
})
