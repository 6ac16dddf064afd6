/** Joins and tables as Kafka Streams itself has them: cases with what it gave for each record. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { GlobalTable } from '../../../src/streams/dsl/global-table.ts'
import { Stream } from '../../../src/streams/dsl/stream.ts'
import type { StreamBuilder } from '../../../src/streams/dsl/stream-builder.ts'
import { Table } from '../../../src/streams/dsl/table.ts'
import { Trial, type Written } from './trial.ts'

interface OracleRecord {
  readonly topic: string
  readonly key: string | null
  readonly value: unknown
  readonly timestamp: number
}

interface OracleCase {
  readonly name: string
  readonly topology: readonly Node[]
  readonly input: readonly OracleRecord[]
  readonly output: readonly (OracleRecord & { readonly input: number })[]
  readonly droppedRecords?: number
}

type Node = { readonly op: string; readonly id: string } & { readonly [name: string]: unknown }
type AnyTable = Table<unknown, string>
type Any = Stream<unknown, string | null> | AnyTable | GlobalTable<unknown, string>

const { cases } = JSON.parse(readFileSync(new URL('../oracle.json', import.meta.url), 'utf8')) as {
  cases: readonly OracleCase[]
}

const ours = cases.filter(({ name }) => /join|table/i.test(name))

test('the cases are there', () => {
  expect(ours.length).toBe(14)
})

describe('as Kafka Streams', () => {
  test.each(ours)('$name', async ({ topology, input, output }) => {
    const trial = new Trial((builder) => build(builder, topology))
    for (const [index, { topic, key, value, timestamp }] of input.entries()) {
      const got = await trial.send(topic, key, value, timestamp)
      const wanted = output.filter((one) => one.input === index)
      expect({ index, out: sorted(got) }).toEqual({ index, out: sorted(wanted) })
      // A restart after every third record must change nothing.
      trial.commit()
      if (index % 3 === 2) trial.restart()
    }
  })
})

function sorted(records: readonly (OracleRecord | Written)[]): string[] {
  return records
    .map(({ topic, key, value, timestamp }) => JSON.stringify([topic, key, value, timestamp]))
    .sort()
}

function build(builder: StreamBuilder, nodes: readonly Node[]): void {
  const made = new Map<string, Any>()
  for (const node of nodes) {
    const from = made.get(node.from as string)
    const next = step(builder, node, from, made.get(node.with as string))
    if (next) made.set(node.id, next)
  }
}

const grouped = new WeakMap<object, object>()

function step(
  builder: StreamBuilder,
  node: Node,
  from: Any | undefined,
  other: Any | undefined,
): Any | undefined {
  const fn = expression(node.fn)
  switch (node.op) {
    case 'stream':
      return builder.stream(node.topic as string, { tombstones: 'deliver' })
    case 'table':
      return builder.table(node.topic as string)
    case 'globalTable':
      return builder.globalTable(node.topic as string)
    case 'filter':
      return (from as Table<unknown, string>).filter((value, key) => Boolean(fn({ value, key })))
    case 'mapValues':
      return (from as Table<unknown, string>).map((value, key) => fn({ value, key }))
    case 'selectKey':
      return (from as Stream<unknown>).rekey(
        (value, { key }) => fn({ value, key }) as string | null,
      )
    case 'groupBy': {
      const value = expression(node.value)
      const group = (from as Table<unknown, string>).groupBy((row, key) => [
        fn({ value: row, key }) as string | null,
        value({ value: row, key }),
      ])
      const holder = {} as Any
      grouped.set(holder, group)
      return holder
    }
    case 'reduce': {
      const subtract = expression(node.subtract)
      const group = grouped.get(from!) as ReturnType<Table<unknown, string>['groupBy']>
      return group.reduce({
        add: (aggregate, value) => fn({ aggregate, value }) as object,
        subtract: (aggregate, value) => subtract({ aggregate, value }) as object,
      }) as unknown as Any
    }
    case 'join':
      return join(node, from!, other!)
    case 'to': {
      ;(from as Stream<unknown>).to(node.topic as string)
      return undefined
    }
    default:
      throw new TypeError(`no ${node.op}`)
  }
}

function join(node: Node, from: Any, other: Any): Any {
  const type = node.kind as 'inner'
  if (from instanceof Table) return joinTables(node, asTable(from), asTable(other), type)
  const left = from as Stream<unknown>
  const pairs = (l: unknown, r: unknown) => ({ left: l, right: r })
  if (other instanceof Stream) {
    const window = node.window as { within: number }
    return left.join(other as Stream<unknown>, { type, window }).map(pairs) as Any
  }
  if (other instanceof Table) return left.join(asTable(other), { type }).map(pairs) as Any
  const fn = expression(node.fn)
  return left
    .join(other as GlobalTable<unknown, string>, {
      type,
      key: (value, { key }) => fn({ value, key }) as string | null,
    })
    .map(pairs) as Any
}

function joinTables(node: Node, left: AnyTable, right: AnyTable, type: 'inner'): Any {
  const fn = node.foreignKey === undefined ? undefined : expression(node.foreignKey)
  const foreignKey = (value: unknown, key: string) => fn!({ value, key }) as string | null
  const joined = fn ? left.join(right, { foreignKey, type }) : left.join(right, { type })
  return joined.map(([l, r]) => ({ left: l, right: r })) as unknown as Any
}

function asTable(one: unknown): AnyTable {
  return one as AnyTable
}

type Scope = { readonly [name: string]: unknown }

/** Of the oracle's little language, what these cases use. */
function expression(written: unknown): (scope: Scope) => unknown {
  if (written === undefined) return () => null
  if (typeof written === 'string') return (scope) => path(scope, written.split('.'))
  const [[op, args]] = Object.entries(written as { [op: string]: unknown }) as [[string, unknown]]
  if (op === 'const') return () => args
  const [a, b] = (args as unknown[]).map(expression) as [
    (s: Scope) => unknown,
    (s: Scope) => unknown,
  ]
  const numbers = (scope: Scope) =>
    [a(scope), b(scope)].map((one) => (one ?? 0) as number) as [number, number]
  switch (op) {
    case 'add':
      return (scope) => numbers(scope)[0] + numbers(scope)[1]
    case 'sub':
      return (scope) => numbers(scope)[0] - numbers(scope)[1]
    case 'gt':
      return (scope) => numbers(scope)[0] > numbers(scope)[1]
    default:
      throw new TypeError(`no ${op}`)
  }
}

function path(scope: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((of, name) => (of as Scope | null)?.[name] ?? null, scope)
}
