/**
 * Crashes the broker at storage calls of several workloads. SIMULATION_SEED=n and SIMULATION_WORKLOADS=n choose others,
 * SIMULATION_STRIDE=1 every call; a failure names the run that repeats it.
 */
import { describe, expect, test } from 'vitest'
import { type SimulationOptions, simulate } from './lives.ts'
import { Tally } from './workload.ts'

const firstSeed = Number(process.env.SIMULATION_SEED ?? 1)
const workloads = Number(process.env.SIMULATION_WORKLOADS ?? 4)
const stride = Number(process.env.SIMULATION_STRIDE ?? 4)
const seeds = Array.from({ length: workloads }, (_, i) => firstSeed + i)
const minutes = 60_000

const kinds = [
  { name: 'loss of power', death: 'power', hasFaults: false },
  { name: 'death of the process', death: 'process', hasFaults: false },
  { name: 'loss of power on a failing disk', death: 'power', hasFaults: true },
  { name: 'death of the process on a failing disk', death: 'process', hasFaults: true },
] as const

/** What every kind of run must have done, or its silence means nothing. */
const exercised = [
  'acknowledged with acks=-1',
  'acknowledged with acks=1',
  'acknowledged again',
  'retried',
  'seen',
  'committed',
  'topics created',
  'topics deleted',
  'topics grown',
  'segments compacted',
  'segments removed',
  'checkpoints',
  'closed',
]

describe.each(kinds)('$name', ({ name, death, hasFaults }) => {
  test('at any storage call breaks no promise', { timeout: 60 * minutes }, async () => {
    let points = 0
    const tally = new Tally()
    for (const seed of seeds) {
      const { calls } = await sound({
        seed,
        crashAtCall: Number.POSITIVE_INFINITY,
        death,
        hasFaults,
      })
      for (let crashAtCall = 1 + (seed % stride); crashAtCall <= calls; crashAtCall += stride) {
        tally.add((await sound({ seed, crashAtCall, death, hasFaults })).tally)
        points++
      }
    }
    const counts = [...tally.counts].map(([what, count]) => `${what} ${count}`).join(', ')
    console.log(`${name}: ${points} crash points, 0 promises broken (${counts})`)
    for (const what of exercised) expect(tally.counts.get(what), what).toBeGreaterThan(0)
  })
})

test('negative control: with syncs that do nothing, losses are reported', {
  timeout: 10 * minutes,
}, async () => {
  let runs = 0
  let reported = 0
  for (let crashAtCall = 20; crashAtCall <= 400; crashAtCall += 10) {
    const { problems } = await simulate({
      seed: firstSeed,
      crashAtCall,
      death: 'power',
      syncWorks: false,
    })
    runs++
    if (problems.length > 0) reported++
  }
  console.log(`negative control: losses reported in ${reported} of ${runs} runs`)
  expect(reported).toBeGreaterThan(runs / 2)
})

test('a run is reproducible from its seed', async () => {
  const run = { seed: 7, crashAtCall: 120, death: 'power', hasFaults: true } as const
  expect(await simulate(run)).toEqual(await simulate(run))
})

async function sound(options: SimulationOptions) {
  const result = await simulate(options)
  const { seed, crashAtCall, death, hasFaults } = options
  expect(
    result.problems,
    `seed ${seed}, death by ${death} at storage call ${crashAtCall}${hasFaults ? ', failing disk' : ''}`,
  ).toEqual([])
  return result
}
