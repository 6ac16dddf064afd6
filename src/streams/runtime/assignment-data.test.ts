import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptDataError } from '../../core/errors.ts'
import {
  type AssignmentData,
  decodeAssignmentData,
  decodeMemberData,
  encodeAssignmentData,
  encodeMemberData,
  type MemberData,
} from './assignment-data.ts'

const number = fc.nat(0x7fffffff)
const task = fc.record({ subTopology: fc.nat(1000), partition: number })
const tasks = fc.array(task)
const version = fc.integer({ min: 1, max: 255 })
const memberData: fc.Arbitrary<MemberData> = fc.record({
  version,
  fingerprint: fc.string(),
  processId: fc.string({ unit: 'grapheme' }),
  subTopologies: fc.array(
    fc.record({ index: number, topics: fc.array(fc.string()), isStateful: fc.boolean() }),
  ),
  lags: fc.array(fc.record({ subTopology: number, partition: number, lag: fc.maxSafeNat() })),
  standby: tasks,
  warmup: tasks,
  promised: tasks,
})
const assignmentData: fc.Arbitrary<AssignmentData> = fc.record({
  version,
  standby: tasks,
  warmup: tasks,
  promised: tasks,
})
/** What a later version may add. */
const more = fc.uint8Array({ maxLength: 20 })
const together = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))

describe('what a member says', () => {
  test('is read as it was written, whatever a later version adds', () => {
    fc.assert(
      fc.property(memberData, more, (data, added) => {
        expect(decodeMemberData(together(encodeMemberData(data), added))).toEqual(data)
      }),
    )
  })

  test('has these bytes in version 1', () => {
    const data: MemberData = {
      version: 1,
      fingerprint: 'ab',
      processId: 'p',
      subTopologies: [{ index: 2, topics: ['t'], isStateful: true }],
      lags: [{ subTopology: 2, partition: 3, lag: 300 }],
      standby: [{ subTopology: 2, partition: 200 }],
      warmup: [],
      promised: [{ subTopology: 0, partition: 1 }],
    }
    const bytes = [
      ...[1, 3, 0x61, 0x62, 2, 0x70],
      ...[2, 2, 1, 2, 2, 0x74],
      ...[2, 2, 3, 0xd8, 0x04],
      ...[2, 2, 0xc8, 0x01, 1],
      ...[2, 0, 1],
    ]
    expect([...encodeMemberData(data)]).toEqual(bytes)
    expect(decodeMemberData(Uint8Array.from(bytes))).toEqual(data)
  })

  test('is refused, not misread, when a part is missing', () => {
    fc.assert(
      fc.property(memberData, (data) => {
        const bytes = encodeMemberData(data)
        for (let size = 0; size < bytes.length; size++)
          expect(() => decodeMemberData(bytes.subarray(0, size))).toThrow(CorruptDataError)
      }),
      { numRuns: 20 },
    )
  })
})

describe('what the leader says', () => {
  test('is read as it was written, whatever a later version adds', () => {
    fc.assert(
      fc.property(assignmentData, more, (data, added) => {
        expect(decodeAssignmentData(together(encodeAssignmentData(data), added))).toEqual(data)
      }),
    )
  })

  test('has these bytes in version 1', () => {
    const data: AssignmentData = {
      version: 1,
      standby: [{ subTopology: 0, partition: 1 }],
      warmup: [],
      promised: [
        { subTopology: 3, partition: 0 },
        { subTopology: 3, partition: 1 },
      ],
    }
    expect([...encodeAssignmentData(data)]).toEqual([1, 2, 0, 1, 1, 3, 3, 0, 3, 1])
  })

  test('never crashes on other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          decodeAssignmentData(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptDataError)
        }
      }),
    )
  })
})
