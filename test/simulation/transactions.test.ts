/**
 * Crashes a broker at storage calls of a workload of transactions (`transaction-workload.ts`), while its own logs are compacted
 * too.
 */
import { expect, test } from 'vitest'
import { amount, isLong } from '../amount.ts'
import type { Death } from './lives.ts'
import { SeededRandom } from './random.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { check, type Knowledge, type Totals, work } from './transaction-workload.ts'

async function life(
  seed: number,
  crashAtCall: number,
  death: Death,
  isOldProtocol: boolean,
  totals: Totals,
): Promise<number> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk({ random, crashAtCall })
  const runtime = new SimulatedRuntime({ random })
  const known: Knowledge = new Map()
  await runtime.runUntil(
    work(disk, runtime, random, isOldProtocol, known).catch((error: unknown) => {
      if (!disk.isDead) throw error
    }),
  )
  runtime.stop()
  const { calls, trace } = disk
  const swaps = (topic: string) =>
    trace.filter((call) => call.startsWith(`rename ${topic}-0/`) && call.includes('.log.swap '))
  totals.compactedOffsets += swaps('__consumer_offsets').length
  totals.compactedStates += swaps('__transaction_state').length
  const after = new SimulatedRuntime({ random })
  await after.runUntil(check(disk.afterDeath(death, { random }), after, known, totals))
  after.stop()
  totals.crashes++
  return calls
}

/** By the death and the older protocol. The short form has each death and each protocol once. */
const kinds = [
  ['power', false],
  ['process', true],
  ...(isLong
    ? ([
        ['power', true],
        ['process', false],
      ] as const)
    : []),
] as const

test.each(kinds)(
  'transactions are whole after death by %s at storage calls (older protocol: %s)',
  async (death, isOldProtocol) => {
    const totals: Totals = {
      crashes: 0,
      committed: 0,
      aborted: 0,
      unknown: 0,
      completed: 0,
      vanished: 0,
      compactedOffsets: 0,
      compactedStates: 0,
    }
    const seed = isOldProtocol ? 11 : 12
    const calls = await life(seed, Number.POSITIVE_INFINITY, death, isOldProtocol, totals)
    expect(calls).toBeGreaterThan(200)
    const step = amount(31, 2, 'SIMULATION_STEP')
    // Few calls come between the decision of an end and its markers; from here on a short form meets one of them.
    for (let crashAtCall = 1 + (6 % step); crashAtCall <= calls; crashAtCall += step) {
      try {
        await life(seed, crashAtCall, death, isOldProtocol, totals)
      } catch (error) {
        throw new Error(`seed ${seed}, death by ${death} at call ${crashAtCall}`, { cause: error })
      }
    }
    console.log(`death by ${death}, older protocol ${isOldProtocol}: ${JSON.stringify(totals)}`)
    // A simulation in which this did not happen would show nothing.
    expect(totals.committed).toBeGreaterThan(100)
    expect(totals.aborted).toBeGreaterThan(50)
    // Few calls come between the decision of an end and its markers: the short form may miss them.
    if (isLong) expect(totals.completed).toBeGreaterThan(0)
    expect(totals.vanished).toBeGreaterThan(0)
    expect(totals.compactedOffsets).toBeGreaterThan(0)
    expect(totals.compactedStates).toBeGreaterThan(0)
  },
  300_000,
)
