/** Joins of the oracle's little language. */

import { BaseTable } from '../../src/streams/dsl/base-table.ts'
import { Stream } from '../../src/streams/dsl/stream.ts'
import type { OracleNode, OracleWindow } from './oracle-case.ts'
import { evaluate } from './oracle-expressions.ts'
import { type AnyStream, call, type Nodes } from './oracle-topology.ts'

export function joinNode(node: OracleNode, nodes: Nodes): unknown {
  const { from, kind: type, fn, foreignKey, grace } = node
  const left = nodes.flow(from)
  const right = nodes.flow(node.with)
  const result = resultOf(node)
  if (!(left instanceof Stream)) {
    const by = foreignKey && { foreignKey: (value: unknown) => evaluate(foreignKey, { value }) }
    const joined = call(left, 'join', right, { type, ...by })
    return call(joined, 'map', ([l, r]: readonly [unknown, unknown], key: unknown) =>
      result(l, r, key),
    )
  }
  const options = (() => {
    if (right instanceof Stream) return { type, window: windowOf(node.window!) }
    if (right instanceof BaseTable) return { type, ...(grace !== undefined && { grace }) }
    const key = (value: unknown, record: { key: unknown }) =>
      evaluate(fn ?? 'key', { key: record.key, value })
    return { type, key }
  })()
  const pairs = call(left as AnyStream, 'join', right, options)
  return call(pairs, 'map', (l: unknown, r: unknown, record: { key: unknown }) =>
    result(l, r, record.key),
  )
}

/** `{ left, right }`, or what the node says. */
function resultOf({ value }: OracleNode): (left: unknown, right: unknown, key: unknown) => unknown {
  if (value === undefined) return (left, right) => ({ left, right })
  return (left, right, key) => evaluate(value, { left, right, key })
}

function windowOf({ within, before, after, grace = 0 }: OracleWindow): object {
  if (within !== undefined) return { within, grace }
  return { before: before ?? 0, after: after ?? 0, grace }
}
