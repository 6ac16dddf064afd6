/** Epochs, sequences, the dedup window and transactions of producers (KIP-98), without a log. */
import { describe, expect, test } from 'vitest'
import { ProducerState } from '../../src/broker/log/producer-state.ts'
import { assignOffsets, readBatchHeader } from '../../src/protocol/records/record-batch.ts'
import { marker, producerBatch, startMs, values } from './log-fixture.ts'

const sequenceMax = 2 ** 31 - 1

function headerOf(bytes: Uint8Array, baseOffset: bigint) {
  assignOffsets(bytes, 0, baseOffset, 0)
  return readBatchHeader(bytes)
}

/** A state that has recorded batches of `count` records each, from sequence `first` on, at contiguous offsets. */
function stateAfter(first: number, batches: number, count = 1) {
  const state = new ProducerState()
  for (let i = 0; i < batches; i++) {
    const sequence = (first + i * count) % 2 ** 31
    state.record(headerOf(producerBatch(sequence, count), BigInt(i * count)), startMs)
  }
  return state
}

const check = (state: ProducerState, sequence: number, count = 1, options = {}) =>
  state.check(headerOf(producerBatch(sequence, count, options), 100n))

describe('sequences', () => {
  test('an unknown producer may begin anywhere: its records may have been deleted', () => {
    expect(check(new ProducerState(), 17)).toBeUndefined()
  })

  test('a batch without producer id is never judged', () => {
    expect(stateAfter(0, 3).check(headerOf(values('v'), 9n))).toBeUndefined()
  })

  test('the next in order is accepted', () => {
    expect(check(stateAfter(0, 3, 2), 6, 2)).toBeUndefined()
  })

  test.each([1, 5, 8, sequenceMax])('%i where 3 follows is out of order', (sequence) => {
    expect(() => check(stateAfter(0, 3), sequence, 2)).toThrowError(
      expect.objectContaining({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }),
    )
  })

  test('after 2^31-1 comes 0', () => {
    expect(check(stateAfter(sequenceMax, 1), 0)).toBeUndefined()
  })

  test('a batch may lie across the end of the sequences', () => {
    const state = stateAfter(sequenceMax - 1, 1, 4)
    expect(check(state, 2)).toBeUndefined()
    expect(() => check(state, 0)).toThrowError(/where 2 follows/)
  })

  test('a retry across the end of the sequences is recognised', () => {
    expect(check(stateAfter(sequenceMax - 1, 1, 4), sequenceMax - 1, 4)).toMatchObject({
      baseOffset: 0n,
      lastOffset: 3n,
    })
  })
})

describe('the dedup window', () => {
  test.each([1, 2, 3, 4, 5])('holds batch %i of the last five', (batch) => {
    expect(check(stateAfter(0, 6, 2), batch * 2, 2)).toMatchObject({
      baseOffset: BigInt(batch * 2),
      lastOffset: BigInt(batch * 2 + 1),
    })
  })

  test('does not hold the sixth', () => {
    expect(() => check(stateAfter(0, 6, 2), 0, 2)).toThrowError(/where 12 follows/)
  })

  test('does not take a batch of another size for a retry', () => {
    expect(() => check(stateAfter(0, 2, 2), 2, 1)).toThrowError(/where 4 follows/)
  })

  test('survives a snapshot', () => {
    const restored = new ProducerState()
    expect(restored.restore(stateAfter(0, 8, 3).toSnapshot(), startMs)).toBe(true)
    for (const batch of [3, 4, 5, 6, 7])
      expect(check(restored, batch * 3, 3)).toMatchObject({ baseOffset: BigInt(batch * 3) })
    expect(() => check(restored, 6, 3)).toThrowError(/where 24 follows/)
  })
})

describe('epochs', () => {
  test('an older epoch is fenced', () => {
    const state = new ProducerState()
    state.record(headerOf(producerBatch(0, 1, { producerEpoch: 3 }), 0n), startMs)
    expect(() => check(state, 1, 1, { producerEpoch: 2 })).toThrowError(
      expect.objectContaining({ code: 'INVALID_PRODUCER_EPOCH' }),
    )
  })

  test('a newer epoch begins at sequence 0', () => {
    expect(check(stateAfter(0, 3), 0, 1, { producerEpoch: 1 })).toBeUndefined()
    expect(() => check(stateAfter(0, 3), 3, 1, { producerEpoch: 1 })).toThrowError(
      expect.objectContaining({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }),
    )
  })

  test('an epoch that came with a marker begins at sequence 0 too (KIP-890)', () => {
    const state = stateAfter(0, 3)
    state.recordMarker(headerOf(marker(true, 1n, 1), 3n), true, 0, startMs)
    const options = { producerEpoch: 1 }
    expect(() => check(state, 3, 1, options)).toThrowError(/where 0 follows/)
    expect(() => check(state, 1, 1, options)).toThrowError(/where 0 follows/)
    expect(check(state, 0, 1, options)).toBeUndefined()
    const restored = new ProducerState()
    expect(restored.restore(state.toSnapshot(), startMs)).toBe(true)
    expect(() => check(restored, 3, 1, options)).toThrowError(/where 0 follows/)
    expect(check(restored, 0, 1, options)).toBeUndefined()
  })

  test('a retry is not recognised across epochs', () => {
    expect(check(stateAfter(0, 1), 0, 1, { producerEpoch: 1 })).toBeUndefined()
  })
})

describe('transactions', () => {
  const open = (state: ProducerState, producerId: bigint, offset: bigint) =>
    state.record(
      headerOf(producerBatch(0, 1, { producerId, isTransactional: true }), offset),
      startMs,
    )
  const end = (state: ProducerState, isCommit: boolean, producerId: bigint, offset: bigint) =>
    state.recordMarker(headerOf(marker(isCommit, producerId), offset), isCommit, 0, startMs)

  test('the first unstable offset is that of the oldest open one', () => {
    const state = new ProducerState()
    expect(state.firstUnstableOffset()).toBeUndefined()
    open(state, 1n, 10n)
    open(state, 2n, 20n)
    expect(state.firstUnstableOffset()).toBe(10n)
    end(state, true, 1n, 30n)
    expect(state.firstUnstableOffset()).toBe(20n)
    end(state, true, 2n, 31n)
    expect(state.firstUnstableOffset()).toBeUndefined()
  })

  test('an aborted one is told with the last stable offset of that moment', () => {
    const state = new ProducerState()
    open(state, 1n, 10n)
    open(state, 2n, 20n)
    expect(end(state, false, 1n, 30n)).toEqual({
      producerId: 1n,
      firstOffset: 10n,
      lastOffset: 30n,
      lastStableOffset: 20n,
    })
    expect(end(state, false, 2n, 31n)).toMatchObject({ lastStableOffset: 32n })
  })

  test('an abort of nothing adds nothing', () => {
    expect(end(new ProducerState(), false, 1n, 5n)).toBeUndefined()
  })

  test('open ones survive a snapshot, and are not forgotten with age', () => {
    const state = new ProducerState()
    open(state, 1n, 10n)
    const restored = new ProducerState()
    restored.restore(state.toSnapshot(), startMs)
    restored.expire(Number.MAX_SAFE_INTEGER)
    expect(restored.firstUnstableOffset()).toBe(10n)
  })
})

describe('the snapshot', () => {
  test('is byte for byte what Kafka 1.0 and later write', () => {
    const state = new ProducerState()
    state.record(
      headerOf(producerBatch(7, 2, { producerId: 258n, producerEpoch: 3 }), 40n),
      startMs,
    )
    const bytes = state.toSnapshot()
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    expect(bytes.length).toBe(10 + 46)
    expect([view.getInt16(0), view.getInt32(6)]).toEqual([1, 1])
    expect([view.getBigInt64(10), view.getInt16(18), view.getInt32(20)]).toEqual([258n, 3, 8])
    expect([view.getBigInt64(24), view.getInt32(32)]).toEqual([41n, 1])
    expect(view.getBigInt64(36)).toBe(1_700_000_000_000n)
    expect([view.getInt32(44), view.getBigInt64(48)]).toEqual([-1, -1n])
  })

  test('has one entry for each remembered batch, oldest first', () => {
    const bytes = stateAfter(0, 7).toSnapshot()
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const sequences = Array.from({ length: view.getInt32(6) }, (_, i) =>
      view.getInt32(10 + 46 * i + 10),
    )
    expect(sequences).toEqual([2, 3, 4, 5, 6])
  })

  test('with any bit flipped is refused, and nothing changes', () => {
    const snapshot = stateAfter(0, 2).toSnapshot()
    for (let at = 0; at < snapshot.length; at++) {
      const damaged = snapshot.slice()
      damaged[at]! ^= 1 << (at % 8)
      const state = stateAfter(50, 1)
      expect(state.restore(damaged, startMs), `byte ${at}`).toBe(false)
      expect(check(state, 50)).toMatchObject({ baseOffset: 0n })
    }
  })

  test('cut short or followed by more is refused', () => {
    const snapshot = stateAfter(0, 2).toSnapshot()
    for (let length = 0; length < snapshot.length; length++)
      expect(new ProducerState().restore(snapshot.slice(0, length), startMs)).toBe(false)
    expect(new ProducerState().restore(new Uint8Array([...snapshot, 0]), startMs)).toBe(false)
  })
})
