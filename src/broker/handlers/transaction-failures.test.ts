/** Transactions through restarts, kills and disks that refuse: decided is decided, and nothing hangs for ever. */
import { describe, expect, test } from 'vitest'
import { readCommitted } from '../../../test/broker/committed-reader.ts'
import { copyFiles, FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  committedOffset,
  createTopic,
  fetchFrom,
  openTestBroker,
  setTopicConfig,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import {
  type Protocol,
  TransactionalProducer,
} from '../../../test/broker/transactional-producer.ts'
import {
  createDescribeTransactionsRequest,
  describeTransactions,
} from '../../protocol/messages/generated/describe-transactions.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

const { open } = TransactionalProducer
const protocols: readonly Protocol[] = ['classic', 'implicit']
const dataSyncs = /^(left|right|__consumer_offsets)-/

async function openBroker(): Promise<TestBroker> {
  const broker = await openTestBroker()
  for (const topic of ['left', 'right']) await createTopic(broker, topic)
  return broker
}

/** Has written to both topics and for a group. */
async function inTransaction(broker: TestBroker, protocol: Protocol, timeoutMs?: number) {
  const producer = await open(broker, 'id', protocol, timeoutMs)
  for (const topic of ['left', 'right']) expect(await producer.send(topic, topic)).toBe('NONE')
  expect(await producer.commitOffset('left', 1n)).toBe('NONE')
  return producer
}

async function killed({ fileSystem, runtime }: TestBroker): Promise<TestBroker> {
  const left = createMemoryFileSystem()
  copyFiles(fileSystem, left)
  return openTestBroker({ runtime, fileSystem: new FaultyFileSystem(left) })
}

async function statusOf({ ask }: TestBroker, id = 'id'): Promise<string> {
  const request = createDescribeTransactionsRequest({ transactionalIds: [id] })
  return (await ask(describeTransactions, request)).transactionStates[0]!.transactionState
}

async function stableOffset(broker: TestBroker, topic: string): Promise<bigint> {
  return (await fetchFrom(broker, topic, 0n, { isolationLevel: 1 })).lastStableOffset
}

async function whatIsCommitted(broker: TestBroker) {
  const left = await readCommitted(broker, 'left')
  const right = await readCommitted(broker, 'right')
  return [...left, ...right, await committedOffset(broker, 'left')]
}

describe.each(protocols)('%s protocol', (protocol) => {
  test.each(['stop', 'kill'])('a transaction under way goes on after a %s', async (how) => {
    const broker = await openBroker()
    const producer = await inTransaction(broker, protocol)
    const next = how === 'stop' ? await broker.restart() : await killed(broker)
    producer.broker = next
    expect(await statusOf(next)).toBe('Ongoing')
    expect(await whatIsCommitted(next)).toEqual([-1n])
    expect(await producer.send('left', 'more')).toBe('NONE')
    expect(await producer.commit()).toBe('NONE')
    expect(await whatIsCommitted(next)).toEqual(['left', 'more', 'right', 1n])
  })

  test('what is left of its time runs on after a restart', async () => {
    const broker = await openBroker()
    const producer = await inTransaction(broker, protocol, 10_000)
    broker.runtime.advance(6000)
    const next = await broker.restart()
    producer.broker = next
    next.runtime.advance(3999)
    await runAll()
    expect(await statusOf(next)).toBe('Ongoing')
    next.runtime.advance(1)
    await runAll()
    expect(await statusOf(next)).toBe('CompleteAbort')
    expect(await producer.commit()).toBe('PRODUCER_FENCED')
    expect(await whatIsCommitted(next)).toEqual([-1n])
  })

  test.each([true, false])(
    'an end that is decided is carried out after a kill (commit: %s)',
    async (isCommit) => {
      const broker = await openBroker()
      const producer = await inTransaction(broker, protocol)
      // The decision reaches the disk; of the markers none does, or each but one, or all.
      for (const unsynced of [dataSyncs, /^left-/, /^right-/, /^__consumer_offsets-/]) {
        const copy = await killed(broker)
        const twin = await rejoin(producer, copy)
        copy.fileSystem.holdSyncs(unsynced)
        const ending = twin.end(isCommit)
        await runAll()
        expect(await statusOf(copy)).toBe(isCommit ? 'PrepareCommit' : 'PrepareAbort')
        expect(await isSettled(ending)).toBe(false)
        const next = await killed(copy)
        expect(await statusOf(next)).toBe(isCommit ? 'CompleteCommit' : 'CompleteAbort')
        expect(await whatIsCommitted(next)).toEqual(isCommit ? ['left', 'right', 1n] : [-1n])
        // The producer, whose answer was lost, asks again; and each partition got one marker.
        const again = await rejoin(producer, next)
        expect(await again.end(isCommit)).toBe('NONE')
        expect((await fetchFrom(next, 'left')).highWatermark).toBe(2n)
        copy.fileSystem.releaseSyncs()
        await ending
      }
    },
  )

  test('no one sees past what is being ended before the marker is on the disk', async () => {
    const broker = await openBroker()
    const producer = await inTransaction(broker, protocol)
    broker.fileSystem.holdSyncs(/^left-/)
    const ending = producer.abort()
    await runAll()
    expect(await stableOffset(broker, 'left')).toBe(0n)
    expect(await stableOffset(broker, 'right')).toBe(2n)
    broker.fileSystem.releaseSyncs()
    expect(await ending).toBe('NONE')
    expect(await stableOffset(broker, 'left')).toBe(2n)
  })

  test('a full disk refuses the decision, and nothing has happened', async () => {
    const broker = await openBroker()
    const producer = await inTransaction(broker, protocol)
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await producer.commit()).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(await whatIsCommitted(broker)).toEqual([-1n])
    broker.fileSystem.failWrites = undefined
    expect(await producer.commit()).toBe('NONE')
    expect(await whatIsCommitted(broker)).toEqual(['left', 'right', 1n])
  })

  test('a full disk refuses markers: they are written once there is room', async () => {
    const broker = await openBroker()
    const producer = await inTransaction(broker, protocol)
    // Full from the moment on at which the decision is stored.
    broker.fileSystem.holdSyncs(/^__transaction_state-/)
    const ending = producer.commit()
    await runAll()
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    broker.fileSystem.releaseSyncs()
    expect(await ending).toBe('NONE')
    expect(await statusOf(broker)).toBe('PrepareCommit')
    expect(await producer.send('left', 'too soon')).toBe('CONCURRENT_TRANSACTIONS')
    const other = new TransactionalProducer(broker, 'id', protocol)
    expect(await other.init()).toBe('CONCURRENT_TRANSACTIONS')
    broker.runtime.advance(1000)
    await runAll()
    expect(await statusOf(broker)).toBe('PrepareCommit')
    broker.fileSystem.failWrites = undefined
    broker.runtime.advance(2000)
    await runAll()
    expect(await statusOf(broker)).toBe('CompleteCommit')
    expect(await whatIsCommitted(broker)).toEqual(['left', 'right', 1n])
  })

  test('a full disk refuses an abort for time: it is tried again, not at once', async () => {
    const broker = await openBroker()
    await inTransaction(broker, protocol, 10_000)
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    broker.runtime.advance(10_000)
    await runAll()
    expect(await statusOf(broker)).toBe('Ongoing')
    broker.fileSystem.failWrites = undefined
    broker.runtime.advance(999)
    await runAll()
    expect(await statusOf(broker)).toBe('Ongoing')
    broker.runtime.advance(1)
    await runAll()
    expect(await statusOf(broker)).toBe('CompleteAbort')
    expect(await whatIsCommitted(broker)).toEqual([-1n])
  })

  test('a partition that goes offline with its marker: the others are committed, it is after a restart', async () => {
    const broker = await openBroker()
    const producer = await inTransaction(broker, protocol)
    broker.fileSystem.holdSyncs(/^right-/)
    const ending = producer.commit()
    await runAll()
    broker.fileSystem.failSyncs = true
    broker.fileSystem.releaseSyncs()
    expect(await ending).toBe('NONE')
    broker.fileSystem.failSyncs = false
    expect(await readCommitted(broker, 'left')).toEqual(['left'])
    expect(await committedOffset(broker, 'left')).toBe(1n)
    expect((await fetchFrom(broker, 'right')).error).toBe('KAFKA_STORAGE_ERROR')
    // Whoever waits for its end is not kept waiting, nor is whoever closes the broker.
    const other = new TransactionalProducer(broker, 'id', protocol)
    expect(await other.init()).toBe('CONCURRENT_TRANSACTIONS')
    await broker.broker.close().catch(() => undefined)
    const next = await killed(broker)
    expect(await whatIsCommitted(next)).toEqual(['left', 'right', 1n])
    producer.broker = next
    expect(await producer.send('right', 'on')).toBe('NONE')
  })

  test('an init that waits for markers which fail is answered', async () => {
    const broker = await openBroker()
    await inTransaction(broker, protocol)
    broker.fileSystem.holdSyncs(/^right-/)
    const next = new TransactionalProducer(broker, 'id', protocol)
    const init = next.init()
    expect(await isSettled(init)).toBe(false)
    broker.fileSystem.failSyncs = true
    broker.fileSystem.releaseSyncs()
    expect(await init).toBe('CONCURRENT_TRANSACTIONS')
  })
})

/** The same producer, at another broker. */
async function rejoin(producer: TransactionalProducer, broker: TestBroker) {
  const twin = new TransactionalProducer(broker, producer.id, producer.protocol)
  twin.producerId = producer.producerId
  twin.producerEpoch = producer.producerEpoch
  return twin
}

describe('an id that is not used', () => {
  test('is forgotten after its time, for good', async () => {
    const broker = await openBroker()
    await setTopicConfig(broker, 'left', 'retention.ms', '-1')
    const producer = await open(broker, 'id')
    await producer.send('left', 'a')
    await producer.commit()
    await runAll()
    broker.runtime.advance(7 * 86_400_000 + 600_000)
    await runAll()
    expect(await statusOf(broker)).toBe('')
    expect(await producer.send('left', 'b')).toBe('INVALID_PRODUCER_ID_MAPPING')
    const next = await broker.restart()
    expect(await statusOf(next)).toBe('')
    const another = await open(next, 'id')
    expect(another.producerId).not.toBe(producer.producerId)
    expect(await another.send('left', 'c')).toBe('NONE')
    await another.commit()
    expect(await readCommitted(next, 'left')).toEqual(['a', 'c'])
  })

  test('stays as long as its transaction is under way or its end is not written', async () => {
    const broker = await openTestBroker({ config: { transactionalIdExpiration: '1m' } })
    for (const topic of ['left', 'right']) await createTopic(broker, topic)
    const producer = await inTransaction(broker, 'implicit', 900_000)
    broker.runtime.advance(600_000)
    await runAll()
    expect(await statusOf(broker)).toBe('Ongoing')
    expect(await producer.commit()).toBe('NONE')
    expect(await whatIsCommitted(broker)).toEqual(['left', 'right', 1n])
  })
})
