/**
 * Works for the crash simulation in which several records meet in one place: rows of a table that move between groups, and joins.
 * In what order records of two topics come is not known; what must be so in any order is checked.
 */
import { expect } from 'vitest'
import type { Streams } from '../../src/streams/dsl/streams.ts'
import type { SeededRandom } from '../simulation/random.ts'
import type { Input, Seen } from './crash-scenarios.ts'

/** What is read of a topic: lists of records, by partition. */
export type Partitions = readonly (readonly Seen[])[]

export interface Work {
  readonly name: string
  readonly sources: readonly string[]
  /** Some records delete. */
  readonly hasTombstones: boolean
  build(streams: Streams): void
  /** By topic, in the order of `sources`. */
  check(inputs: readonly Partitions[], outputs: readonly Seen[]): void
  /** What the store `totals` must have. */
  totals?(inputs: readonly Partitions[]): Map<string, unknown>
}

export const works: readonly Work[] = [
  {
    name: 'rows by group',
    sources: ['in'],
    hasTombstones: true,
    build(streams) {
      const rows = streams.table<Input>('in').groupBy(({ id, other }) => [other, id])
      const store = 'totals'
      const initial = (): number[] => []
      rows.aggregate({ initial, add: withId, subtract: withoutId, store }).toStream().to('out')
    },
    check(inputs, outputs) {
      const groups = groupsOf(inputs[0]!)
      for (const [group, totals] of valuesByKey(outputs)) {
        let before: readonly number[] = []
        for (const total of totals as (number[] | null)[]) {
          // One result for each row that comes or goes; one where it changes within its group.
          const now = total ?? []
          const changed = [...difference(before, now), ...difference(now, before)]
          expect([1, 2], `${group}: ${before} → ${now}`).toContain(changed.length)
          before = now
        }
        expect([...before].sort(byNumber), group).toEqual(groups.get(group) ?? [])
      }
      for (const group of groups.keys()) expect(valuesByKey(outputs).has(group), group).toBe(true)
    },
    totals: (inputs) => groupsOf(inputs[0]!),
  },
  {
    name: 'two tables',
    sources: ['in', 'in2'],
    hasTombstones: true,
    build(streams) {
      const right = streams.table<Input>('in2')
      streams.table<Input>('in').join(right, { type: 'outer' }).toStream().to('out')
    },
    check([left, right], outputs) {
      const found = valuesByKey(outputs)
      const [lefts, rights] = [valuesByKey(left!.flat()), valuesByKey(right!.flat())]
      for (const key of new Set([...lefts.keys(), ...rights.keys(), ...found.keys()])) {
        const results = (found.get(key) ?? []) as Pair[]
        checkMeeting(key, lefts.get(key) ?? [], rights.get(key) ?? [], results)
      }
    },
  },
  {
    name: 'two tables by foreign key',
    sources: ['in', 'in2'],
    hasTombstones: true,
    build(streams) {
      const right = streams.table<Input>('in2')
      const foreignKey = ({ other }: Input) => other
      streams.table<Input>('in').join(right, { foreignKey }).toStream().to('out')
    },
    check([left, right], outputs) {
      const rights = lastByKey(right!.flat())
      const rows = new Map<string, unknown>()
      for (const [key, value] of lastByKey(left!.flat())) {
        const other = rights.get((value as Input).other)
        if (other) rows.set(key, [value, other])
      }
      expect(sorted(lastByKey(outputs))).toEqual(sorted(rows))
    },
  },
  {
    name: 'pairs of two streams',
    sources: ['in', 'in2'],
    hasTombstones: false,
    build(streams) {
      const right = streams.stream<Input>('in2')
      const window = { within: '1h', grace: '1h' } as const
      const pairs = streams.stream<Input>('in').join(right, { window })
      pairs.map((left, right) => [left.id, right.id]).to('out')
    },
    check([left, right], outputs) {
      checkPairs(left!.flat(), right!.flat(), ({ key }) => key!, outputs)
    },
  },
  {
    name: 'pairs by another key',
    sources: ['in', 'in2'],
    hasTombstones: false,
    build(streams) {
      const right = streams.stream<Input>('in2')
      const window = { within: '1h', grace: '1h' } as const
      const other = ({ other }: Input) => other
      const pairs = streams.stream<Input>('in').join(right, { window, key: [other, other] })
      pairs.map((left, right) => [left.id, right.id]).to('out')
    },
    check([left, right], outputs) {
      const other = ({ value }: Seen) => (value as Input).other
      checkPairs(left!.flat(), right!.flat(), other, outputs)
    },
  },
  {
    name: 'a stream with a table',
    sources: ['in', 'in2'],
    hasTombstones: false,
    build(streams) {
      const table = streams.table<Input>('in2')
      const pairs = streams.stream<Input>('in').join(table, { type: 'left' })
      pairs.map((left, right) => [left.id, right?.id ?? null]).to('out')
    },
    check([left, right], outputs) {
      const found = valuesByKey(outputs)
      const rights = valuesByKey(right!.flat())
      const idOf = (value: unknown) => (value as Input).id
      const lefts = valuesByKey(left!.flat())
      expect([...found.keys()].sort()).toEqual([...lefts.keys()].sort())
      for (const [key, values] of lefts) {
        const results = found.get(key) as [number, number | null][]
        expect(results.map(([id]) => id)).toEqual(values.map(idOf))
        // What the table had, one after the other; some of it is never seen.
        const rows = [null, ...(rights.get(key) ?? []).map(idOf)]
        let at = 0
        for (const [, row] of results) {
          at = rows.indexOf(row, at)
          expect(at, JSON.stringify({ key, results, rows })).toBeGreaterThanOrEqual(0)
        }
      }
    },
  },
]

export function randomWork(random: SeededRandom): Work {
  return works[random.below(works.length)]!
}

function withId(total: readonly number[], id: number): number[] {
  if (total.includes(id)) throw new Error(`${id} is there already`)
  return [...total, id].sort(byNumber)
}

function withoutId(total: readonly number[], id: number): number[] | null {
  if (!total.includes(id)) throw new Error(`${id} is not there`)
  const rest = total.filter((one) => one !== id)
  return rest.length === 0 ? null : rest
}

function groupsOf(partitions: Partitions): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const value of lastByKey(partitions.flat()).values()) {
    const { id, other } = value as Input
    groups.set(other, [...(groups.get(other) ?? []), id].sort(byNumber))
  }
  return groups
}

type Pair = readonly [left: unknown, right: unknown] | null

/** `results` come of one order in which the rows of both sides of an outer join may have come, and of all of them. */
function checkMeeting(
  key: string,
  left: readonly unknown[],
  right: readonly unknown[],
  results: readonly Pair[],
): void {
  const last = (list: readonly unknown[], count: number) => list[count - 1] ?? null
  /** What is told once so many of both have come, the last of them of one side; undefined: nothing. */
  const told = (l: number, r: number, isLeft: boolean): Pair | undefined => {
    const other = isLeft ? last(right, r) : last(left, l)
    const [list, count] = isLeft ? [left, l] : [right, r]
    if (other === null && last(list, count) === null && last(list, count - 1) === null) {
      return undefined
    }
    const pair = [last(left, l), last(right, r)] as const
    return pair[0] === null && pair[1] === null ? null : pair
  }
  /** By how many of the left have come: how many results have been told, for each number of the right. */
  const reached = Array.from({ length: left.length + 1 }, () =>
    Array.from({ length: right.length + 1 }, () => new Set<number>()),
  )
  reached[0]![0]!.add(0)
  const step = (from: Set<number>, to: Set<number>, pair: Pair | undefined) => {
    for (const count of from) {
      if (pair === undefined) to.add(count)
      else if (count < results.length && isEqual(results[count]!, pair)) to.add(count + 1)
    }
  }
  for (let l = 0; l <= left.length; l++) {
    for (let r = 0; r <= right.length; r++) {
      const to = reached[l]![r]!
      if (l > 0) step(reached[l - 1]![r]!, to, told(l, r, true))
      if (r > 0) step(reached[l]![r - 1]!, to, told(l, r, false))
    }
  }
  const ends = [...reached[left.length]![right.length]!]
  const what = JSON.stringify({ key, left, right, results })
  expect(ends, what).toContain(results.length)
}

function checkPairs(
  left: readonly Seen[],
  right: readonly Seen[],
  keyOf: (one: Seen) => string,
  outputs: readonly Seen[],
): void {
  const idOf = ({ value }: Seen) => (value as Input).id
  const wanted = left.flatMap((l) =>
    right.filter((r) => keyOf(l) === keyOf(r)).map((r) => `${idOf(l)} ${idOf(r)}`),
  )
  const found = outputs.map(({ value }) => (value as number[]).join(' '))
  expect(found.sort()).toEqual(wanted.sort())
}

function valuesByKey(records: readonly Seen[]): Map<string, unknown[]> {
  const lists = new Map<string, unknown[]>()
  for (const { key, value } of records) {
    const list = lists.get(key!)
    if (list) list.push(value)
    else lists.set(key!, [value])
  }
  return lists
}

function lastByKey(records: readonly Seen[]): Map<string, unknown> {
  const last = new Map<string, unknown>()
  for (const { key, value } of records) {
    if (value === null) last.delete(key!)
    else last.set(key!, value)
  }
  return last
}

function difference(a: readonly number[], b: readonly number[]): number[] {
  return a.filter((one) => !b.includes(one))
}

function byNumber(a: number, b: number): number {
  return a - b
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function sorted<T>(map: Map<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}
