/** Windows and suppression as Apache Kafka Streams 4.3.1 has them: what its own test driver gave. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import { Windowed } from '../../src/streams/windowed.ts'
import { windowedKey } from '../../src/streams/windowed-key.ts'
import { Window } from '../../src/streams/windows.ts'
import { type Input, OneProcess, toBytes } from './one-process.ts'

// biome-ignore lint/suspicious/noExplicitAny: a little language without types, interpreted.
type Loose = any
type Json = { readonly [name: string]: Loose }

const { cases } = JSON.parse(
  readFileSync(new URL('windows-oracle.json', import.meta.url), 'utf8'),
) as { cases: readonly Json[] }

/** Expressions of the oracle's language that these cases have. */
function evaluate(expression: Loose, scope: Json): unknown {
  if (typeof expression === 'string') {
    return expression.split('.').reduce<Loose>((at, name) => at?.[name] ?? null, scope)
  }
  const [[operator, argument]] = Object.entries<Loose>(expression) as [[string, Loose]]
  if (operator === 'const') return argument
  const [a, b] = argument.map((one: unknown) => evaluate(one, scope))
  if (operator === 'add') return a + b
  if (operator === 'append') return [...a, b]
  if (operator === 'joinLists') return [...a, ...b]
  throw new TypeError(`the language of these cases has no ${operator}`)
}

function windowOf({ type, size, advance, difference, gap, grace = 0 }: Json) {
  const ms = (n: number) => `${n}ms` as const
  const options = { grace: ms(grace) }
  if (type === 'tumbling') return Window.tumbling(ms(size), options)
  if (type === 'hopping') return Window.hopping(ms(size), { ...options, every: ms(advance) })
  if (type === 'sliding') return Window.sliding(ms(difference), options)
  return Window.session(ms(gap), options)
}

function aggregated(node: Json, group: Loose, isSession: boolean): Loose {
  if (node.op === 'count') return group.count()
  const add = (aggregate: unknown, value: unknown, key: unknown) =>
    evaluate(node.fn, { aggregate, value, key })
  const merge = (left: unknown, right: unknown) => evaluate(node.merge, { left, right })
  if (node.op === 'reduce') return group.reduce(add)
  return group.aggregate({ initial: () => node.initial, add, ...(isSession && { merge }) })
}

function write(topology: readonly Json[]) {
  return (builder: StreamBuilder) => {
    const nodes = new Map<string, Loose>()
    const closing = new Set<unknown>()
    const sessions = new Set<unknown>()
    for (const node of topology) {
      const from = nodes.get(node.from)
      const made = () => {
        switch (node.op) {
          case 'stream':
            return builder.stream(node.topic, { tombstones: 'deliver' })
          case 'groupByKey':
            return from.groupByKey()
          case 'groupBy':
            return from.groupBy((value: unknown, { key }: Json) =>
              evaluate(node.fn, { key, value }),
            )
          case 'window':
            return from.window(windowOf(node.window))
          case 'count':
          case 'reduce':
          case 'aggregate': {
            const table = aggregated(node, from, sessions.has(from))
            return closing.has(from) ? table.final() : table
          }
          case 'suppress':
            return from.suppress({
              until: node.until === 'close' ? 'close' : `${node.until}ms`,
              ...(node.maxRecords && { maxRecords: node.maxRecords }),
            })
          case 'to':
            return from.to(node.topic)
        }
        throw new TypeError(`the language of these cases has no ${node.op}`)
      }
      const result = made()
      if (node.emit === 'close') closing.add(result)
      if (node.window?.type === 'session') sessions.add(result)
      if (node.id) nodes.set(node.id, result)
    }
  }
}

test('there are cases of every kind of window', () => {
  expect(cases.length).toBe(12)
  const kinds = cases.flatMap(({ topology }) => topology.flatMap((node: Json) => node.window?.type))
  expect(new Set(kinds)).toEqual(new Set([undefined, 'tumbling', 'hopping', 'sliding', 'session']))
})

test.each(cases.map((one) => [one.name as string, one] as const))('%s', async (_name, one) => {
  const process = new OneProcess(write(one.topology))
  const isWindowed = one.output.some((output: Json) => output.window)
  const all: Json[] = []
  for (const [index, input] of one.input.entries()) {
    const from = process.outputs.length
    await process.send(input as Input)
    for (const { topic, key, value, timestampMs } of process.outputs.slice(from)) {
      const { deserialize } = windowedKey()
      const read = isWindowed ? deserialize(toBytes(key!)) : String(key)
      all.push({
        topic,
        key: read instanceof Windowed ? read.key : read,
        ...(read instanceof Windowed && { window: { start: read.startMs, end: read.endMs } }),
        value: value === null ? null : JSON.parse(String(value)),
        timestamp: timestampMs,
        input: index,
      })
    }
  }
  expect(all).toEqual(one.output)
  // Kafka does not count what it drops before a repartition.
  if (isWindowed) expect(process.dropped.length).toBe(one.droppedRecords)
})
