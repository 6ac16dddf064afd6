/**
 * Crashes the broker at every storage call of several workloads. SIMULATION_SEED=n and SIMULATION_WORKLOADS=n choose
 * others; a failure names the seed, the call and the kind of death that repeat it.
 */
import { describe, expect, test } from 'vitest'
import { type SimulationOptions, simulate } from './crash-simulation.ts'

const firstSeed = Number(process.env.SIMULATION_SEED ?? 1)
const workloads = Number(process.env.SIMULATION_WORKLOADS ?? 10)
const seeds = Array.from({ length: workloads }, (_, i) => firstSeed + i)
const deaths = ['power', 'process'] as const
const minutes = 60_000

function describeRun({ seed, crashAtCall, death }: SimulationOptions): string {
  return `seed ${seed}, death by ${death} at storage call ${crashAtCall}`
}

async function callsOf(seed: number): Promise<number> {
  const { calls, violations } = await simulate({
    seed,
    crashAtCall: Number.POSITIVE_INFINITY,
    death: 'power',
  })
  expect(violations).toEqual([])
  return calls
}

describe.each(deaths)('death by %s', (death) => {
  test('at any storage call loses and doubles nothing that was acknowledged', {
    timeout: 20 * minutes,
  }, async () => {
    let points = 0
    let died = 0
    for (const seed of seeds) {
      const calls = await callsOf(seed)
      for (let crashAtCall = 1; crashAtCall <= calls; crashAtCall++) {
        const run = { seed, crashAtCall, death }
        const { violations, deaths: times } = await simulate(run)
        expect(violations, describeRun(run)).toEqual([])
        points++
        died += times
      }
    }
    console.log(
      `crash simulation, death by ${death}: ${points} crash points, ${died} deaths, 0 losses (seeds ${seeds.join(', ')})`,
    )
    expect(points).toBeGreaterThan(100 * workloads)
  })
})

test('negative control: with syncs that do nothing, the checker reports losses', {
  timeout: 10 * minutes,
}, async () => {
  let runs = 0
  let reported = 0
  const seed = seeds[0]!
  const { calls } = await simulate({
    seed,
    crashAtCall: Number.POSITIVE_INFINITY,
    death: 'power',
    syncWorks: false,
  })
  for (let crashAtCall = 1; crashAtCall <= calls; crashAtCall += 3) {
    const { violations } = await simulate({ seed, crashAtCall, death: 'power', syncWorks: false })
    runs++
    if (violations.length > 0) reported++
  }
  console.log(`crash simulation, negative control: losses reported in ${reported} of ${runs} runs`)
  expect(reported).toBeGreaterThan(0)
})

test('a run is reproducible from its seed', async () => {
  const run = { seed: 7, crashAtCall: 120, death: 'power' } as const
  expect(await simulate(run)).toEqual(await simulate(run))
})
