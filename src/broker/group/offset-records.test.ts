import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptDataError } from '../../core/errors.ts'
import {
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  type StoredGroup,
} from './offset-records.ts'

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))

const stored: StoredGroup = {
  storedAtMs: 1_700_000_000_456,
  snapshot: {
    protocolType: 'consumer',
    generation: 9,
    protocolName: 'range',
    leaderId: 'm1',
    members: [
      {
        memberId: 'm1',
        groupInstanceId: null,
        clientId: 'c',
        clientHost: '/10.0.0.1',
        rebalanceTimeoutMs: 60_000,
        sessionTimeoutMs: 45_000,
        subscription: Uint8Array.of(1, 2),
        assignment: Uint8Array.of(3),
      },
      {
        memberId: 'm2',
        groupInstanceId: 'two',
        clientId: '',
        clientHost: 'h',
        rebalanceTimeoutMs: 1,
        sessionTimeoutMs: 2,
        subscription: new Uint8Array(0),
        assignment: new Uint8Array(0),
      },
    ],
  },
}

const empty: StoredGroup = {
  storedAtMs: 5,
  snapshot: { protocolType: '', generation: 1, protocolName: null, leaderId: null, members: [] },
}

const offset = {
  offset: 1_234_567_890_123n,
  leaderEpoch: 5,
  metadata: 'né',
  committedAtMs: 1_700_000_000_123,
  logOffset: 0n,
}

/** Written by the message classes of kafka-group-coordinator 4.3.1. */
const golden = {
  offsetKey: '0001000762696c6c696e6700066f726465727300000007',
  offsetValue: '00030000011f71fb04cb0000000500036ec3a90000018bcfe5687b',
  groupKey: '0002000762696c6c696e67',
  groupValue:
    '00030008636f6e73756d657200000009000572616e676500026d310000018bcfe569c80000000200026d31ffff00016300092f31302e302e302e310000ea600000afc8000000020102000000010300026d32000374776f000000016800000001000000020000000000000000',
  emptyGroupValue: '0003000000000001ffffffff000000000000000500000000',
}

describe('the bytes are Kafka’s', () => {
  test('of an offset', () => {
    expect(hexOf(encodeOffsetKey('billing', 'orders', 7))).toBe(golden.offsetKey)
    expect(hexOf(encodeOffsetValue(offset))).toBe(golden.offsetValue)
    expect(decodeKey(bytesOf(golden.offsetKey))).toEqual({
      kind: 'offset',
      group: 'billing',
      topic: 'orders',
      partition: 7,
    })
    expect(decodeOffsetValue(bytesOf(golden.offsetValue))).toEqual(offset)
  })

  test('of a group', () => {
    expect(hexOf(encodeGroupKey('billing'))).toBe(golden.groupKey)
    expect(hexOf(encodeGroupValue(stored))).toBe(golden.groupValue)
    expect(hexOf(encodeGroupValue(empty))).toBe(golden.emptyGroupValue)
    expect(decodeKey(bytesOf(golden.groupKey))).toEqual({ kind: 'group', group: 'billing' })
    expect(decodeGroupValue(bytesOf(golden.groupValue))).toEqual(stored)
    expect(decodeGroupValue(bytesOf(golden.emptyGroupValue))).toEqual(empty)
  })
})

test('every offset comes back as it was', () => {
  const int32 = fc.integer({ min: -1, max: 2_147_483_647 })
  const text = fc.string({ unit: 'grapheme', maxLength: 20 })
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      int32,
      text,
      fc.maxSafeNat(),
      text,
      text,
      (value, leaderEpoch, metadata, committedAtMs, group, topic) => {
        const committed = { offset: value, leaderEpoch, metadata, committedAtMs, logOffset: 0n }
        expect(decodeOffsetValue(encodeOffsetValue(committed))).toEqual(committed)
        const key = { kind: 'offset', group, topic, partition: Math.abs(leaderEpoch) } as const
        expect(decodeKey(encodeOffsetKey(group, topic, key.partition))).toEqual(key)
      },
    ),
  )
})

describe('damage', () => {
  test.each([
    [golden.offsetKey, decodeKey],
    [golden.offsetValue, decodeOffsetValue],
    [golden.groupValue, decodeGroupValue],
  ] as const)('%s cut short anywhere is CorruptDataError', (hex, decode) => {
    const bytes = bytesOf(hex)
    for (let length = 0; length < bytes.length; length++)
      expect(() => decode(bytes.subarray(0, length))).toThrow(CorruptDataError)
  })

  test('any bytes are read or are CorruptDataError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const decode of [decodeKey, decodeOffsetValue, decodeGroupValue]) {
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
    expect(decodeKey(bytesOf('0003000762696c6c696e67'))).toBeUndefined()
  })

  test('a value of another version is said to be one', () => {
    expect(() => decodeOffsetValue(bytesOf('0009'))).toThrow(/version 9/)
  })
})
