import { expect, test } from 'vitest'
import { eachErrorCode } from './errors-in-answer.ts'

function codesIn(response: unknown): number[] {
  const codes: number[] = []
  eachErrorCode(response, (code) => codes.push(code))
  return codes
}

test('codes of the whole, of topics and of partitions are seen; 0 is none', () => {
  const partitions = [{ errorCode: 3 }, { errorCode: 0, records: new Uint8Array(5) }]
  const response = { errorCode: 7, topics: [{ errorCode: 29, partitions }, { errorCode: 0 }] }
  expect(codesIn(response)).toEqual([7, 29, 3])
  expect(codesIn({ throttleTimeMs: 0, nodeIds: [1, 2], nothing: null })).toEqual([])
  expect(codesIn(undefined)).toEqual([])
})

test('of a long answer the beginning is looked at', () => {
  const topics = Array.from({ length: 5000 }, () => ({ errorCode: 3 }))
  expect(codesIn({ topics })).toHaveLength(999)
})
