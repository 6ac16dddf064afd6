import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptDataError } from '../../core/errors.ts'
import type { TransactionSnapshot } from './transaction-messages.ts'
import {
  decodeTransactionKey,
  decodeTransactionValue,
  encodeTransactionKey,
  encodeTransactionValue,
} from './transaction-records.ts'

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))

/**
 * Written by `TransactionLogKey` and `TransactionLogValue` of kafka-transaction-coordinator 4.3.1 (Maven), through
 * `MessageUtil.toCoordinatorTypePrefixedBytes` and `toVersionPrefixedBytes` as Kafka's own `TransactionLog` does it: null
 * partitions for Empty, a list for all else.
 */
const golden = {
  key: '0000000762696c6c696e67',
  ongoing:
    '00010000000000000fa100050000ea600103076f7264657273030000000000000007000670c3a469640200000003000000018bcfe569c80000018bcfe5687b0102020002',
  ongoingOfVersion0:
    '00000000000000000fa100050000ea60010000000200066f7264657273000000020000000000000007000570c3a4696400000001000000030000018bcfe569c80000018bcfe5687b',
  prepareCommit:
    '00010000000000000fa17fff0000ea600203076f7264657273030000000000000007000670c3a469640200000003000000018bcfe569c80000018bcfe5687b0300080000000000000fa00108000000000000138802020002',
  completeAbort:
    '0001000000000000138800000000ea6005010000018bcfe569c80000018bcfe5687b0200080000000000000fa102020002',
  empty: '0001000000000000000100000000000100000000000000000005ffffffffffffffff00',
}

const ongoing: TransactionSnapshot = {
  producerId: 4001n,
  previousProducerId: -1n,
  nextProducerId: -1n,
  producerEpoch: 5,
  lastProducerEpoch: -1,
  timeoutMs: 60_000,
  status: 'Ongoing',
  partitions: [
    { topic: 'orders', partition: 0 },
    { topic: 'orders', partition: 7 },
    { topic: 'päid', partition: 3 },
  ],
  updatedAtMs: 1_700_000_000_456,
  startedAtMs: 1_700_000_000_123,
  clientVersion: 2,
}
const prepareCommit: TransactionSnapshot = {
  ...ongoing,
  status: 'PrepareCommit',
  producerEpoch: 32_767,
  previousProducerId: 4000n,
  nextProducerId: 5000n,
}
const completeAbort: TransactionSnapshot = {
  ...ongoing,
  status: 'CompleteAbort',
  producerId: 5000n,
  producerEpoch: 0,
  previousProducerId: 4001n,
  partitions: [],
}
const empty: TransactionSnapshot = {
  ...ongoing,
  status: 'Empty',
  producerId: 1n,
  producerEpoch: 0,
  timeoutMs: 1,
  partitions: [],
  updatedAtMs: 5,
  startedAtMs: -1,
  clientVersion: 0,
}

describe('the bytes are Kafka’s', () => {
  test('of a key', () => {
    expect(hexOf(encodeTransactionKey('billing'))).toBe(golden.key)
    expect(decodeTransactionKey(bytesOf(golden.key))).toBe('billing')
  })

  test.each([
    ['a transaction under way', ongoing, golden.ongoing],
    ['an end whose epochs have run out', prepareCommit, golden.prepareCommit],
    ['an end that is complete', completeAbort, golden.completeAbort],
    ['a producer without a transaction', empty, golden.empty],
  ] as const)('of %s', (_, snapshot, hex) => {
    expect(hexOf(encodeTransactionValue(snapshot))).toBe(hex)
    expect(decodeTransactionValue(bytesOf(hex))).toEqual(snapshot)
  })

  test('of version 0, as Kafka before 4.0 wrote it', () => {
    expect(decodeTransactionValue(bytesOf(golden.ongoingOfVersion0))).toEqual({
      ...ongoing,
      clientVersion: 0,
    })
  })

  test('the epoch before the last step is not stored', () => {
    const bytes = encodeTransactionValue({ ...ongoing, lastProducerEpoch: 4 })
    expect(hexOf(bytes)).toBe(golden.ongoing)
  })
})

test('every snapshot comes back as it was', () => {
  const id = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
  const noId = fc.constant(-1n)
  const partition = fc.record({
    topic: fc.string({ unit: 'grapheme', maxLength: 10 }),
    partition: fc.nat({ max: 2_147_483_647 }),
  })
  const topics = fc.uniqueArray(partition, { selector: ({ topic }) => topic, maxLength: 5 })
  const snapshots: fc.Arbitrary<TransactionSnapshot> = fc.record({
    producerId: id,
    previousProducerId: fc.oneof(id, noId),
    nextProducerId: fc.oneof(id, noId),
    producerEpoch: fc.integer({ min: -1, max: 32_767 }),
    lastProducerEpoch: fc.constant(-1),
    timeoutMs: fc.nat({ max: 2_147_483_647 }),
    status: fc.constantFrom(
      'Ongoing',
      'PrepareCommit',
      'PrepareAbort',
      'CompleteCommit',
      'CompleteAbort',
    ),
    partitions: topics,
    startedAtMs: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
    updatedAtMs: fc.maxSafeNat(),
    clientVersion: fc.constantFrom(0, 2),
  })
  fc.assert(
    fc.property(snapshots, (snapshot) => {
      expect(decodeTransactionValue(encodeTransactionValue(snapshot))).toEqual(snapshot)
    }),
  )
})

describe('damage', () => {
  test.each([
    golden.ongoing,
    golden.ongoingOfVersion0,
    golden.prepareCommit,
    golden.completeAbort,
    golden.empty,
  ])('%s cut short anywhere is CorruptDataError', (hex) => {
    const bytes = bytesOf(hex)
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeTransactionValue(bytes.subarray(0, length))).toThrow(CorruptDataError)
  })

  test('any bytes are read or are CorruptDataError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const decode of [decodeTransactionKey, decodeTransactionValue]) {
          try {
            decode(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptDataError)
          }
        }
      }),
    )
  })

  test('a key of a kind that this version does not know is left alone', () => {
    expect(decodeTransactionKey(bytesOf('0001000762696c6c696e67'))).toBeUndefined()
  })

  test('a value of another version, or in an unknown state, is said to be one', () => {
    expect(() => decodeTransactionValue(bytesOf('0009'))).toThrow(/version 9/)
    const bytes = bytesOf(golden.empty)
    bytes[16] = 6
    expect(() => decodeTransactionValue(bytes)).toThrow(/status 6/)
  })
})
