/** See `backups.ts`. SIMULATION_SEED=n and SIMULATION_WORKLOADS=n choose others; a failure names its seed. */
import { expect, test } from 'vitest'
import { amount, isLong, seedOfTheDay } from '../amount.ts'
import { simulateBackups } from './backups.ts'
import { Tally } from './workload.ts'

const firstSeed = amount(1, seedOfTheDay, 'SIMULATION_SEED')
const runs = amount(4, 200, 'SIMULATION_WORKLOADS')
const seeds = Array.from({ length: runs }, (_, i) => firstSeed + i)
const minutes = 60_000

/** What the runs must have done, or their silence means nothing. */
const exercised = [
  'backups that ended',
  'backups restored',
  'writes meanwhile',
  'files that had not changed',
  'topics created',
  'topics deleted',
  'committed',
  'seen',
]

test.each([false, true])(
  'what was promised when a backup began is in it (failing disk: %s)',
  {
    timeout: 60 * minutes,
  },
  async (hasFaults) => {
    const tally = new Tally()
    for (const seed of seeds) {
      const result = await simulateBackups({ seed, hasFaults })
      expect(result.problems, `seed ${seed}`).toEqual([])
      tally.add(result.tally)
    }
    const counts = [...tally.counts].map(([what, count]) => `${what} ${count}`).join(', ')
    console.log(`backups of ${runs} workloads, failing disk ${hasFaults}: ${counts}`)
    const more = hasFaults
      ? ['backups that failed']
      : isLong
        ? ['topics moved aside meanwhile']
        : []
    for (const what of [...exercised, ...more])
      expect(tally.counts.get(what), what).toBeGreaterThan(0)
  },
)

test.each(['two moments', 'no hold'] as const)(
  'negative control: %s is found',
  {
    timeout: 10 * minutes,
  },
  async (control) => {
    let found = 0
    const first = new Set<string>()
    for (const seed of seeds.slice(0, 4)) {
      const { problems } = await simulateBackups({ seed, control })
      if (problems.length > 0) found++
      if (problems[0]) first.add(problems[0])
    }
    console.log(
      `negative control (${control}): found in ${found} of ${Math.min(4, runs)} runs`,
      first,
    )
    expect(found).toBeGreaterThan(Math.min(4, runs) / 2)
  },
)
