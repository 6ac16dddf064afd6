import { expect, test } from 'vitest'
import { nextEpoch } from './fetch-session.ts'

test.each([
  [0, 1],
  [1, 2],
  [2_147_483_646, 2_147_483_647],
  [2_147_483_647, 1],
])('after epoch %i comes %i', (epoch, next) => {
  expect(nextEpoch(epoch)).toBe(next)
})
