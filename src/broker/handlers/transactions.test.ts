/** Transactions through the API, in both protocols: what may be written, who is fenced, and what readers see. */
import { describe, expect, test } from 'vitest'
import { readCommitted } from '../../../test/broker/committed-reader.ts'
import { deleteRecordsBefore, deleteTopic } from '../../../test/broker/removals.ts'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  batch,
  createTopic,
  fetchFrom,
  offsetAt,
  openTestBroker,
  produceTo,
} from '../../../test/broker/test-broker.ts'
import {
  type Protocol,
  TransactionalProducer,
} from '../../../test/broker/transactional-producer.ts'
import { errorName } from '../../protocol/error-codes.ts'
import { createEndTxnRequest, endTxn } from '../../protocol/messages/generated/end-txn.ts'
import {
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../protocol/messages/generated/produce.ts'

const isolation = { isolationLevel: 1 }
const { open } = TransactionalProducer

async function openBroker(...topics: [name: string, partitions: number][]) {
  const broker = await openTestBroker()
  for (const [name, partitions] of topics) await createTopic(broker, name, partitions)
  return broker
}

describe.each<Protocol>(['classic', 'implicit'])('%s protocol', (protocol) => {
  test('what is committed is read, in all partitions; what is aborted is not', async () => {
    const broker = await openBroker(['t', 2], ['u', 1])
    const producer = await open(broker, 'id', protocol)
    for (const [value, isCommit] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      expect(await producer.sendTo('t', [value])).toBe('NONE')
      expect(await producer.sendTo('t', [`${value}1`, `${value}2`], { partition: 1 })).toBe('NONE')
      expect(await producer.sendTo('u', [value])).toBe('NONE')
      expect(await producer.end(isCommit)).toBe('NONE')
    }
    expect(await readCommitted(broker, 't')).toEqual(['a', 'c'])
    expect(await readCommitted(broker, 't', { partition: 1 })).toEqual(['a1', 'a2', 'c1', 'c2'])
    expect(await readCommitted(broker, 'u')).toEqual(['a', 'c'])
  })

  test('until the end the stable offset stays, and read_uncommitted sees all', async () => {
    const broker = await openBroker(['t', 1])
    await produceTo(broker, 't', batch('before'))
    const producer = await open(broker, 'id', protocol)
    await producer.send('t', 'in')
    await produceTo(broker, 't', batch('after'))
    expect(await fetchFrom(broker, 't', 0n, isolation)).toMatchObject({
      highWatermark: 3n,
      lastStableOffset: 1n,
      values: ['before'],
      abortedTransactions: [],
    })
    expect((await fetchFrom(broker, 't')).values).toEqual(['before', 'in', 'after'])
    await producer.abort()
    const fetched = await fetchFrom(broker, 't', 0n, isolation)
    expect(fetched).toMatchObject({
      highWatermark: 4n,
      lastStableOffset: 4n,
      abortedTransactions: [{ producerId: producer.producerId, firstOffset: 1n }],
    })
    expect(await readCommitted(broker, 't')).toEqual(['before', 'after'])
    expect(await offsetAt(broker, 't', -1n)).toMatchObject({ offset: 4n })
  })

  test('a long poll of committed records ends with the commit', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id', protocol)
    await producer.send('t', 'in')
    const waiting = fetchFrom(broker, 't', 0n, { ...isolation, maxWaitMs: 60_000 })
    expect(await isSettled(waiting)).toBe(false)
    await producer.commit()
    expect((await waiting).values[0]).toBe('in')
  })

  test('a second producer fences the first, whose transaction is aborted', async () => {
    const broker = await openBroker(['t', 1])
    const zombie = await open(broker, 'id', protocol)
    await zombie.send('t', 'of the zombie')
    const producer = await open(broker, 'id', protocol)
    expect(producer.producerId).toBe(zombie.producerId)
    expect(producer.producerEpoch).toBeGreaterThan(zombie.producerEpoch)
    expect((await fetchFrom(broker, 't', 0n, isolation)).lastStableOffset).toBe(2n)
    await producer.send('t', 'new')
    expect(await zombie.write('t', ['more'])).toBe('INVALID_PRODUCER_EPOCH')
    expect(await zombie.add('t')).toEqual(['PRODUCER_FENCED'])
    expect(await zombie.addOffsets()).toBe('PRODUCER_FENCED')
    expect(await zombie.commitOffset('t', 1n)).toBe(
      protocol === 'classic' ? 'PRODUCER_FENCED' : 'INVALID_PRODUCER_EPOCH',
    )
    expect(await zombie.commit()).toBe('PRODUCER_FENCED')
    expect(await zombie.abort()).toBe('PRODUCER_FENCED')
    expect(await producer.commit()).toBe('NONE')
    expect(await readCommitted(broker, 't')).toEqual(['new'])
  })

  test('what takes too long is aborted, and its producer shut out', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id', protocol, 10_000)
    await producer.send('t', 'slow')
    broker.runtime.advance(9999)
    await runAll()
    expect((await fetchFrom(broker, 't', 0n, isolation)).lastStableOffset).toBe(0n)
    broker.runtime.advance(1)
    await runAll()
    expect((await fetchFrom(broker, 't', 0n, isolation)).lastStableOffset).toBe(2n)
    expect(await producer.write('t', ['late'])).toBe('INVALID_PRODUCER_EPOCH')
    expect(await producer.commit()).toBe('PRODUCER_FENCED')
    expect(await readCommitted(broker, 't')).toEqual([])
  })

  test('an end that is sent again is answered again, and nothing is written twice', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id', protocol)
    const { producerId, producerEpoch } = producer
    await producer.send('t', 'a')
    await producer.commit()
    const version = protocol === 'classic' ? 4 : 5
    const identity = { transactionalId: 'id', producerId, producerEpoch }
    const again = (committed: boolean) =>
      broker.ask(endTxn, createEndTxnRequest({ ...identity, committed }), { version })
    const answer = await again(true)
    expect(errorName(answer.errorCode)).toBe('NONE')
    if (protocol === 'implicit')
      expect(answer).toMatchObject({ producerId, producerEpoch: producer.producerEpoch })
    expect(errorName((await again(false)).errorCode)).toBe('INVALID_TXN_STATE')
    expect((await fetchFrom(broker, 't')).highWatermark).toBe(2n)
  })

  test('a batch outside the transaction that its producer is in is refused', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id', protocol)
    await producer.send('t', 'in')
    const outside = { batch: { isTransactional: false } }
    expect(await producer.write('t', ['outside'], outside)).toBe('INVALID_TXN_STATE')
    await producer.commit()
    expect(await readCommitted(broker, 't')).toEqual(['in'])
  })

  test('of a topic that is deleted meanwhile the rest is committed', async () => {
    const broker = await openBroker(['t', 1], ['gone', 1])
    const producer = await open(broker, 'id', protocol)
    await producer.send('t', 'kept')
    await producer.send('gone', 'lost')
    await deleteTopic(broker, 'gone')
    // One of the same name has no part in it.
    await createTopic(broker, 'gone', 1)
    expect(await producer.commit()).toBe('NONE')
    expect(await readCommitted(broker, 't')).toEqual(['kept'])
    expect((await fetchFrom(broker, 'gone')).highWatermark).toBe(0n)
  })

  test('of records that were deleted meanwhile the end is written all the same', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id', protocol)
    await producer.send('t', 'a')
    await producer.send('t', 'b')
    await deleteRecordsBefore(broker, 't', 1n)
    expect((await fetchFrom(broker, 't', 1n, isolation)).lastStableOffset).toBe(1n)
    const restarted = await broker.restart()
    producer.broker = restarted
    expect((await fetchFrom(restarted, 't', 1n, isolation)).lastStableOffset).toBe(1n)
    expect(await producer.abort()).toBe('NONE')
    expect((await fetchFrom(restarted, 't', 1n, isolation)).lastStableOffset).toBe(3n)
    expect(await readCommitted(restarted, 't', { from: 1n })).toEqual([])
  })
})

describe('with partitions that are added by hand', () => {
  test.each([3, 9, 11])('Produce v%i may only write to those', async (version) => {
    const broker = await openBroker(['t', 2])
    const producer = await open(broker, 'id', 'classic')
    const refusal = version >= 11 ? 'TRANSACTION_ABORTABLE' : 'INVALID_TXN_STATE'
    expect(await producer.write('t', ['none'], { version })).toBe(refusal)
    await producer.add('t', [1])
    expect(await producer.write('t', ['other'], { version })).toBe(refusal)
    expect(await producer.write('t', ['in'], { version, partition: 1 })).toBe('NONE')
    await producer.commit()
    expect(await producer.write('t', ['late'], { version, partition: 1 })).toBe(refusal)
    expect(await readCommitted(broker, 't')).toEqual([])
    expect(await readCommitted(broker, 't', { partition: 1 })).toEqual(['in'])
  })

  test.each([0, 1, 2, 3, 4, 5])('AddPartitionsToTxn v%i adds all or none', async (version) => {
    const broker = await openBroker(['t', 2])
    const producer = await open(broker, 'id', 'classic')
    expect(await producer.add('t', [0, 7], version)).toEqual([
      'OPERATION_NOT_ATTEMPTED',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    expect(await producer.write('t', ['a'])).toBe('TRANSACTION_ABORTABLE')
    expect(await producer.add('t', [0, 1], version)).toEqual(['NONE', 'NONE'])
    expect(await producer.add('__consumer_offsets', [0], version)).toEqual([
      'INVALID_TOPIC_EXCEPTION',
    ])
    producer.producerEpoch++
    const fenced = version < 2 ? 'INVALID_PRODUCER_EPOCH' : 'PRODUCER_FENCED'
    expect(await producer.add('t', [0], version)).toEqual([fenced])
  })

  test.each([0, 1, 2, 3, 4, 5])('EndTxn v%i fences', async (version) => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id', 'classic')
    await producer.send('t', 'a')
    producer.producerEpoch++
    const fenced = version < 2 ? 'INVALID_PRODUCER_EPOCH' : 'PRODUCER_FENCED'
    expect(await producer.end(true, version)).toBe(fenced)
    producer.producerEpoch--
    expect(await producer.end(true, version)).toBe('NONE')
    expect(producer.producerEpoch).toBe(version < 5 ? 0 : 1)
  })

  test('an id that nobody has is no mistake of the broker', async () => {
    const broker = await openBroker(['t', 1])
    const nobody = new TransactionalProducer(broker, 'nobody', 'classic')
    nobody.producerId = 5n
    nobody.producerEpoch = 0
    expect(await nobody.add('t')).toEqual(['INVALID_PRODUCER_ID_MAPPING'])
    expect(await nobody.addOffsets()).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect(await nobody.commit()).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect(await nobody.write('t', ['a'])).toBe('INVALID_PRODUCER_ID_MAPPING')
    const empty = new TransactionalProducer(broker, '', 'classic')
    expect(await empty.init()).toBe('INVALID_REQUEST')
    expect(await empty.add('t')).toEqual(['INVALID_REQUEST'])
    expect(await empty.addOffsets()).toBe('INVALID_REQUEST')
    expect(await empty.commit()).toBe('INVALID_REQUEST')
  })

  test('a transaction may not take longer than the broker allows', async () => {
    const producer = new TransactionalProducer(await openBroker(), 'id')
    expect(await producer.init(0)).toBe('INVALID_TRANSACTION_TIMEOUT')
    expect(await producer.init(900_001)).toBe('INVALID_TRANSACTION_TIMEOUT')
    expect(await producer.init(900_000)).toBe('NONE')
  })
})

describe('with partitions that writes add', () => {
  test.each([12])('Produce v%i needs no more than that', async (version) => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id')
    expect(await producer.write('t', ['a'], { version })).toBe('NONE')
    await producer.commit()
    expect(producer.producerEpoch).toBe(1)
    expect(await producer.write('t', ['b'], { version })).toBe('NONE')
    await producer.abort()
    expect(producer.producerEpoch).toBe(2)
    expect(await readCommitted(broker, 't')).toEqual(['a'])
  })

  test('what is sent of a transaction that is over is not part of the next', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id')
    await producer.send('t', 'a')
    const late = producer.request('t', ['late'])
    await producer.commit()
    await producer.send('t', 'b')
    const answer = await broker.ask(produce, late, { version: 12 })
    const { errorCode } = answer.responses[0]!.partitionResponses[0]!
    expect(errorName(errorCode)).toBe('INVALID_PRODUCER_EPOCH')
    await producer.commit()
    expect(await readCommitted(broker, 't')).toEqual(['a', 'b'])
  })

  test('the first batch after an end begins at sequence 0, or one before it was lost', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id')
    await producer.send('t', 'a')
    await producer.commit()
    const first = producer.request('t', ['first'])
    expect(await producer.write('t', ['second'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    const answer = await broker.ask(produce, first, { version: 12 })
    expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(0)
  })

  test('pipelined requests keep their order while partitions are being added', async () => {
    // The last request comes at every moment at which one of those before it may just have been let in.
    for (let moment = 0; moment < 60; moment++) {
      const broker = await openBroker(['t', 1])
      const producer = await open(broker, 'id')
      broker.fileSystem.holdSyncs(/^__transaction_state/)
      const send = (value: string) =>
        broker.ask(produce, producer.request('t', [value]), { version: 12 })
      const answers = [send('0'), send('1'), send('2')]
      if (moment === 0) for (const answer of answers) expect(await isSettled(answer)).toBe(false)
      broker.fileSystem.releaseSyncs()
      for (let turn = 0; turn < moment; turn++) await Promise.resolve()
      answers.push(send('3'))
      for (const { responses } of await Promise.all(answers)) {
        const { errorCode } = responses[0]!.partitionResponses[0]!
        expect(errorName(errorCode), `moment ${moment}`).toBe('NONE')
      }
      await producer.commit()
      expect(await readCommitted(broker, 't')).toEqual(['0', '1', '2', '3'])
    }
  })

  test('one request may not hold the batches of two producers', async () => {
    const broker = await openBroker(['t', 2])
    const producer = await open(broker, 'id')
    const other = await open(broker, 'other')
    const request = producer.request('t', ['a'])
    request.topicData = [
      createProduceRequestTopicProduceData({
        name: 't',
        partitionData: [
          ...request.topicData[0]!.partitionData,
          createProduceRequestPartitionProduceData({
            index: 1,
            records: other.batch(['b'], { baseSequence: 0 }),
          }),
        ],
      }),
    ]
    const answer = await broker.ask(produce, request, { version: 12 })
    for (const { errorCode } of answer.responses[0]!.partitionResponses)
      expect(errorName(errorCode)).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect((await fetchFrom(broker, 't', 0n, { partition: 1 })).highWatermark).toBe(0n)
  })

  test('a transactional batch needs the name of its transaction', async () => {
    const broker = await openBroker(['t', 1])
    const producer = await open(broker, 'id')
    const records = producer.batch(['a'], { baseSequence: 0 })
    const { error } = await produceTo(broker, 't', records)
    expect(error).toBe('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
  })
})

test('transactions of several producers in one partition are told apart', async () => {
  const broker = await openBroker(['t', 1])
  const a = await open(broker, 'a')
  const b = await open(broker, 'b', 'classic')
  const c = await open(broker, 'c')
  await a.send('t', 'a1')
  await b.send('t', 'b1')
  await c.send('t', 'c1')
  await a.send('t', 'a2')
  await a.abort()
  await a.send('t', 'a3')
  await b.commit()
  expect(await readCommitted(broker, 't')).toEqual(['b1'])
  await c.abort()
  expect(await readCommitted(broker, 't')).toEqual(['b1'])
  await a.commit()
  for (const maxBytes of [1, 100, 300, 1_000_000])
    expect(await readCommitted(broker, 't', { maxBytes })).toEqual(['b1', 'a3'])
  for (let from = 2n; from < 9n; from++)
    expect(await readCommitted(broker, 't', { from })).toEqual(from <= 5n ? ['a3'] : [])
})
