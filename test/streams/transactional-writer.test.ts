/**
 * A commit has two parts, which are under way at once: the outputs and the offsets. When one fails, what is left of the other must
 * not become part of the next transaction: offsets there would skip records whose outputs were aborted.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { fetchCommitted, outsider } from '../../src/client/consumer/committer.ts'
import type { Membership } from '../../src/client/consumer/partition-consumption.ts'
import { resolveProducerConfig } from '../../src/client/producer/producer-config.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { DisconnectedError, KafkaError } from '../../src/index.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { TransactionalWriter } from '../../src/streams/runtime/transactional-writer.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { HeldConnection } from '../client/held-connection.ts'
import { turns } from '../client/slow-connection.ts'
import { FeaturelessConnection } from '../client/unreliable-connection.ts'

const groupId = 'app'
const member: Membership = { groupId, generation: outsider }
const first = [{ topic: 'in', partition: 0, offset: 5n }]
const second = [{ topic: 'in', partition: 1, offset: 1n }]

let runtime: ManualRuntime
let connection: HeldConnection
let cluster: Cluster
let client: BaseClient
let writer: TransactionalWriter
let membership: () => Promise<Membership>

async function open(isOldProtocol: boolean): Promise<void> {
  runtime = new ManualRuntime()
  const embedded = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime }),
  )
  const inner = isOldProtocol ? new FeaturelessConnection(embedded) : embedded
  connection = new HeldConnection(inner, runtime)
  const config = resolveClientConfig({ url: 'memory:', runtime, retryBackoff: 20 }, {})
  cluster = new Cluster(connection, config)
  client = new BaseClient(config, connection)
  for (const name of ['in', 'out']) await client.admin.createTopic(name, { partitions: 2 })
  membership = () => Promise.resolve(member)
  writer = new TransactionalWriter({
    cluster,
    producer: resolveProducerConfig({}),
    transactionalId: 'app',
    timeoutMs: 60_000,
    groupId,
    membership: () => membership(),
    check: () => undefined,
    closing: new AbortController().signal,
  })
  await writer.begin()
}

beforeEach(() => open(false))
afterEach(async () => {
  await writer.close()
  await client.close()
})

function write(): void {
  const record = { key: 'k', value: 'v', timestampMs: runtime.now(), headers: [] }
  writer.write({ topic: 'out', partition: 0, ...record })
}

/** Lets time pass until `work` is done. */
async function pass<T>(work: Promise<T>): Promise<T> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  done.catch(() => undefined)
  while (!isDone) {
    runtime.advance(10)
    await turns(2)
  }
  return done
}

function refuseOutputs(): void {
  connection.failureOf = ({ api }) =>
    api === 'Produce' ? new KafkaError('no', { code: 'TOPIC_AUTHORIZATION_FAILED' }) : undefined
}

/** Another transaction, while what the first has left behind may do what it will. */
async function commitAnother(leftOver: () => void): Promise<(bigint | undefined)[]> {
  await pass(writer.abort())
  await pass(writer.begin())
  connection.failureOf = () => undefined
  leftOver()
  // Longer than any retry waits.
  for (let n = 0; n < 300; n++) {
    runtime.advance(10)
    await turns(1)
  }
  write()
  await pass(writer.commit(second))
  return pass(fetchCommitted(cluster, groupId, [...first, ...second]))
}

test.each([
  ['', false],
  [' before KIP-890', true],
])('offsets that waited for the group are not part of the next transaction%s', async (_, isOld) => {
  if (isOld) await open(true)
  let settle: (membership: Membership) => void = () => undefined
  membership = () =>
    new Promise((resolve) => {
      settle = resolve
    })
  refuseOutputs()
  write()
  await expect(pass(writer.commit(first))).rejects.toThrow('no')
  const isBack = () => {
    membership = () => Promise.resolve(member)
    settle(member)
  }
  expect(await commitAnother(isBack)).toEqual([undefined, 1n])
})

test('offsets that were to be tried again are not part of the next transaction', async () => {
  const away = { code: 'NETWORK_EXCEPTION', retriable: true, outcome: 'unknown' } as const
  connection.failureOf = ({ api }) => {
    if (api === 'Produce') return new KafkaError('no', { code: 'TOPIC_AUTHORIZATION_FAILED' })
    return api === 'TxnOffsetCommit' ? new DisconnectedError('away', away) : undefined
  }
  write()
  await expect(pass(writer.commit(first))).rejects.toThrow('no')
  expect(connection.count('TxnOffsetCommit')).toBeGreaterThan(0)
  expect(await commitAnother(() => undefined)).toEqual([undefined, 1n])
})

test('offsets that are on their way arrive before the transaction is aborted', async () => {
  connection.delayOf = ({ api }) => (api === 'TxnOffsetCommit' ? 500 : 0)
  refuseOutputs()
  write()
  await expect(pass(writer.commit(first))).rejects.toThrow('no')
  expect(connection.count('TxnOffsetCommit')).toBe(1)
  const aborting = writer.abort()
  runtime.advance(400)
  await turns(10)
  expect(connection.count('EndTxn')).toBe(0)
  await pass(aborting)
  expect(connection.count('EndTxn')).toBe(1)
  connection.delayOf = () => 0
  expect(await commitAnother(() => undefined)).toEqual([undefined, 1n])
})

test('an abort does not wait for ever for offsets without an answer', async () => {
  connection.isHeld = ({ api }) => api === 'TxnOffsetCommit'
  refuseOutputs()
  write()
  await expect(pass(writer.commit(first))).rejects.toThrow('no')
  const startedAt = runtime.monotonicNow()
  await pass(writer.abort())
  expect(runtime.monotonicNow() - startedAt).toBeLessThan(2000)
  connection.isHeld = () => false
  expect(await commitAnother(() => undefined)).toEqual([undefined, 1n])
})
