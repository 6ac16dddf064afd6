/** As `power-failures.test.ts`, on a disk that fails now and then: a file of its own, so that both run at a time. */
import { test } from 'vitest'
import { losePower } from './power-failures.ts'

const minutes = 60_000

test("losses of power on 'a failing disk' break no promise", { timeout: 90 * minutes }, () =>
  losePower('a failing disk', true),
)
