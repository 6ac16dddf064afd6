/**
 * Loses power at storage calls of many runs, by the image (`power-failures.ts`): 50,000 crash points at length, and as
 * many on a failing disk. SIMULATION_POINTS=n and SIMULATION_SEED=n choose others; a failure names the run and the call.
 */
import { expect, test } from 'vitest'
import { losePower, powerFailuresOf } from './power-failures.ts'
import { Tally } from './workload.ts'

const minutes = 60_000

test("losses of power on 'a sound disk' break no promise", { timeout: 90 * minutes }, () =>
  losePower('a sound disk', false),
)

test('negative control: with syncs that do nothing, losses are reported', async () => {
  const run = { seed: 1, death: 'power', syncWorks: false } as const
  const { points, problems } = await powerFailuresOf(run, 1, new Tally())
  expect(problems.length).toBeGreaterThan(0)
  expect(points).toBeLessThan(100)
})
