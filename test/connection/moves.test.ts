/** Leaders and coordinators that move, and brokers that die: what was acknowledged is stored once, in order, and consumers go on. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Offset } from '../../src/index.ts'
import { type ErrorName, errorCode } from '../../src/protocol/error-codes.ts'
import { fetch } from '../../src/protocol/messages/generated/fetch.ts'
import {
  createFindCoordinatorResponseCoordinator,
  findCoordinator,
} from '../../src/protocol/messages/generated/find-coordinator.ts'
import { heartbeat } from '../../src/protocol/messages/generated/heartbeat.ts'
import { joinGroup } from '../../src/protocol/messages/generated/join-group.ts'
import { offsetCommit } from '../../src/protocol/messages/generated/offset-commit.ts'
import {
  createProduceResponse,
  createProduceResponsePartitionProduceResponse,
  createProduceResponseTopicProduceResponse,
  type ProduceRequest,
  type ProduceResponse,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { type FakeBroker, silence } from './fake-broker.ts'
import { clientOf, fakeCluster } from './tcp-fixture.ts'

function refusal({ topicData }: ProduceRequest, name: ErrorName): ProduceResponse {
  return createProduceResponse({
    responses: topicData.map(({ name: topic, topicId, partitionData }) =>
      createProduceResponseTopicProduceResponse({
        name: topic,
        topicId,
        partitionResponses: partitionData.map(({ index }) =>
          createProduceResponsePartitionProduceResponse({ index, errorCode: errorCode(name) }),
        ),
      }),
    ),
  })
}

/** Answers all for which it does not lead as a follower does. */
function refuseProduce(node: FakeBroker): void {
  node.on(produce, ({ request }) => refusal(request, 'NOT_LEADER_OR_FOLLOWER'))
}

async function valuesIn(nodes: readonly FakeBroker[], topic: string, count: number) {
  const records = await clientOf(nodes.at(-1)!).consumer<number>(topic).take(count).toArray()
  return records.map(({ value }) => value)
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

test('a producer follows the leader, with nothing lost, doubled or out of order', async () => {
  const { nodes, leaderId } = await fakeCluster(2)
  const kafka = clientOf(nodes[0]!)
  const producer = kafka.producer<number>('t', { retryBackoff: 1 })
  refuseProduce(nodes[1]!)
  await producer.send(0)
  const sent: Promise<unknown>[] = []
  for (let n = 1; n < 60; n++) {
    sent.push(producer.send(n))
    if (n % 3 === 0) await sent[n - 3]
    if (n === 30) {
      refuseProduce(nodes[0]!)
      nodes[1]!.on(produce, ({ forward }) => forward())
      leaderId(2)
    }
  }
  await Promise.all(sent)
  expect(nodes[1]!.requests(produce).length).toBeGreaterThan(0)
  expect(await valuesIn(nodes, 't', 60)).toEqual(numbers(60))
})

test('five batches are under way at a time, but the first of a producer goes alone', async () => {
  const { nodes } = await fakeCluster(1)
  const [node] = nodes as [FakeBroker]
  const releases: (() => void)[] = []
  node.on(produce, async ({ forward }) => {
    await new Promise<void>((resolve) => releases.push(resolve))
    return forward()
  })
  const producer = clientOf(node).producer<number>('t')
  const send = (n: number) => producer.sendBatch([n])
  const first = send(0)
  await node.until(() => node.requests(produce).length === 1)
  // A leader that knows nothing of the producer would take any of these for its first, were the first refused.
  const rest: Promise<unknown>[] = []
  for (let n = 1; n < 9; n++) {
    rest.push(send(n))
    await nextTurn()
  }
  expect(node.requests(produce)).toHaveLength(1)
  releases.shift()!()
  await first
  for (let n = 9; n < 18; n++) {
    rest.push(send(n))
    await nextTurn()
  }
  await node.until(() => node.requests(produce).length === 6)
  await nextTurn()
  expect(node.requests(produce)).toHaveLength(6)
  node.on(produce, ({ forward }) => forward())
  releases.shift()!()
  await Promise.all(rest)
  expect(await valuesIn(nodes, 't', 18)).toEqual(numbers(18))
})

test('a leader that dies with requests unanswered: each record is stored once, in order', async () => {
  const { nodes, leaderId } = await fakeCluster(2)
  const kafka = clientOf(nodes[0]!, { retryBackoff: 1 })
  const producer = kafka.producer<number>('t', { retryBackoff: 1 })
  await producer.send(0)
  const sent = [producer.send(1)]
  // The records are stored, and the answer never comes.
  nodes[0]!.on(produce, async ({ forward, connection }) => {
    await forward()
    connection.destroy()
    return silence
  })
  for (let n = 2; n < 20; n++) {
    sent.push(producer.send(n))
    await nodes[0]!.until(() => nodes[0]!.requests(produce).length > 0)
  }
  await nodes[0]!.until(() => nodes[0]!.requests(produce).length >= 3)
  leaderId(2)
  await nodes[0]!.stop()
  await Promise.all(sent)
  expect(await valuesIn(nodes, 't', 20)).toEqual(numbers(20))
  expect(await latest(nodes)).toBe(20n)
})

async function latest(nodes: readonly FakeBroker[]): Promise<bigint> {
  const { offsets } = await clientOf(nodes.at(-1)!).admin.describeTopic('t')
  return offsets.reduce((sum, { latest: end }) => sum + end, 0n)
}

test('a consumer follows the leader', async () => {
  const { nodes, leaderId } = await fakeCluster(2)
  const kafka = clientOf(nodes[0]!)
  const producer = kafka.producer<number>('t')
  await producer.sendBatch(numbers(10))
  const read: number[] = []
  for await (const { value } of kafka.consumer<number>('t', { fetchMaxWait: 50 })) {
    read.push(value)
    if (read.length === 10) {
      leaderId(2)
      const refused = errorCode('NOT_LEADER_OR_FOLLOWER')
      nodes[0]!.on(fetch, async ({ forward }) => {
        const response = await forward()
        return {
          ...response,
          responses: response.responses.map((topic) => ({
            ...topic,
            partitions: topic.partitions.map((partition) => ({
              ...partition,
              errorCode: refused,
              records: null,
            })),
          })),
        }
      })
      await producer.sendBatch(numbers(20).slice(10))
    }
    if (read.length === 20) break
  }
  expect(read).toEqual(numbers(20))
  expect(nodes[1]!.requests(fetch).length).toBeGreaterThan(0)
})

test('a consumer goes on when the leader dies', async () => {
  const { nodes, leaderId } = await fakeCluster(2)
  const kafka = clientOf(`kafka://127.0.0.1:${nodes[0]!.port},127.0.0.1:${nodes[1]!.port}`)
  const producer = clientOf(nodes[1]!).producer<number>('t')
  await producer.sendBatch(numbers(10))
  const read: number[] = []
  for await (const { value } of kafka.consumer<number>('t', { fetchMaxWait: 50 })) {
    read.push(value)
    if (read.length === 10) {
      leaderId(2)
      await nodes[0]!.stop()
      await producer.sendBatch(numbers(20).slice(10))
    }
    if (read.length === 20) break
  }
  expect(read).toEqual(numbers(20))
})

/** All nodes say that this one coordinates. */
function coordinate(nodes: readonly FakeBroker[], nodeId: number): void {
  for (const node of nodes) {
    node.on(findCoordinator, async ({ forward, request }) => ({
      ...(await forward()),
      coordinators: request.coordinatorKeys.map((key) =>
        createFindCoordinatorResponseCoordinator({
          key,
          nodeId,
          host: '127.0.0.1',
          port: nodes[nodeId - 1]!.port,
        }),
      ),
    }))
  }
}

/** Answers as a broker that coordinates no groups. */
function refuseGroups(node: FakeBroker): void {
  const refused = errorCode('NOT_COORDINATOR')
  node.on(joinGroup, async ({ forward }) => ({ ...(await forward()), errorCode: refused }))
  node.on(heartbeat, async ({ forward }) => ({ ...(await forward()), errorCode: refused }))
  node.on(offsetCommit, ({ request }) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: refused,
      })),
    })),
  }))
}

test.each(['refuses', 'dies'])(
  'a group goes on when its coordinator moves: the old one %s',
  async (how) => {
    const { nodes, leaderId } = await fakeCluster(2)
    leaderId(2)
    coordinate(nodes, 1)
    const kafka = clientOf(nodes[1]!, { retryBackoff: 1 })
    const producer = clientOf(nodes[1]!).producer<number>('t')
    await producer.sendBatch(numbers(10))
    const enough = new AbortController()
    const read: number[] = []
    const config = {
      group: 'g',
      offset: Offset.earliest,
      heartbeatInterval: 20,
      autoCommitInterval: 10,
      signal: enough.signal,
    }
    await kafka.consume<number>('t', config, async ({ value }) => {
      read.push(value)
      if (value === 9) {
        coordinate(nodes, 2)
        if (how === 'dies') await nodes[0]!.stop()
        else refuseGroups(nodes[0]!)
        await producer.sendBatch(numbers(20).slice(10))
      }
      if (value === 19) enough.abort()
    })
    expect(nodes[1]!.requests(offsetCommit).length).toBeGreaterThan(0)
    expect(read).toEqual(numbers(20))
    // What was handled is committed: at the new coordinator.
    const { partitions } = await clientOf(nodes[1]!).admin.describeGroup('g')
    expect(partitions.map(({ committed }) => committed)).toEqual([20n])
  },
)

test('a transaction whose coordinator moves between its writes and its end commits', async () => {
  const { nodes, leaderId } = await fakeCluster(2)
  leaderId(2)
  coordinate(nodes, 1)
  const kafka = clientOf(nodes[1]!, { retryBackoff: 1 })
  await kafka.transaction('t', async (tx) => {
    await tx.send(0)
    coordinate(nodes, 2)
    await nodes[0]!.stop()
  })
  expect(await valuesIn(nodes, 't', 1)).toEqual([0])
})
