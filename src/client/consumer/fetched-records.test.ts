import { describe, expect, test } from 'vitest'
import { concatBytes } from '../../core/bytes.ts'
import { CorruptDataError } from '../../core/errors.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import { type AbortedTransaction, FetchedRecords } from './fetched-records.ts'

/** A partition as it was written: each call adds at the next offset. */
class Written {
  #offset: bigint
  readonly #parts: Uint8Array[] = []

  constructor(from = 0n) {
    this.#offset = from
  }

  plain(...values: string[]): this {
    return this.#add(values, {})
  }

  transactional(producerId: bigint, ...values: string[]): this {
    return this.#add(values, {
      producerId,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: true,
    })
  }

  marker(producerId: bigint, type: 'abort' | 'commit'): this {
    const builder = new BatchBuilder()
    builder.append(1000, new Uint8Array([0, 0, 0, type === 'abort' ? 0 : 1]), new Uint8Array(6))
    const baseOffset = this.#offset++
    this.#parts.push(
      builder.build({
        baseOffset,
        producerId,
        producerEpoch: 0,
        isTransactional: true,
        isControl: true,
      }),
    )
    return this
  }

  bytes(): Uint8Array {
    return concatBytes(this.#parts)
  }

  #add(values: readonly string[], options: object): this {
    const builder = new BatchBuilder()
    for (const value of values) builder.append(1000, null, value)
    this.#parts.push(builder.build({ ...options, baseOffset: this.#offset }))
    this.#offset += BigInt(values.length)
    return this
  }
}

function read(written: Written, aborted: readonly AbortedTransaction[] = [], from = 0n): string[] {
  const records = new FetchedRecords('t-0', written.bytes(), from, aborted)
  const values: string[] = []
  while (records.next()) values.push(records.cursor!.valueText()!)
  return values
}

describe('fetched records', () => {
  test('begin at the offset that was asked for, inside its batch', () => {
    expect(read(new Written().plain('a', 'b', 'c'), [], 1n)).toEqual(['b', 'c'])
  })

  test('leave out markers, and end after them', () => {
    const written = new Written().transactional(1n, 'a').marker(1n, 'commit')
    const records = new FetchedRecords('t-0', written.bytes(), 0n, [])
    expect(records.next()).toBe(true)
    expect(records.position).toBe(1n)
    expect(records.next()).toBe(false)
    expect(records.position).toBe(2n)
  })

  test('leave out both of two transactions that one producer aborted', () => {
    const written = new Written()
      .transactional(1n, 'first')
      .marker(1n, 'abort')
      .transactional(1n, 'second')
      .marker(1n, 'abort')
      .transactional(1n, 'third')
      .marker(1n, 'commit')
    const aborted = [
      { producerId: 1n, firstOffset: 2n },
      { producerId: 1n, firstOffset: 0n },
    ]
    expect(read(written, aborted)).toEqual(['third'])
  })

  test('leave out a transaction whose abort marker lies beyond what was fetched', () => {
    const written = new Written().plain('a').transactional(1n, 'gone').plain('b')
    expect(read(written, [{ producerId: 1n, firstOffset: 1n }])).toEqual(['a', 'b'])
  })

  test('leave out the rest of two transactions that were open where the fetch began', () => {
    const written = new Written(10n)
      .transactional(1n, 'gone')
      .transactional(2n, 'gone too')
      .plain('stays')
      .marker(2n, 'abort')
      .marker(1n, 'abort')
      .transactional(1n, 'later')
    const aborted = [
      { producerId: 2n, firstOffset: 4n },
      { producerId: 1n, firstOffset: 3n },
    ]
    expect(read(written, aborted, 10n)).toEqual(['stays', 'later'])
  })

  test('of other producers stay while one aborts', () => {
    const written = new Written()
      .transactional(1n, 'gone')
      .transactional(2n, 'stays')
      .marker(1n, 'abort')
      .marker(2n, 'commit')
    expect(read(written, [{ producerId: 1n, firstOffset: 0n }])).toEqual(['stays'])
  })

  test('that were damaged on the way are a CorruptDataError', () => {
    const written = new Written().plain('a').plain('damaged')
    const bytes = written.bytes()
    bytes[bytes.length - 2]! ^= 1
    const records = new FetchedRecords('t-0', bytes, 0n, [])
    expect(records.next()).toBe(true)
    expect(() => records.next()).toThrow(CorruptDataError)
  })
})
