/**
 * Runs an application beside a model of it. Between records it is committed, aborted, restarted, and made to fail: what was not
 * committed is sent again, and must give the same again; a record that fails must leave nothing behind.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { StreamBuilder } from '../../../src/streams/dsl/stream-builder.ts'
import { Trial, type Written } from './trial.ts'

export interface Sent {
  readonly topic: string
  readonly key: string | null
  readonly value: unknown
  readonly timestamp: number
}

/** What comes of a record, as lines of text; those of one record in any order. `State` can be cloned. */
export interface Model<State> {
  initial(): State
  apply(state: State, record: Sent): readonly string[]
}

type Step =
  | { readonly do: 'commit' | 'abort' | 'restart' }
  | { readonly do: 'send' | 'fail'; readonly record: Sent }

/** Whether results are refused; the application looks at it behind what is tried. */
export interface Switch {
  fails: boolean
}

export function line(key: unknown, value: unknown, timestamp: number): string {
  return JSON.stringify([key, value, timestamp])
}

/**
 * Steps with records of these topics. `fails`: whether some are to fail, which makes sense where one task does it all: what another
 * has done before stays.
 */
export function records(
  topics: readonly string[],
  options: {
    keys?: readonly (string | null)[]
    values?: fc.Arbitrary<unknown>
    spread?: number
    fails?: boolean
  } = {},
): fc.Arbitrary<readonly Step[]> {
  const {
    keys = ['a', 'b', 'c', null],
    values = fc.integer({ min: 0, max: 5 }),
    spread = 25,
    fails = true,
  } = options
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.constant('send' as const) },
    { weight: fails ? 2 : 0, arbitrary: fc.constant('fail' as const) },
    { weight: 2, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('abort' as const) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
  )
  const drafted = fc.record({
    do: step,
    topic: fc.constantFrom(...topics),
    key: fc.constantFrom(...keys),
    value: fc.option(values, { freq: 6 }),
    // Time goes on by jumps, and records come out of order around it.
    jump: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 4 }) },
      { weight: 1, arbitrary: fc.integer({ min: 20, max: 90 }) },
    ),
    late: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: spread }) },
    ),
  })
  return fc.array(drafted, { minLength: 1, maxLength: 60 }).map((drafts) => {
    let now = 0
    return drafts.map(({ do: what, topic, key, value, jump, late }): Step => {
      if (what !== 'send' && what !== 'fail') return { do: what }
      now += jump
      return { do: what, record: { topic, key, value, timestamp: Math.max(now - late, 0) } }
    })
  })
}

export async function against<State>(
  steps: readonly Step[],
  model: Model<State>,
  build: (builder: StreamBuilder, refusal: Switch) => void,
  toLine = ({ key, value, timestamp }: Written) => line(key, value, timestamp),
): Promise<void> {
  const refusal = { fails: false }
  const trial = new Trial((builder) => build(builder, refusal))
  let state = model.initial()
  let pending: Sent[] = []
  const committed: { state: State } = { state: structuredClone(state) }
  const sends = async (record: Sent) => {
    const wanted = model.apply(state, record)
    const got = await trial.send(record.topic, record.key, record.value, record.timestamp)
    expect({ record, out: got.map(toLine).sort() }).toEqual({ record, out: [...wanted].sort() })
  }
  const again = async () => {
    state = structuredClone(committed.state)
    for (const record of pending) await sends(record)
  }
  for (const step of steps) {
    if ('record' in step) {
      const isGone = step.do === 'fail' && (await fails(trial, model, state, step.record, refusal))
      if (step.do === 'send') await sends(step.record)
      if (!isGone) pending.push(step.record)
    } else if (step.do === 'commit') {
      trial.commit()
      committed.state = structuredClone(state)
      pending = []
    } else {
      if (step.do === 'abort') trial.abort()
      else trial.restart()
      await again()
    }
  }
}

/** Sends a record whose results are refused. False: it has none, so it went through. */
async function fails<State>(
  trial: Trial,
  model: Model<State>,
  state: State,
  record: Sent,
  refusal: Switch,
): Promise<boolean> {
  const hasResults = model.apply(structuredClone(state), record).length > 0
  refusal.fails = true
  const sent = trial.send(record.topic, record.key, record.value, record.timestamp)
  const error = await sent.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  refusal.fails = false
  expect({ record, failed: error !== undefined }).toEqual({ record, failed: hasResults })
  if (!hasResults) model.apply(state, record)
  return hasResults
}
