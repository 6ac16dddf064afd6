/**
 * Crashes the broker at storage calls of several workloads. SIMULATION_SEED=n and SIMULATION_WORKLOADS=n choose others,
 * SIMULATION_STRIDE=1 every call; a failure names the run that repeats it. At length the seeds are others every day.
 */
import { describe, expect, test } from 'vitest'
import { amount, isLong, seedOfTheDay } from '../amount.ts'
import { type SimulationOptions, simulate } from './lives.ts'
import { Tally } from './workload.ts'

const firstSeed = amount(3, seedOfTheDay, 'SIMULATION_SEED')
const workloads = amount(2, 6, 'SIMULATION_WORKLOADS')
const stride = amount(150, 9, 'SIMULATION_STRIDE')
const strideWhereItFails = amount(96, 9, 'SIMULATION_STRIDE')
/** Lives on a disk that fills are longer: they wait for retention, and look at all there is. */
const strideWhereItFills = amount(600, 9, 'SIMULATION_STRIDE')
const seeds = Array.from({ length: workloads }, (_, i) => firstSeed + i)
const minutes = 60_000

interface Kind extends Pick<SimulationOptions, 'death' | 'hasFaults' | 'fills'> {
  readonly name: string
}

const kinds = [
  { name: 'loss of power', death: 'power', hasFaults: false },
  { name: 'death of the process', death: 'process', hasFaults: false },
  { name: 'loss of power on a failing disk', death: 'power', hasFaults: true },
  { name: 'death of the process on a failing disk', death: 'process', hasFaults: true },
  { name: 'loss of power, disk that fills', death: 'power', fills: true },
  { name: 'death of the process, disk that fills', death: 'process', fills: true },
] as readonly Kind[]

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
  'offsets compacted',
  'refused without a key',
  'clock set',
  'clock set between lives',
  'segments removed',
  'checkpoints',
  'closed',
  'files run out',
]

const rareWhereItFails = new Set(['segments removed', 'topics grown', 'closed'])
const exercisedWhereItFills = [
  'starts on a full disk',
  'reserve given up',
  'deleted on a full disk',
]

describe.each(kinds)('$name', ({ name, death, hasFaults, fills }) => {
  test('at any storage call breaks no promise', { timeout: 60 * minutes }, async () => {
    const step = fills ? strideWhereItFills : hasFaults ? strideWhereItFails : stride
    let points = 0
    const tally = new Tally()
    for (const seed of seeds) {
      const { calls } = await sound({
        seed,
        crashAtCall: Number.POSITIVE_INFINITY,
        death,
        hasFaults,
        fills,
      })
      for (let crashAtCall = 1 + (seed % step); crashAtCall <= calls; crashAtCall += step) {
        tally.add((await sound({ seed, crashAtCall, death, hasFaults, fills })).tally)
        points++
      }
      if (isLong) console.log(`${name}: seed ${seed} done, ${points} crash points so far`)
    }
    const counts = [...tally.counts].map(([what, count]) => `${what} ${count}`).join(', ')
    console.log(`${name}: ${points} crash points, 0 promises broken (${counts})`)
    // On a disk that fails or fills these happen in so few lives that only a long run must have seen some.
    const isRare = (what: string) => rareWhereItFails.has(what) && (hasFaults || fills) && !isLong
    for (const what of [...exercised, ...(fills ? exercisedWhereItFills : [])])
      if (!isRare(what)) expect(tally.counts.get(what), what).toBeGreaterThan(0)
  })
})

test('negative control: with syncs that do nothing, losses are reported', {
  timeout: 10 * minutes,
}, async () => {
  let runs = 0
  let reported = 0
  for (let crashAtCall = 20; crashAtCall <= 400; crashAtCall += amount(20, 10)) {
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

test('negative control: a broker that does not know how many files it may open runs out of them', async () => {
  let reported = 0
  const runs = 6
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const crashAtCall = Number.POSITIVE_INFINITY
    const run = { seed, crashAtCall, death: 'process', filesRunOut: 'unknown' } as const
    const { problems } = await simulate(run)
    if (problems.length > 0) reported++
  }
  console.log(`negative control: files that ran out reported in ${reported} of ${runs} runs`)
  expect(reported).toBeGreaterThan(runs / 2)
})

test('the second start after a deletion that was cut off does not bring the topic back', async () => {
  for (const death of ['power', 'process'] as const)
    await sound({ seed: 20785, crashAtCall: 317, death, filesRunOut: false })
})

test('a run is reproducible from its seed', async () => {
  const run = { seed: 7, crashAtCall: 120, death: 'power', hasFaults: true } as const
  expect(await simulate(run)).toEqual(await simulate(run))
})

async function sound(options: SimulationOptions) {
  const result = await simulate(options)
  const { seed, crashAtCall, death, hasFaults, fills } = options
  expect(
    result.problems,
    `seed ${seed}, death by ${death} at storage call ${crashAtCall}${hasFaults ? ', failing disk' : ''}${fills ? ', disk that fills' : ''}`,
  ).toEqual([])
  return result
}
