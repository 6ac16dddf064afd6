/**
 * Topologies for the crash simulation, each with its oracle: what a plain fold over the records of each partition gives, in the
 * order that the log has them. A total is a list of the ids of the records that are in it, so that a record that is lost,
 * repeated or out of order is seen, and named.
 */

import type { Stream } from '../../src/streams/dsl/stream.ts'
import type { Streams } from '../../src/streams/dsl/streams.ts'
import type { Table } from '../../src/streams/dsl/table.ts'
import { Window } from '../../src/streams/windows.ts'
import type { SeededRandom } from '../simulation/random.ts'
import { app, type SimulatedProcess } from './simulated-world.ts'

export interface Input {
  readonly id: number
  /** What is grouped by when it is not the key. */
  readonly other: string
}

/** A record as it is in a topic. */
export interface Seen {
  readonly partition: number
  readonly offset: bigint
  readonly key: string | null
  readonly value: unknown
  readonly timestampMs: number
}

export interface Scenario {
  readonly sources: 'one' | 'merged'
  readonly group: 'none' | 'key' | 'other'
  readonly state: 'none' | 'total' | 'window' | 'window, final'
  readonly failures: 'none' | 'skip' | 'retry' | 'deadLetter'
  readonly isAsync: boolean
  /** Callbacks of the asynchronous map that are under way at once. */
  readonly concurrency: number
}

export const windowMs = 1000
export const graceMs = 300

export function randomScenario(random: SeededRandom): Scenario {
  const pick = <T>(...of: T[]): T => of[random.below(of.length)]!
  const sources = pick('one', 'one', 'merged')
  const state = pick('none', 'total', 'total', 'window', 'window, final') as Scenario['state']
  const group = state === 'none' ? 'none' : pick('key' as const, 'other' as const)
  return {
    // In which order the records of two topics are taken is not known, and so not which of them are late.
    sources: isWindowed(state) ? 'one' : sources,
    group,
    state,
    failures: state === 'window, final' ? 'none' : pick('none', 'skip', 'retry', 'deadLetter'),
    ...pick(
      { isAsync: false, concurrency: 1 },
      { isAsync: false, concurrency: 1 },
      { isAsync: true, concurrency: 1 },
      { isAsync: true, concurrency: 4 },
    ),
  }
}

/** A record of this id fails, after what comes before has kept it. */
export function failsFor(id: number): boolean {
  return id % 7 === 3
}

export function onErrorOf({ failures }: Scenario) {
  switch (failures) {
    case 'skip':
      return 'skip'
    case 'deadLetter':
      return { deadLetter: 'dead' }
    case 'retry':
      return { retry: { attempts: 3, baseDelay: 20 } }
    default:
      return 'stop'
  }
}

function isWindowed(state: Scenario['state']): boolean {
  return state === 'window' || state === 'window, final'
}

/** As few as it takes for the order behind a repartition to be known. */
export function partitionsOf({ group, state }: Scenario): number {
  return group === 'other' && isWindowed(state) ? 1 : 3
}

/** Whether the order of the records is known in which each total comes about. */
export function isOrdered(scenario: Scenario): boolean {
  return scenario.sources === 'one' && (scenario.group !== 'other' || partitionsOf(scenario) === 1)
}

/** The key that totals are by. */
export function keyOf({ group }: Scenario, { key, value }: Seen): string {
  return group === 'other' ? (value as Input).other : key!
}

export function repartitionOf({ group }: Scenario): string | undefined {
  return group === 'other' ? `${app}-totals-repartition` : undefined
}

export function changelogOf({ state }: Scenario): string | undefined {
  return state === 'none' ? undefined : `${app}-totals-changelog`
}

export function build(scenario: Scenario, streams: Streams, process: SimulatedProcess): void {
  const failed = new Set<number>()
  const source = (topic: string) => streams.stream<Input>(topic)
  let stream: Stream<Input, string | null> = source('in')
  if (scenario.sources === 'merged') stream = stream.merge(source('in2'))
  const { concurrency } = scenario
  if (scenario.isAsync) {
    const waiting = async (value: Input) => {
      if (value.id % 3 === 0) {
        await new Promise<void>((resolve) => void process.runtime.setTimer(value.id % 40, resolve))
      }
      return value
    }
    stream = stream.map(waiting, { concurrency })
  }
  const mayFail = <T>(value: T, id: number): T => {
    if (scenario.failures === 'none' || !failsFor(id)) return value
    if (scenario.failures === 'retry') {
      if (failed.delete(id)) return value
      failed.add(id)
    }
    throw new Error(`no ${id}`)
  }
  if (scenario.state === 'none') {
    stream
      .filter(({ id }) => id % 4 !== 0)
      .map((value) => mayFail(value, value.id).id)
      .to('out')
    return
  }
  const grouped =
    scenario.group === 'other' ? stream.groupBy((value) => value.other) : stream.groupByKey()
  const add = (total: string, value: Input) => added(total, value.id)
  const options = { store: 'totals' }
  const last = (total: string | null) => mayFail(total, lastOf(total!))
  if (scenario.state === 'total') {
    const table = grouped.reduce('', add, options) as Table<string, string>
    table.toStream().map(last).to('out')
    return
  }
  const window = Window.tumbling(windowMs, { grace: graceMs })
  const windowed = grouped.window(window).reduce('', add, options)
  const told = scenario.state === 'window' ? windowed : windowed.final()
  told.toStream().map(last).to('out')
}

export function added(total: string, id: number): string {
  return total === '' ? String(id) : `${total},${id}`
}

export function lastOf(total: string): number {
  return Number(total.slice(total.lastIndexOf(',') + 1))
}

/** What is put out, in the order in which it is for each key, and the totals that are kept. */
export interface Expected {
  readonly outputs: Map<string, unknown[]>
  readonly totals: Map<string, string>
  readonly failed: number[]
}

export function windowKey(key: string, start: number): string {
  return `${key}@${start}`
}

/** The fold of what is read, partition by partition. */
export function expectedOf(scenario: Scenario, partitions: readonly (readonly Seen[])[]): Expected {
  const expected: Expected = { outputs: new Map(), totals: new Map(), failed: [] }
  for (const records of partitions) foldPartition(scenario, records, expected)
  return expected
}

function foldPartition(scenario: Scenario, records: readonly Seen[], expected: Expected): void {
  const { outputs, totals, failed } = expected
  const put = (key: string, value: unknown) => {
    const list = outputs.get(key)
    if (list) list.push(value)
    else outputs.set(key, [value])
  }
  const fails = (id: number) => {
    const isFailing = scenario.failures !== 'none' && scenario.failures !== 'retry' && failsFor(id)
    if (isFailing) failed.push(id)
    return isFailing
  }
  const open = new Map<number, Map<string, string>>()
  let now = -1
  for (const record of records) {
    const { value, timestampMs } = record
    const { id } = value as Input
    const key = keyOf(scenario, record)
    if (scenario.state === 'none') {
      if (id % 4 !== 0 && !fails(id)) put(key, id)
    } else if (scenario.state === 'total') {
      if (fails(id)) continue
      const total = added(totals.get(key) ?? '', id)
      totals.set(key, total)
      put(key, total)
    } else {
      const before = now
      const after = Math.max(now, timestampMs)
      const start = timestampMs - (timestampMs % windowMs)
      const isLate = start + windowMs <= after - graceMs
      if (!isLate && scenario.state === 'window' && fails(id)) continue
      now = after
      if (!isLate) {
        const window = open.get(start) ?? new Map<string, string>()
        open.set(start, window)
        const total = added(window.get(key) ?? '', id)
        window.set(key, total)
        totals.set(windowKey(key, start), total)
        if (scenario.state === 'window') put(windowKey(key, start), total)
      }
      for (const [at, window] of [...open].sort(([a], [b]) => a - b)) {
        const closesAt = at + windowMs + graceMs
        if (closesAt > now) continue
        open.delete(at)
        if (scenario.state !== 'window, final' || closesAt <= before) continue
        for (const [one, total] of window) put(windowKey(one, at), total)
      }
    }
  }
}
