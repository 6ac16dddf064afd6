/**
 * Groups the rows of a table by another key, and puts those of each group together. A row that changes is taken out of the
 * total as it was and added as it is: in one step where it stays in its group, first here and then there where it moves.
 */
import { json, type Serializer } from '../../client/serializer.ts'
import { invalid } from '../../core/options.ts'
import { frozen } from '../freeze.ts'
import { Operator, type OperatorScope, type Receive } from '../operator.ts'
import { keyCodec } from '../stores/key-codec.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { pairSerializer } from './envelope.ts'
import { defined } from './stateless.ts'

/** What a row of a group was and is; null: it was not, or is not, in the group. */
export type Change = readonly [old: unknown, value: unknown]

/** How changes are written to the topic between the table and the groups. */
export function changeSerializer(value: Serializer<unknown>): Serializer<Change> {
  return pairSerializer(value, value)
}

type Select = (value: unknown, key: unknown) => unknown
type Row = readonly [group: unknown, value: unknown]

/** Hands on a record for each group that a change concerns: its key is the group's, its value a `Change`. */
export function groupRows(
  parent: Operator,
  select: (value: never, key: never) => unknown,
  key: Serializer<unknown>,
): Operator {
  return new Operator({
    kind: 'groupBy',
    parents: [parent],
    create(scope) {
      const { forward, dropped } = scope
      const selected = scope.guardSync(select as unknown as Select, 'groupBy')
      const rowOf = scope.guard((value: unknown, ofKey: unknown) => toRow(selected(value, ofKey)))
      const keys = keyCodec(key, 'groupBy')
      const same = scope.guard((a: unknown, b: unknown) => keys.toText(a) === keys.toText(b))
      return [
        (record, old, isLatest) => {
          // A version of the past is in no total.
          if (isLatest === false) return dropped('late', record)
          const before = rowIn(rowOf, old ?? null, record)
          const after = rowIn(rowOf, record.value, record)
          if (before && after && same(before[0], after[0])) {
            return forward(changed(record, after[0], [before[1], after[1]]))
          }
          const add = () => after && forward(changed(record, after[0], [null, after[1]]))
          const waiting = before && forward(changed(record, before[0], [before[1], null]))
          return waiting ? waiting.then(() => add() ?? undefined) : (add() ?? undefined)
        },
      ]
    },
  })
}

/** Null where there is nothing to group. */
function rowIn(rowOf: (value: unknown, key: unknown) => Row, value: unknown, record: StreamRecord) {
  if (value === null) return null
  const row = rowOf(value, record.key)
  return row[0] === null || row[1] === null ? null : row
}

function toRow(row: unknown): Row {
  if (!Array.isArray(row) || row.length !== 2) {
    throw invalid('groupBy of a table: the callback must return [key, value]')
  }
  return [defined(row[0], 'groupBy (key)') as unknown, frozen(defined(row[1], 'groupBy (value)'))]
}

function changed(record: StreamRecord, group: unknown, change: Change): StreamRecord {
  return record.derived(group, change, record.timestampMs)
}

export interface TableAggregation {
  readonly kind: 'count' | 'reduce' | 'aggregate'
  /** The initial total of a group. Undefined: its first value is the total. */
  readonly initial: (() => unknown) | undefined
  readonly add: (total: never, value: never, key: never) => unknown
  readonly subtract: (total: never, value: never, key: never) => unknown
}

export const countingRows: TableAggregation = {
  kind: 'count',
  initial: () => 0,
  add: (total: number) => total + 1,
  subtract: (total: number) => total - 1,
}

type Step = (total: unknown, value: unknown, key: unknown) => unknown

/** Takes in changes of groups. */
export function aggregateRows(
  parent: Operator,
  aggregation: TableAggregation,
  {
    name,
    key,
    value,
  }: {
    readonly name: string | undefined
    readonly key: Serializer<unknown>
    readonly value: Serializer<unknown> | undefined
  },
): Operator {
  const { kind } = aggregation
  return new Operator({
    kind,
    name,
    parents: [parent],
    parameters: { of: 'table' },
    stores: [{ kind: 'key-value', name: '', key, value: value ?? json(), changelog: 'own' }],
    create: (scope) => [totals(scope, aggregation)],
  })
}

function totals(scope: OperatorScope, aggregation: TableAggregation): Receive {
  const { forward } = scope
  const store = scope.store<KeyValueStore>()
  const initial = aggregation.initial && scope.guardSync(aggregation.initial, 'initial value')
  const add = step(scope, aggregation, 'add')
  const subtract = step(scope, aggregation, 'subtract')
  const addTo = (total: unknown, value: unknown, key: unknown) => {
    if (total !== null) return add(total, value, key)
    return initial ? add(frozen(initial()), value, key) : value
  }
  return (record) => {
    const { key } = record
    const [was, is] = record.value as Change
    const before = store.get(key)
    const old = before?.value ?? null
    const without = was === null || old === null ? old : subtract(old, was, key)
    const total = is === null ? without : addTo(without, is, key)
    const time = Math.max(record.timestampMs, before?.timestampMs ?? 0)
    store.put(key, total, time)
    return forward(record.derived(key, total, time), old, true)
  }
}

function step(scope: OperatorScope, aggregation: TableAggregation, name: 'add' | 'subtract'): Step {
  const call = aggregation[name] as unknown as Step
  return scope.guardSync(
    (total: unknown, value: unknown, key: unknown) =>
      frozen(defined(call(total, value, key), `${aggregation.kind} (${name})`)),
    `${name} of ${aggregation.kind}`,
  )
}
