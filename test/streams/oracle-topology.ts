/** Topologies of the oracle's little language, written down with the public API. */
import { inspectBriefly } from '../../src/core/duration.ts'
import { BaseTable } from '../../src/streams/dsl/base-table.ts'
import type { CogroupedStream, GroupedStream } from '../../src/streams/dsl/grouped-stream.ts'
import { Stream } from '../../src/streams/dsl/stream.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import type { Table } from '../../src/streams/dsl/table.ts'
import type { WindowedTable } from '../../src/streams/dsl/windowed-table.ts'
import { Window } from '../../src/streams/windows.ts'
import type { OracleNode, OracleWindow } from './oracle-case.ts'
import { evaluate, isTrue } from './oracle-expressions.ts'
import { joinNode } from './oracle-joins.ts'

export type AnyStream = Stream<unknown, unknown>
type Group = GroupedStream<unknown, unknown>

/** Writes the nodes down, in their order. */
export function buildCase(topology: readonly OracleNode[], app: StreamBuilder): void {
  const nodes = new Nodes()
  for (const node of topology) {
    const make = makers[node.op]
    if (!make) throw new TypeError(`no such op: ${node.op}`)
    const made = make(node, nodes, app)
    if (node.id !== undefined && made !== undefined) nodes.set(node.id, made)
  }
  nodes.finish()
}

/** What the nodes have made, by their ids. */
export class Nodes {
  readonly #made = new Map<string, unknown>()

  set(id: string, made: unknown): void {
    this.#made.set(id, made)
  }

  get(id: unknown): unknown {
    if (typeof id !== 'string' || !this.#made.has(id)) {
      throw new TypeError(`no node is called ${inspectBriefly(id)}`)
    }
    return this.#made.get(id)
  }

  /** A stream or a table; of cogrouped streams, the table that they are. */
  flow(id: unknown): unknown {
    const made = this.get(id)
    if (!(made instanceof Cogroup)) return made
    const table = made.table()
    this.set(id as string, table)
    return table
  }

  stream(id: unknown): AnyStream {
    const made = this.flow(id)
    if (made instanceof Stream) return made as AnyStream
    if (made instanceof BaseTable) return made.toStream() as AnyStream
    throw new TypeError(`'${String(id)}' is neither a stream nor a table`)
  }

  table(id: unknown): Table<unknown, unknown> {
    return this.flow(id) as Table<unknown, unknown>
  }

  /** Cogrouped streams that nothing goes on with are a table too. */
  finish(): void {
    for (const [id, made] of this.#made) if (made instanceof Cogroup && !made.isUsed) this.flow(id)
  }
}

/** Cogrouped streams, until it is known whether they are windowed. */
class Cogroup {
  isUsed = false
  readonly node: OracleNode
  readonly #streams: CogroupedStream<unknown, unknown>

  constructor(streams: CogroupedStream<unknown, unknown>, node: OracleNode) {
    this.#streams = streams
    this.node = node
  }

  table(): Table<unknown, unknown> {
    this.isUsed = true
    const { initial, store } = this.node
    return this.#streams.aggregate({ initial: () => initial ?? null, ...(store && { store }) })
  }

  window(window: OracleWindow): unknown {
    this.isUsed = true
    return this.#streams.window(windowOf(window) as never)
  }
}

/** A group in windows. */
class WindowNode {
  readonly group: unknown
  readonly isFinal: boolean
  readonly isSession: boolean
  /** Whose `initial` and `merge` go on, where it is of cogrouped streams. */
  readonly cogroup: OracleNode | undefined

  constructor(group: unknown, { window, emit }: OracleNode, cogroup: OracleNode | undefined) {
    this.group = group
    this.isFinal = emit === 'close'
    this.isSession = window?.type === 'session'
    this.cogroup = cogroup
  }
}

type Make = (node: OracleNode, nodes: Nodes, app: StreamBuilder) => unknown

const makers: { readonly [op: string]: Make } = {
  stream: ({ topic }, _, app) => app.stream(topic!, { tombstones: 'deliver' }),

  table: ({ topic, store, history }, _, app) =>
    app.table(topic!, { ...(store && { store }), ...(history !== undefined && { history }) }),

  globalTable: ({ topic, store }, _, app) => app.globalTable(topic!, { ...(store && { store }) }),

  filter({ from, fn }, nodes) {
    const keeps = (value: unknown, key: unknown) => isTrue(evaluate(fn, { key, value }))
    const source = nodes.flow(from)
    if (!(source instanceof Stream)) return call(source, 'filter', keeps)
    return (source as AnyStream).filter((value, { key }) => keeps(value, key))
  },

  mapValues({ from, fn }, nodes) {
    const make = (value: unknown, key: unknown) => evaluate(fn, { key, value })
    const source = nodes.flow(from)
    if (!(source instanceof Stream)) return call(source, 'map', make)
    return (source as AnyStream).map((value, { key }) => make(value, key))
  },

  flatMapValues: ({ from, fn }, nodes) =>
    nodes
      .stream(from)
      .flatMap((value, { key }) => (evaluate(fn, { key, value }) ?? []) as unknown[]),

  selectKey: ({ from, fn }, nodes) =>
    nodes.stream(from).rekey((value, { key }) => evaluate(fn, { key, value }) as string | null),

  map: ({ from, key: keyFn, value: valueFn }, nodes) =>
    nodes.stream(from).mapRecord(({ key, value }) => ({
      key: evaluate(keyFn ?? 'key', { key, value }),
      value: evaluate(valueFn ?? 'value', { key, value }),
    })),

  branch({ from, branches, otherwise }, nodes) {
    const predicates = branches!.map(({ when }, i) => [
      `branch-${i}`,
      (value: unknown, { key }: { key: unknown }) => isTrue(evaluate(when, { key, value })),
    ])
    const split = nodes.stream(from).split(Object.fromEntries(predicates)) as {
      readonly [name: string]: AnyStream
    }
    for (const [i, { id }] of branches!.entries()) nodes.set(id, split[`branch-${i}`])
    if (otherwise !== undefined) nodes.set(otherwise, split.rest)
  },

  merge({ from, with: others }, nodes) {
    const ids = typeof others === 'string' ? [others] : others!
    return nodes.stream(from).merge(...ids.map((id) => nodes.stream(id)))
  },

  groupByKey: ({ from }, nodes) => nodes.stream(from).groupByKey(),

  groupBy({ from, fn, value: valueFn }, nodes) {
    const keyOf = (value: unknown, key: unknown) => evaluate(fn, { key, value }) as string | null
    const source = nodes.flow(from)
    if (source instanceof Stream) {
      return (source as AnyStream).groupBy((value, { key }) => keyOf(value, key))
    }
    return call(source, 'groupBy', (value: unknown, key: unknown) => [
      keyOf(value, key),
      evaluate(valueFn ?? 'value', { key, value }),
    ])
  },

  window(node, nodes) {
    const source = nodes.get(node.from)
    return source instanceof Cogroup
      ? new WindowNode(source.window(node.window!), node, source.node)
      : new WindowNode((source as Group).window(windowOf(node.window!) as never), node, undefined)
  },

  count: (node, nodes) => aggregated(node, nodes, 'count', [optionsOf(node, nodes)]),

  reduce(node, nodes) {
    const { fn, subtract, initial } = node
    const add = adder(fn)
    if (subtract !== undefined) {
      const options = { add, subtract: adder(subtract), ...withInitial(node) }
      return aggregated(node, nodes, 'reduce', [{ ...options, ...optionsOf(node, nodes) }])
    }
    const start = initial === undefined ? [] : [() => initial]
    return aggregated(node, nodes, 'reduce', [...start, add, optionsOf(node, nodes)])
  },

  aggregate(node, nodes) {
    const { fn, subtract } = node
    const source = nodes.get(node.from)
    const cogroup = source instanceof WindowNode ? source.cogroup : undefined
    return aggregated(node, nodes, 'aggregate', [
      {
        initial: () => node.initial ?? cogroup?.initial ?? null,
        ...(fn !== undefined && !cogroup && { add: adder(fn) }),
        ...(subtract !== undefined && { subtract: adder(subtract) }),
        ...optionsOf({ ...cogroup, ...node }, nodes),
      },
    ])
  },

  cogroup(node, nodes) {
    const [first, ...others] = node.groups!
    const group = (id: string) => nodes.get(id) as Group
    let streams = group(first!.from).cogroup<unknown>(adder(first!.fn))
    for (const { from, fn } of others) streams = streams.and(group(from), adder(fn))
    const cogroup = new Cogroup(streams, node)
    if (!node.window) return cogroup
    const windowed = new WindowNode(cogroup.window(node.window), node, node)
    nodes.set(node.id!, windowed)
    return makers.aggregate!({ ...node, from: node.id! }, nodes, undefined as never)
  },

  suppress: ({ from, until, maxRecords }, nodes) =>
    call(nodes.flow(from), 'suppress', { until, ...(maxRecords !== undefined && { maxRecords }) }),

  join: joinNode,

  toTable: ({ from, store, history }, nodes) =>
    nodes
      .stream(from)
      .toTable({ ...(store && { store }), ...(history !== undefined && { history }) }),

  toStream: ({ from }, nodes) => nodes.stream(from),

  repartition: ({ from }, nodes) => nodes.stream(from).repartition(),

  to({ from, topic }, nodes) {
    const source = nodes.flow(from)
    if (source instanceof BaseTable) call(source, 'to', topic!)
    else nodes.stream(from).to(topic!)
  },
}

function aggregated(
  { from }: OracleNode,
  nodes: Nodes,
  method: string,
  args: readonly unknown[],
): unknown {
  const source = nodes.get(from)
  if (!(source instanceof WindowNode)) return call(source, method, ...args)
  const table = call<WindowedTable<unknown, unknown>>(source.group, method, ...args)
  return source.isFinal ? table.final() : table
}

/** Options of state; how sessions are merged only where there are any, though a node may say it anyway. */
function optionsOf({ from, store, retention, merge }: OracleNode, nodes: Nodes): object {
  const source = nodes.get(from)
  const windows = source instanceof WindowNode ? source : undefined
  const isMerged = windows?.isSession && merge !== undefined
  // As the file says of its cases.
  const kept = windows && !windows.isSession ? (retention ?? 600_000) : retention
  return {
    ...(store !== undefined && { store }),
    ...(kept !== undefined && { retention: kept }),
    ...(isMerged && {
      merge: (left: unknown, right: unknown, key: unknown) => evaluate(merge, { left, right, key }),
    }),
  }
}

function withInitial({ initial }: OracleNode): object {
  return initial === undefined ? {} : { initial: () => initial }
}

function adder(fn: unknown): (total: unknown, value: unknown, key: unknown) => unknown {
  return (aggregate, value, key) => evaluate(fn, { aggregate, value, key })
}

function windowOf({ type, size, advance, difference, gap, grace = 0 }: OracleWindow) {
  switch (type) {
    case 'tumbling':
      return Window.tumbling(size!, { grace })
    case 'hopping':
      return Window.hopping(size!, { every: advance!, grace })
    case 'sliding':
      return Window.sliding(difference!, { grace })
    case 'session':
      return Window.session(gap!, { grace })
    default:
      throw new TypeError(`no such window: ${String(type)}`)
  }
}

/** Calls a method that depends on what kind of thing the language has made. */
export function call<R = unknown>(on: unknown, method: string, ...args: readonly unknown[]): R {
  const fn = (on as { readonly [name: string]: unknown } | undefined)?.[method]
  if (typeof fn === 'function') return fn.apply(on, args) as R
  throw new TypeError(`${on?.constructor?.name ?? String(on)} has no ${method}`)
}
