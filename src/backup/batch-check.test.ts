import { describe, expect, test } from 'vitest'
import { concatBytes } from '../core/bytes.ts'
import { BatchBuilder } from '../protocol/records/batch-builder.ts'
import { assignOffsets } from '../protocol/records/record-batch.ts'
import { BatchCheck } from './batch-check.ts'

/** Batches of 1, 2, … records, one after the other from `baseOffset` on. */
function batches(count: number, baseOffset = 0n): Uint8Array[] {
  let next = baseOffset
  return Array.from({ length: count }, (_, i) => {
    const builder = new BatchBuilder()
    for (let record = 0; record <= i; record++) builder.append(1, null, `${i}`.repeat(50 * (i + 1)))
    const bytes = builder.build()
    assignOffsets(bytes, 0, next, 0)
    next += BigInt(i + 1)
    return bytes
  })
}

function check(bytes: Uint8Array, pieceBytes: number, baseOffset = 0n) {
  const checking = new BatchCheck(baseOffset, bytes.length)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // As one that reads into one buffer again and again.
    const piece = bytes.slice(at, at + pieceBytes)
    checking.push(piece)
    piece.fill(0)
  }
  return checking.finish()
}

const pieces = [1, 7, 60, 61, 62, 100, 1000, 1_000_000]

describe.each(pieces)('in pieces of %i bytes', (pieceBytes) => {
  test('sound batches are sound', () => {
    const log = concatBytes(batches(6))
    expect(check(log, pieceBytes)).toEqual({ end: 21n, damagedAt: undefined })
  })

  test('an empty log ends where it begins', () => {
    expect(check(new Uint8Array(0), pieceBytes, 5n)).toEqual({ end: 5n, damagedAt: undefined })
  })

  test('a flipped bit is found where its batch begins', () => {
    const parts = batches(4)
    const log = concatBytes(parts)
    const at = parts[0]!.length + parts[1]!.length
    for (const offset of [8, 16, 17, 30, 61, parts[2]!.length - 1]) {
      const damaged = log.slice()
      damaged[at + offset]! ^= 0x40
      expect(check(damaged, pieceBytes), `byte ${offset}`).toEqual({ end: 3n, damagedAt: at })
    }
  })

  test('a batch that is cut off, and one that comes again', () => {
    const parts = batches(3)
    const log = concatBytes(parts)
    const cut = { end: 3n, damagedAt: parts[0]!.length + parts[1]!.length }
    expect(check(log.slice(0, -1), pieceBytes)).toEqual(cut)
    expect(check(log.slice(0, cut.damagedAt + 20), pieceBytes)).toEqual(cut)
    const twice = concatBytes([parts[0]!, parts[1]!, parts[1]!])
    expect(check(twice, pieceBytes)).toEqual(cut)
  })
})
