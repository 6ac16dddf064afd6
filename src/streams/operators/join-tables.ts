/** Joins two tables by their key: a pair for each key that both have, or, for a left or outer join, that one of them has. */
import { Operator, type OperatorScope, type Receive } from '../operator.ts'
import type { Stamped } from '../stores/store.ts'
import type { Derived, View } from './table.ts'
import type { JoinType } from './unmatched.ts'

export interface TablesJoinOptions {
  readonly type: JoinType
  readonly left: View
  readonly right: View
}

/** Either may be null. */
type Join = (left: unknown, right: unknown) => readonly [unknown, unknown] | null

export function joinTables(
  parents: readonly [Operator, Operator],
  options: TablesJoinOptions,
): Derived {
  const join = joiner(options.type)
  return {
    operator: new Operator({
      kind: 'join',
      parents,
      parameters: { type: options.type },
      create: (scope) => [
        receiver(scope, options.right, join, options.type === 'inner' ? 'both' : 'either'),
        receiver(
          scope,
          options.left,
          (right, left) => join(left, right),
          options.type === 'outer' ? 'either' : 'both',
        ),
      ],
    }),
    view: (scope) => {
      const getLeft = options.left(scope)
      const getRight = options.right(scope)
      return (key) => {
        const left = getLeft(key)
        const right = getRight(key)
        const value = join(left?.value ?? null, right?.value ?? null)
        return value ? { value, timestampMs: latest(left, right) } : undefined
      }
    },
  }
}

/**
 * `needs`: whether a change matters when the other table has nothing for the key. Where it matters, it still does not when
 * this table had nothing and has nothing.
 */
function receiver(
  scope: OperatorScope,
  others: View,
  join: Join,
  needs: 'both' | 'either',
): Receive {
  const { forward, dropped } = scope
  const getOther = others(scope)
  return (record, old, isLatest) => {
    // A version of the past changes nothing of what is now.
    if (isLatest === false) return dropped('late', record)
    const { key, value } = record
    const other = getOther(key)
    const before = old ?? null
    if (!other && (needs === 'both' || (value === null && before === null))) return undefined
    const beside = other?.value ?? null
    const timestampMs = Math.max(record.timestampMs, other?.timestampMs ?? 0)
    return forward(
      record.derived(key, join(value, beside), timestampMs),
      join(before, beside),
      true,
    )
  }
}

function joiner(type: JoinType): Join {
  return (left, right) => {
    if (left === null && (type !== 'outer' || right === null)) return null
    if (right === null && type === 'inner') return null
    return [left, right]
  }
}

function latest(left: Stamped | undefined, right: Stamped | undefined): number {
  return Math.max(left?.timestampMs ?? 0, right?.timestampMs ?? 0)
}
