/** One value a key, made of all its records: count, reduce, aggregate, cogroup. */
import { json, type Serializer } from '../../client/serializer.ts'
import { frozen } from '../freeze.ts'
import { Operator, type OperatorScope, type Receive } from '../operator.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import { defined } from './stateless.ts'

/** How an aggregate comes about. */
export interface Aggregation {
  readonly kind: 'count' | 'reduce' | 'aggregate' | 'cogroup'
  /** What a key begins with. Undefined: its first value is the aggregate. */
  readonly initial: (() => unknown) | undefined
  /** One for each parent. */
  readonly add: readonly ((total: never, value: never, key: never) => unknown)[]
}

export interface StateOptions {
  readonly name: string | undefined
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown> | undefined
}

export const counting: Aggregation = {
  kind: 'count',
  initial: () => 0,
  add: [(total: number) => total + 1],
}

/** Makes a new total of the one there was (null: none) and a value. */
export type Adder = (total: unknown, value: unknown, key: unknown) => unknown

/** The callbacks, guarded; what they give is checked and frozen. One for each parent. */
export function addersOf(aggregation: Aggregation, scope: OperatorScope): Adder[] {
  const { kind } = aggregation
  const initial = aggregation.initial && scope.guardSync(aggregation.initial, 'initial value')
  return aggregation.add.map((add) => {
    const call = scope.guardSync((total: unknown, value: unknown, key: unknown) => {
      try {
        return defined((add as unknown as Adder)(total, value, key), kind)
      } catch (error) {
        throw ofFrozen(error)
      }
    }, kind)
    return (total, value, key) => {
      if (total !== null) return frozen(call(total, value, key))
      return frozen(initial ? call(frozen(initial()), value, key) : value)
    }
  })
}

/** Says what to do to whoever changes what is frozen; any other error as it is. */
function ofFrozen(error: unknown): unknown {
  if (
    !(error instanceof TypeError) ||
    !/read only|not extensible|Cannot delete/.test(error.message)
  ) {
    return error
  }
  return new TypeError(
    `${error.message}. A total must not be changed: return a new one, such as { ...total, count: total.count + 1 }`,
    { cause: error },
  )
}

export function aggregate(
  parents: readonly Operator[],
  aggregation: Aggregation,
  { name, key, value }: StateOptions,
): Operator {
  return new Operator({
    kind: aggregation.kind,
    name,
    parents,
    stores: [{ kind: 'key-value', name: '', key, value: value ?? json(), changelog: 'own' }],
    create(scope) {
      const { forward, dropped } = scope
      const store = scope.store<KeyValueStore>()
      const receiver =
        (add: Adder): Receive =>
        (record) => {
          const { key, value } = record
          if (key === null) return dropped('null key', record)
          if (value === null) return dropped('null value', record)
          const before = store.get(key)
          const old = before?.value ?? null
          const total = add(old, value, key)
          const time = before
            ? Math.max(before.timestampMs, record.timestampMs)
            : record.timestampMs
          store.put(key, total, time)
          return forward(record.derived(key, total, time), old)
        }
      return addersOf(aggregation, scope).map(receiver)
    },
  })
}
