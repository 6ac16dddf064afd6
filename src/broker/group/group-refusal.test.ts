import { expect, test } from 'vitest'
import { codeOfName, errorCode } from '../../protocol/error-codes.ts'
import type { GroupRefusal } from './group-refusal.ts'

/** As a group gives it; a record, so that the compiler asks for every name. */
const refusals: { readonly [name in GroupRefusal]: number } = {
  COORDINATOR_NOT_AVAILABLE: 15,
  FENCED_INSTANCE_ID: 82,
  GROUP_ID_NOT_FOUND: 69,
  GROUP_MAX_SIZE_REACHED: 81,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  MEMBER_ID_REQUIRED: 79,
  NON_EMPTY_GROUP: 68,
  REBALANCE_IN_PROGRESS: 27,
  UNKNOWN_MEMBER_ID: 25,
}

test.each(Object.entries(refusals))('%s is %d', (name, code) => {
  expect(errorCode(name as GroupRefusal)).toBe(code)
})

test('a name that is not of the table does not compile', () => {
  // @ts-expect-error misspelt
  const misspelt: GroupRefusal = 'UNKNOWN_MEMBER'
  // @ts-expect-error misspelt
  expect(errorCode('UNKNOWN_MEMBER')).toBe(-1)
  // @ts-expect-error Kafka's, and nothing that a group says
  const foreign: GroupRefusal = 'OFFSET_OUT_OF_RANGE'
  expect([misspelt, foreign].map(codeOfName)).toEqual([-1, 1])
})
