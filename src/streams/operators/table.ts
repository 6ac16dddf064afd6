/** Operators of tables: each change goes through with the value that was there before. */
import { Operator, type OperatorScope } from '../operator.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { Stamped } from '../stores/store.ts'
import type { VersionedStore } from '../stores/versioned-store.ts'
import { defined } from './stateless.ts'

/**
 * How the value of a key is looked up, by an operator of the same task: the newest, or, of a table with history, the one that
 * was valid at a time.
 */
export type View = (scope: OperatorScope) => (key: unknown, asOfMs?: number) => Stamped | undefined

/** The view of what an operator keeps in its store. */
export function storeView(operator: Operator, hasHistory: boolean): View {
  return (scope) => {
    if (hasHistory) {
      const store = scope.store<VersionedStore>('', operator)
      return (key, asOfMs) => store.get(key, asOfMs)
    }
    const store = scope.store<KeyValueStore>('', operator)
    return (key) => store.get(key)
  }
}

export interface Derived {
  readonly operator: Operator
  readonly view: View
}

export function filterTable(
  parent: Operator,
  view: View,
  {
    keep,
    isOldSent,
  }: {
    readonly keep: (value: never, key: never) => boolean
    /** Known when tasks are made: whether what was never let through is passed over when it is deleted. */
    readonly isOldSent: () => boolean
  },
): Derived {
  const guarded = ({ guardSync }: OperatorScope) =>
    guardSync(keep as unknown as (value: unknown, key: unknown) => boolean, 'predicate')
  return {
    operator: new Operator({
      kind: 'filter',
      parents: [parent],
      create(scope) {
        const takes = guarded(scope)
        const kept = (value: unknown, key: unknown) =>
          value !== null && value !== undefined && takes(value, key) ? value : null
        const isKnown = isOldSent()
        return [
          (record, old, isLatest) => {
            const value = kept(record.value, record.key)
            const before = kept(old, record.key)
            if (isKnown && value === null && before === null) return undefined
            return scope.forward(record.withValue(value), before, isLatest)
          },
        ]
      },
    }),
    view: (scope) => {
      const get = view(scope)
      const takes = guarded(scope)
      return (key, asOfMs) => {
        const found = get(key, asOfMs)
        return found && takes(found.value, key) ? found : undefined
      }
    },
  }
}

export function mapTable(
  parent: Operator,
  view: View,
  fn: (value: never, key: never) => unknown,
): Derived {
  const guarded = ({ guardSync }: OperatorScope) =>
    guardSync(
      (value: unknown, key: unknown) =>
        defined((fn as unknown as (value: unknown, key: unknown) => unknown)(value, key), 'map'),
      'map',
    )
  return {
    operator: new Operator({
      kind: 'map',
      parents: [parent],
      create(scope) {
        const call = guarded(scope)
        const mapped = (value: unknown, key: unknown) =>
          value === null || value === undefined ? null : call(value, key)
        return [
          (record, old, isLatest) =>
            scope.forward(
              record.withValue(mapped(record.value, record.key)),
              mapped(old, record.key),
              isLatest,
            ),
        ]
      },
    }),
    view: (scope) => {
      const get = view(scope)
      const call = guarded(scope)
      return (key, asOfMs) => {
        const found = get(key, asOfMs)
        if (!found) return undefined
        const value = call(found.value, key)
        return value === null ? undefined : { value, timestampMs: found.timestampMs }
      }
    },
  }
}

export function toStream(parent: Operator): Operator {
  return new Operator({
    kind: 'toStream',
    parents: [parent],
    create: ({ forward }) => [(record) => forward(record)],
  })
}
