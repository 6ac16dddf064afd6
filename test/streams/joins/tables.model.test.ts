/** Joins and groups of tables beside models, with failures and restarts in between. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Stream } from '../../../src/streams/dsl/stream.ts'
import type { Table } from '../../../src/streams/dsl/table.ts'
import { amount } from '../../amount.ts'
import { against, line, type Model, records, type Sent, type Switch } from './against-model.ts'
import { Trial } from './trial.ts'

const runs = { numRuns: amount(20, 300) }

interface Row {
  readonly value: unknown
  readonly timestamp: number
}

type Rows = Map<string, Row>

interface Rows2 {
  readonly left: Rows
  readonly right: Rows
}

const twoTables = (): Rows2 => ({ left: new Map(), right: new Map() })

/** Puts a record into its table, and returns what was there. */
function put(rows: Rows, { key, value, timestamp }: Sent): Row | undefined {
  const before = rows.get(key!)
  if (value === null) rows.delete(key!)
  else rows.set(key!, { value, timestamp })
  return before
}

function refusing<V, K>(results: Stream<V, K>, refusal: Switch): void {
  results
    .peek(() => {
      if (refusal.fails) throw new Error('refused')
    })
    .to('out')
}

function tablesModel(type: 'inner' | 'left' | 'outer'): Model<Rows2> {
  return {
    initial: twoTables,
    apply(state, record) {
      if (record.key === null) return []
      const isLeft = record.topic === 'left'
      const old = put(isLeft ? state.left : state.right, record)
      const other = (isLeft ? state.right : state.left).get(record.key)
      const isNeeded = type === 'inner' || (type === 'left' && !isLeft)
      // A result could have been there, or is there now.
      const matters = other ? true : !isNeeded && (old !== undefined || record.value !== null)
      if (!matters) return []
      const [l, r] = isLeft ? [record.value, other?.value] : [other?.value, record.value]
      const left = l ?? null
      const right = r ?? null
      const lacks =
        type === 'inner'
          ? left === null || right === null
          : type === 'left'
            ? left === null
            : left === null && right === null
      const at = Math.max(record.timestamp, other?.timestamp ?? 0)
      return [line(record.key, lacks ? null : [left, right], at)]
    },
  }
}

describe('two tables by key', () => {
  test.each(['inner', 'left', 'outer'] as const)('%s', async (type) => {
    await fc.assert(
      fc.asyncProperty(records(['left', 'right']), (steps) =>
        against(steps, tablesModel(type), (builder, refusal) => {
          const left = builder.table<number>('left')
          refusing(left.join(builder.table<number>('right'), { type }).toStream(), refusal)
        }),
      ),
      runs,
    )
  })
})

interface Reference {
  readonly to: string | null
  readonly n: number
}

interface ForeignState extends Rows2 {
  /** Results by key, as JSON. */
  readonly out: Map<string, string>
}

/** Says what results there must be; each change of them must have been told, and nothing else but nulls again. */
function foreignRows({ left, right }: Rows2, type: 'inner' | 'left'): Map<string, string> {
  const rows = new Map<string, string>()
  for (const [key, { value }] of left) {
    const to = (value as Reference).to
    const found = to === null ? undefined : right.get(to)
    if (found || type === 'left') rows.set(key, JSON.stringify([value, found?.value ?? null]))
  }
  return rows
}

describe('two tables by foreign key', () => {
  test.each(['inner', 'left'] as const)('%s: the results are those of the tables', async (type) => {
    const reference = fc.record({
      to: fc.constantFrom('a', 'b', 'c', null),
      n: fc.integer({ min: 0, max: 2 }),
    })
    const rightOnly = records(['left', 'right'], { values: reference, fails: false })
    const model: Model<ForeignState> = {
      initial: () => ({ ...twoTables(), out: new Map() }),
      apply(state, record) {
        if (record.key === null) return []
        put(record.topic === 'left' ? state.left : state.right, record)
        const rows = foreignRows(state, type)
        const changed = [...new Set([...rows.keys(), ...state.out.keys()])].filter(
          (key) => rows.get(key) !== state.out.get(key),
        )
        state.out.clear()
        for (const [key, row] of rows) state.out.set(key, row)
        return changed.map((key) => JSON.stringify([key, rows.get(key) ?? null]))
      },
    }
    await fc.assert(
      fc.asyncProperty(rightOnly, (steps) =>
        against(
          steps,
          model,
          (builder, refusal) => {
            const left = builder.table<Reference>('left')
            const right = builder.table<Reference>('right')
            const joined = left.join(right, {
              foreignKey: ({ to }: Reference) => to,
              type,
              store: 'both',
            })
            refusing(onlyChanges(joined), refusal)
          },
          ({ key, value }) => JSON.stringify([key, value === null ? null : JSON.stringify(value)]),
        ),
      ),
      runs,
    )
  })
})

describe('two tables by foreign key, whose messages are under way for a while', () => {
  test.each(['inner', 'left'] as const)(
    '%s: the results come to those of the tables',
    async (type) => {
      const step = fc.record({
        /** What is read late from here on; undefined: nothing, and what is under way arrives. */
        holds: fc.option(
          fc.constantFrom('answers', 'subscriptions', ...Array(8).fill('as before')),
          {
            nil: undefined,
          },
        ),
        topic: fc.constantFrom('left', 'left', 'right'),
        key: fc.constantFrom('a', 'b'),
        value: fc.option(
          fc.record({ to: fc.constantFrom('a', 'b', null), n: fc.integer({ min: 0, max: 1 }) }),
        ),
      })
      const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const trial = new Trial((app) => {
          const foreignKey = ({ to }: Reference) => to
          const right = app.table<Reference>('right')
          app
            .table<Reference>('left')
            .join(right, { foreignKey, type, store: 'fk' })
            .toStream()
            .to('out')
        })
        const tables = twoTables()
        const arrive = async () => {
          await trial.release()
          const results = new Map<string, string>()
          for (const { key, value } of trial.written) {
            if (value === null) results.delete(key!)
            else results.set(key!, JSON.stringify(value))
          }
          expect(results).toEqual(foreignRows(tables, type))
        }
        let timestamp = 0
        for (const { holds, topic, key, value } of steps) {
          if (holds !== 'as before') await arrive()
          if (holds && holds !== 'as before') trial.holds = (to) => to.includes(holds)
          put(topic === 'left' ? tables.left : tables.right, { topic, key, value, timestamp })
          await trial.send(topic, key, value, timestamp++)
        }
        await arrive()
      })
      await fc.assert(property, { numRuns: amount(100, 2000) })
    },
  )
})

/** Results that are as they were are told again where nobody can know: of no matter here. */
function onlyChanges<V, K extends string>(table: Table<V, K>): Stream<V | null, K> {
  return table
    .toStream()
    .map((value) => ({ value }))
    .groupByKey()
    .aggregate<{ was: unknown; value: V | null }>({
      initial: () => ({ was: null, value: null }),
      add: (total, { value }) => ({ was: total.value, value }),
    })
    .toStream()
    .filter((one) => JSON.stringify(one!.was) !== JSON.stringify(one!.value))
    .map((one) => one!.value) as unknown as Stream<V | null, K>
}

test('rows grouped by another key: totals are those of the rows', async () => {
  const value = fc.record({
    to: fc.constantFrom('x', 'y', null),
    n: fc.integer({ min: 0, max: 3 }),
  })
  type State = { readonly rows: Rows; readonly out: Map<string, number> }
  const model: Model<State> = {
    initial: () => ({ rows: new Map(), out: new Map() }),
    apply(state, record) {
      if (record.key === null) return []
      const old = put(state.rows, record)?.value as Reference | undefined
      const now = record.value as Reference | null
      const groups = [...new Set([old?.to ?? null, now?.to ?? null])].filter((to) => to !== null)
      return groups.map((to) => {
        const ofGroup = [...state.rows.values()].filter((row) => (row.value as Reference).to === to)
        const sum = ofGroup.reduce((total, row) => total + (row.value as Reference).n, 0)
        return JSON.stringify([to, [sum, ofGroup.length]])
      })
    },
  }
  await fc.assert(
    fc.asyncProperty(records(['in'], { values: value, fails: false }), (steps) =>
      against(
        steps,
        model,
        (builder, refusal) => {
          const totals = builder
            .table<Reference>('in')
            .groupBy('groups', ({ to, n }) => [to, n])
            .aggregate<readonly [number, number]>({
              initial: () => [0, 0],
              add: ([sum, count], n) => [sum + n, count + 1],
              subtract: ([sum, count], n) => [sum - n, count - 1],
            })
          refusing(totals.toStream(), refusal)
        },
        ({ key, value }) => JSON.stringify([key, value]),
      ),
    ),
    runs,
  )
})

interface HistoryState {
  now: number
  readonly versions: (Sent & { readonly number: number })[]
  waiting: Sent[]
  streamNow: number
}

const history = 30

/** What a table with history had for a key at a time. */
function validAt({ versions, now }: HistoryState, key: string | null, time: number): unknown {
  const ofKey = versions.filter((one) => one.key === key)
  const order = [...ofKey].sort((a, b) => a.timestamp - b.timestamp || a.number - b.number)
  const valid = order.filter((one) => one.timestamp <= time).at(-1)
  if (time < now - history && valid !== order.at(-1)) return null
  return valid?.value ?? null
}

function historyModel(type: 'inner' | 'left', grace: number | undefined): Model<HistoryState> {
  const joined = (state: HistoryState, { key, value, timestamp }: Sent) => {
    const right = validAt(state, key, timestamp)
    return right === null && type === 'inner' ? [] : [line(key, [value, right], timestamp)]
  }
  return {
    initial: () => ({ now: 0, versions: [], waiting: [], streamNow: -1 }),
    apply(state, record) {
      if (record.topic === 'table') {
        if (record.key === null || record.timestamp < state.now - history) return []
        state.now = Math.max(state.now, record.timestamp)
        state.versions.push({ ...record, number: state.versions.length })
        return []
      }
      if (record.value === null) return []
      if (record.key === null || grace === undefined)
        return record.key === null && type === 'inner' ? [] : joined(state, record)
      state.streamNow = Math.max(state.streamNow, record.timestamp)
      const due = state.streamNow - grace
      if (record.timestamp < due) return joined(state, record)
      state.waiting.push(record)
      const out = state.waiting.filter((one) => one.timestamp <= due)
      state.waiting = state.waiting.filter((one) => one.timestamp > due)
      return out.flatMap((one) => joined(state, one))
    },
  }
}

describe('a stream and a table with history', () => {
  const kinds = [
    { type: 'inner', grace: undefined, own: false },
    { type: 'left', grace: undefined, own: true },
    { type: 'left', grace: 0, own: false },
    { type: 'left', grace: 12, own: false },
    { type: 'inner', grace: 30, own: true },
  ] as const
  test.each(kinds)(
    '$type, grace $grace, a changelog of its own: $own',
    async ({ type, grace, own }) => {
      await fc.assert(
        fc.asyncProperty(records(['table', 'stream'], { spread: 45 }), (steps) =>
          against(steps, historyModel(type, grace), (builder, refusal) => {
            const stream = builder.stream<number>('stream', { tombstones: 'deliver' })
            const table = own
              ? builder.table<number>('table').asOf(history, { store: 'versions' })
              : builder.table<number>('table', { history })
            const pairs = stream.join(table, { type, ...(grace !== undefined && { grace }) })
            refusing(pairs.asStream(), refusal)
          }),
        ),
        runs,
      )
    },
  )
})
