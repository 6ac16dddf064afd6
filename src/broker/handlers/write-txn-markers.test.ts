/** WriteTxnMarkers: how an administrator ends a transaction that hangs (KIP-664). */
import { expect, test } from 'vitest'
import { readCommitted } from '../../../test/broker/committed-reader.ts'
import { createTopic, fetchFrom, openTestBroker } from '../../../test/broker/test-broker.ts'
import { TransactionalProducer } from '../../../test/broker/transactional-producer.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createWriteTxnMarkersRequest,
  createWriteTxnMarkersRequestWritableTxnMarker,
  createWriteTxnMarkersRequestWritableTxnMarkerTopic,
  writeTxnMarkers,
} from '../../protocol/messages/generated/write-txn-markers.ts'

interface Marker {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly transactionResult?: boolean
  readonly topic?: string
  readonly partitionIndexes?: number[]
}

/** A transaction under way in `t-0`. */
async function withOpenTransaction() {
  const broker = await openTestBroker()
  await createTopic(broker, 't')
  const producer = await TransactionalProducer.open(broker, 'id')
  await producer.send('t', 'hangs')
  const stableOffset = async () =>
    (await fetchFrom(broker, 't', 0n, { isolationLevel: 1 })).lastStableOffset
  async function write({ topic = 't', partitionIndexes = [0], ...rest }: Marker, version = 1) {
    const topics = [
      createWriteTxnMarkersRequestWritableTxnMarkerTopic({ name: topic, partitionIndexes }),
    ]
    const marker = createWriteTxnMarkersRequestWritableTxnMarker({ topics, ...rest })
    const request = createWriteTxnMarkersRequest({ markers: [marker] })
    const response = await broker.ask(writeTxnMarkers, request, { version })
    return response.markers[0]!.topics[0]!.partitions.map(({ errorCode }) => errorName(errorCode))
  }
  return { broker, producer, stableOffset, write }
}

test.each([1, 2])('v%i aborts, and readers go on', async (version) => {
  const { broker, producer, stableOffset, write } = await withOpenTransaction()
  const { producerId, producerEpoch } = producer
  expect(await stableOffset()).toBe(0n)
  expect(await write({ producerId, producerEpoch }, version)).toEqual(['NONE'])
  expect(await stableOffset()).toBe(2n)
  expect(await readCommitted(broker, 't')).toEqual([])
  // Again: there is nothing left to end, and nothing is written.
  expect(await write({ producerId, producerEpoch }, version)).toEqual(['NONE'])
  expect((await fetchFrom(broker, 't')).highWatermark).toBe(2n)
})

test('commits where that is asked for', async () => {
  const { broker, producer, write } = await withOpenTransaction()
  const { producerId, producerEpoch } = producer
  expect(await write({ producerId, producerEpoch, transactionResult: true })).toEqual(['NONE'])
  expect(await readCommitted(broker, 't')).toEqual(['hangs'])
})

test('says so when the epoch is past, and changes nothing', async () => {
  const { producer, stableOffset, write } = await withOpenTransaction()
  await producer.abort()
  await producer.send('t', 'hangs')
  const before = await stableOffset()
  const { producerId } = producer
  expect(await write({ producerId, producerEpoch: 0 })).toEqual(['INVALID_PRODUCER_EPOCH'])
  expect(await stableOffset()).toBe(before)
})

test('knows its partitions and producers', async () => {
  const { producer, write } = await withOpenTransaction()
  const { producerId, producerEpoch } = producer
  const unknown = 'UNKNOWN_TOPIC_OR_PARTITION'
  const partitionIndexes = [0, 1]
  const both = { producerId, producerEpoch, partitionIndexes }
  expect(await write(both)).toEqual(['NONE', unknown])
  expect(await write({ producerId, producerEpoch, topic: 'u' })).toEqual([unknown])
  expect(await write({ producerId: -1n, producerEpoch })).toEqual(['INVALID_REQUEST'])
})
