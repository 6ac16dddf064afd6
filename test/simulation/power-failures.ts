/**
 * Losses of power at many storage calls of one run: the run goes on, and what the disk would have held is kept, with what
 * had been promised by then. Each of these is started and checked like a broker that comes back. This costs one start a
 * crash point, where `lives.ts` runs everything before it again; what a recovered broker does next is tested there.
 */
import { expect } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { amount, isLong, seedOfTheDay } from '../amount.ts'
import { BrokerClient } from './broker-client.ts'
import { Checker } from './checker.ts'
import { type SimulationOptions, simulate } from './lives.ts'
import type { Promises } from './promises.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, type SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { roles, Tally } from './workload.ts'

/** As many runs when every call is one, so that few images are kept at a time. */
const passesOfEveryCall = 16
/** Of one call: what a loss of power leaves is chance. */
const outcomes = 2

const firstSeed = amount(1, seedOfTheDay, 'SIMULATION_SEED')
/** Of one kind of disk. */
const pointsDue = amount(60, 50_000, 'SIMULATION_POINTS')
/** Every call of some runs rather than some of every run's is as good, and costs more runs. */
const stride = amount(96, 1)
/** What runs at length must have done, or their silence means nothing. */
const exercised = ['segments compacted', 'segments removed', 'checkpoints', 'topics deleted']

interface Image {
  readonly disk: SimulatedDisk
  readonly promises: Promises
  /** Repeats it: the call of the whole run, and which outcome. */
  readonly name: string
}

export interface PowerFailures {
  /** Crash points that were checked. */
  points: number
  /** Those that were checked once more after a second loss of power, just after the recovery. */
  again: number
  readonly problems: string[]
}

/** So many crash points as are due, and more while something has not been met; fails at the first broken promise. */
export async function losePower(name: string, hasFaults: boolean): Promise<void> {
  const tally = new Tally()
  const isExercised = () => !isLong || exercised.every((what) => tally.counts.get(what))
  let [points, again, runs] = [0, 0, 0]
  for (let seed = firstSeed; points < pointsDue || !isExercised(); seed++) {
    const found = await powerFailuresOf({ seed, death: 'power', hasFaults }, stride, tally)
    expect(found.problems).toEqual([])
    points += found.points
    again += found.again
    runs++
    if (isLong) console.log(`${name}: seed ${seed} done, ${points} losses of power so far`)
  }
  console.log(
    `${name}: ${points} losses of power in ${runs} runs, ${again} of them followed by another; 0 promises broken (acknowledged ${tally.counts.get('acknowledged with acks=-1')} batches with acks=all)`,
  )
}

/** Stops at the first crash point whose promises are broken. */
export async function powerFailuresOf(
  options: Omit<SimulationOptions, 'crashAtCall' | 'onCall'>,
  stride: number,
  tally: Tally,
): Promise<PowerFailures> {
  const found: PowerFailures = { points: 0, again: 0, problems: [] }
  const passes = stride === 1 ? passesOfEveryCall : 1
  for (let pass = 0; pass < passes; pass++) {
    const images: Image[] = []
    let calls = 0
    const { problems, tally: done } = await simulate({
      ...options,
      crashAtCall: Number.POSITIVE_INFINITY,
      onCall: (disk, promises) => {
        calls++
        if (calls % (passes * stride) !== pass * stride + (options.seed % stride)) return
        for (let outcome = 0; outcome < outcomes; outcome++) {
          const random = new SeededRandom(options.seed + 1_000_003 * calls + outcome)
          images.push({
            disk: disk.imageAfterPowerFailure({ random }),
            promises: promises.copy(),
            name: `seed ${options.seed}, loss of power before storage call ${calls} of the run, outcome ${outcome}`,
          })
        }
      },
    })
    if (pass === 0) tally.add(done)
    found.problems.push(...problems)
    for (const image of images) {
      if (found.problems.length > 0) return found
      await check(image, found)
    }
  }
  return found
}

async function check({ disk, promises, name }: Image, found: PowerFailures): Promise<void> {
  promises.powerFailed()
  const random = new SeededRandom(found.points)
  const onProblem = (problem: string) => void found.problems.push(`${name}: ${problem}`)
  await startAndCheck(disk, promises, random, onProblem)
  found.points++
  if (!random.chance(0.1) || found.problems.length > 0) return
  // What the recovery made of it, and has served, is on the disk.
  const after = disk.imageAfterPowerFailure({ random })
  const again = (problem: string) => onProblem(`after the recovery, again: ${problem}`)
  await startAndCheck(after, promises, random, again)
  found.again++
}

async function startAndCheck(
  disk: SimulatedDisk,
  promises: Promises,
  random: SeededRandom,
  onProblem: (problem: string) => void,
): Promise<void> {
  const runtime = new SimulatedRuntime({ random })
  try {
    // Its usual reserve, which each start would write anew, costs more than all else here.
    const broker = await runtime.runUntil(
      Broker.open({ fileSystem: disk, runtime, config: { diskReserve } }),
    )
    const client = new BrokerClient(broker, disk, onProblem)
    await runtime.runUntil(new Checker(client, promises, random, onProblem).check(roles))
  } catch (error) {
    onProblem(String(error))
  } finally {
    runtime.stop()
  }
}
