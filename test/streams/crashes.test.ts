/**
 * Applications whose processes are killed, frozen and cut off at any exchange with the broker, and brokers that die at any call of
 * their disk: what readers of committed records see in the end is what a plain fold of the input gives, and stores are the fold
 * of their changelogs. Those that are varied have tables and joins, files, copies and names, too. `CRASHES_SEED=n` repeats a
 * trial.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
// Loaded before the clock of a trial goes: loading takes real time.
import '../../src/streams/runtime/start-application.ts'
import { Task } from '../../src/streams/task/task.ts'
import { Undo } from '../../src/streams/task/undo.ts'
import { amount } from '../amount.ts'
import { runTrial, type TrialOptions } from './crash-trial.ts'

const only = process.env.CRASHES_SEED
const count = amount(2, 100, 'CRASHES')
const seeds = only ? [Number(only)] : Array.from({ length: count }, (_, n) => n + 1)

const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)
process.on('unhandledRejection', onRejection)
afterEach(() => {
  vi.restoreAllMocks()
  expect(rejections.splice(0)).toEqual([])
})

const kinds: [string, Omit<TrialOptions, 'seed'>][] = [
  ['one process', { processes: 1 }],
  ['three processes', { processes: 3 }],
  // Without transactions nothing keeps a process that was frozen from writing to a changelog that is another's by then.
  [
    'three processes that hear in time, at least once',
    {
      processes: 3,
      guarantee: 'at-least-once',
      happenings: ['kill', 'kill', 'leave', 'add', 'not sent', 'answer lost', 'refuse'],
    },
  ],
  ['a broker that loses power', { processes: 3, death: 'power' }],
  ['a broker that dies', { processes: 3, death: 'process' }],
  ['a process with its broker, and the power fails', deadTogether('power')],
  ['a process with its broker, and it dies', deadTogether('process')],
  ['varied: one process', { processes: 1, isVaried: true }],
  ['varied: three processes', { processes: 3, isVaried: true }],
  ['varied: a broker that loses power', { processes: 3, isVaried: true, death: 'power' }],
  ['varied: a process with its broker', { ...deadTogether('power'), isVaried: true }],
]

function deadTogether(death: 'power' | 'process'): Omit<TrialOptions, 'seed'> {
  return { processes: 1, isEmbedded: true, death, happenings: [] }
}

describe.each(kinds)('%s', (_, options) => {
  test.each(seeds)('seed %i', async (seed) => {
    await runTrial({ ...options, seed })
  })
})

/** What is wrong is seen within some seeds. */
describe('negative controls', () => {
  async function found(options: Omit<TrialOptions, 'seed'>): Promise<number> {
    let failures = 0
    for (let seed = 1; seed <= 60 && failures === 0; seed++) {
      await runTrial({ ...options, seed }).catch(() => failures++)
    }
    rejections.splice(0)
    return failures
  }

  test('state that is kept although its commit failed', async () => {
    vi.spyOn(Task.prototype, 'abort').mockImplementation(() => undefined)
    const happenings = ['refuse', 'freeze', 'hold', 'answer lost'] as const
    const scenario = { state: 'total' as const }
    expect(await found({ processes: 1, scenario, happenings })).toBeGreaterThan(0)
  })

  test('a record that is not undone', async () => {
    vi.spyOn(Undo.prototype, 'run').mockImplementation(function (this: Undo) {
      this.clear()
    })
    const scenario = { state: 'total' as const, failures: 'skip' as const }
    expect(await found({ processes: 1, scenario, happenings: [] })).toBeGreaterThan(0)
  })

  test('offsets that are committed outside of the transaction', async () => {
    expect(await found({ processes: 1, offsetsOutside: true })).toBeGreaterThan(0)
  })
})
