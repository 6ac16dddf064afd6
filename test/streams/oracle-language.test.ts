/**
 * What the oracle's little language has and its cases do not use. Results are by the tables of the specification, worked out by
 * hand: the cases of oracle.json are what Kafka itself gave.
 */
import { describe, expect, test } from 'vitest'
import { runCase, runToEnd } from './oracle.ts'
import type { OracleCase, OracleInput, OracleNode } from './oracle-case.ts'
import { evaluate } from './oracle-expressions.ts'

type Row = readonly [topic: string, key: string | null, value: unknown, timestamp: number]

const toOut = (from: string): OracleNode => ({ op: 'to', from, topic: 'out' })

function run(topology: readonly OracleNode[], rows: readonly Row[]): unknown[] {
  const input: OracleInput[] = rows.map(([topic, key, value, timestamp]) => {
    return { topic, key, value, timestamp }
  })
  const oneCase: OracleCase = { name: 'by hand', topology, input, output: [] }
  return runCase(oneCase).map(({ key, window, value, timestamp, input }) =>
    window
      ? [key, window.start, window.end, value, timestamp, input]
      : [key, value, timestamp, input],
  )
}

const s: OracleNode = { op: 'stream', id: 's', topic: 'in' }
const g: OracleNode = { op: 'groupByKey', id: 'g', from: 's' }
const sum = { add: ['aggregate', 'value'] }
const append = { append: ['aggregate', 'value'] }

test('cogroup', () => {
  const topology: OracleNode[] = [
    s,
    { op: 'stream', id: 't', topic: 'other' },
    g,
    { op: 'groupBy', id: 'h', from: 't', fn: 'value.of' },
    {
      op: 'cogroup',
      id: 'c',
      groups: [
        { from: 'g', fn: append },
        { from: 'h', fn: { append: ['aggregate', 'value.n'] } },
      ],
      initial: [],
    },
    toOut('c'),
  ]
  const rows: Row[] = [
    ['in', 'a', 1, 1],
    ['other', 'x', { of: 'a', n: 2 }, 5],
    ['in', 'a', 3, 3],
    ['in', null, 3, 3],
  ]
  expect(run(topology, rows)).toEqual([
    ['a', [1], 1, 0],
    ['a', [1, 2], 5, 1],
    ['a', [1, 2, 3], 5, 2],
  ])
})

test.each([
  ['tumbling', { type: 'tumbling', size: 10 }, [['a', 0, 10, [1, 2], 5, 2]]],
  ['session', { type: 'session', gap: 5 }, [['a', 1, 5, [1, 2], 5, 2]]],
] as const)('cogroup, %s windows that close', (_, window, expected) => {
  const merge = { joinLists: ['left', 'right'] }
  const groups = [
    { from: 'g', fn: append },
    { from: 'h', fn: append },
  ]
  const topology: OracleNode[] = [
    s,
    { op: 'stream', id: 't', topic: 'other' },
    g,
    { op: 'groupByKey', id: 'h', from: 't' },
    { op: 'cogroup', id: 'c', groups, initial: [], merge },
    { op: 'window', id: 'w', from: 'c', window, emit: 'close' },
    { op: 'aggregate', id: 'a', from: 'w' },
    toOut('a'),
  ]
  const rows: Row[] = [
    ['in', 'a', 1, 1],
    ['other', 'a', 2, 5],
    ['in', 'a', 3, 100],
  ]
  expect(run(topology, rows)).toEqual(expected)
})

test('suppress: the oldest goes early when there are too many', () => {
  const topology: OracleNode[] = [
    s,
    g,
    { op: 'count', id: 'c', from: 'g' },
    { op: 'suppress', id: 'x', from: 'c', until: 1000, maxRecords: 2 },
    toOut('x'),
  ]
  const rows: Row[] = ['a', 'b', 'a', 'c'].map((key, i) => ['in', key, 1, i + 1])
  expect(run(topology, rows)).toEqual([['a', 2, 3, 3]])
})

test('branch without a default drops what none takes; a branch may be called rest', () => {
  const branches = [
    { id: 'rest', when: { gt: ['value', { const: 10 }] } },
    { id: 'five', when: { eq: ['value', { const: 5 }] } },
  ]
  const topology: OracleNode[] = [
    s,
    { op: 'branch', from: 's', branches },
    toOut('rest'),
    { op: 'to', from: 'five', topic: 'fives' },
  ]
  const rows = [11, 5, 1].map((value, i): Row => ['in', 'a', value, i])
  expect(run(topology, rows)).toEqual([
    ['a', 11, 0, 0],
    ['a', 5, 1, 1],
  ])
})

test('self-join: each ordered pair once, each record with itself once', () => {
  const topology: OracleNode[] = [
    s,
    { op: 'join', id: 'j', from: 's', with: 's', kind: 'inner', window: { within: 10 } },
    toOut('j'),
  ]
  const rows: Row[] = [
    ['in', 'a', 1, 1],
    ['in', 'a', 2, 2],
  ]
  const pair = (left: number, right: number, timestamp: number, input: number) => [
    'a',
    { left, right },
    timestamp,
    input,
  ]
  const results = run(topology, rows)
  expect(results).toHaveLength(4)
  expect(results).toEqual(
    expect.arrayContaining([
      pair(1, 1, 1, 0),
      pair(1, 2, 2, 1),
      pair(2, 1, 2, 1),
      pair(2, 2, 2, 1),
    ]),
  )
})

test('join with a value of its own; before and after', () => {
  const topology: OracleNode[] = [
    s,
    { op: 'stream', id: 'r', topic: 'right' },
    {
      ...{ op: 'join', id: 'j', from: 's', with: 'r', window: { before: 0, after: 5 } },
      value: { concat: ['key', 'left', 'right'] },
    },
    toOut('j'),
  ]
  const rows: Row[] = [
    ['in', 'a', 'l', 10],
    ['right', 'a', '9', 9],
    ['right', 'a', '15', 15],
    ['right', 'a', '16', 16],
  ]
  expect(run(topology, rows)).toEqual([['a', 'al15', 15, 2]])
})

test('stream-table left; with a versioned table as of the time, and with grace after a wait', () => {
  const join = (more: Partial<OracleNode>, table: Partial<OracleNode> = {}): OracleNode[] => [
    s,
    { op: 'table', id: 't', topic: 'table', ...table },
    { op: 'join', id: 'j', from: 's', with: 't', kind: 'left', ...more },
    toOut('j'),
  ]
  const rows: Row[] = [
    ['table', 'a', 'new', 20],
    ['in', 'a', 1, 10],
    ['table', 'a', 'old', 5],
    ['in', 'a', 2, 12],
    ['in', 'a', 3, 40],
  ]
  const result = (left: number, right: string | null, timestamp: number, input: number) => [
    'a',
    { left, right },
    timestamp,
    input,
  ]
  expect(run(join({}), rows)).toEqual([
    result(1, 'new', 10, 1),
    result(2, 'old', 12, 3),
    result(3, 'old', 40, 4),
  ])
  expect(run(join({}, { history: 100 }), rows)).toEqual([
    result(1, null, 10, 1),
    result(2, 'old', 12, 3),
    result(3, 'new', 40, 4),
  ])
  expect(run(join({ grace: 20 }, { history: 100 }), rows)).toEqual([
    result(1, 'old', 10, 4),
    result(2, 'old', 12, 4),
  ])
})

test('stream-global table, inner, by the key where nothing else is said', () => {
  const topology: OracleNode[] = [
    { op: 'globalTable', id: 't', topic: 'table' },
    s,
    { op: 'join', id: 'j', from: 's', with: 't' },
    toOut('j'),
  ]
  const rows: Row[] = [
    ['in', 'a', 1, 1],
    ['table', 'a', 'A', 2],
    ['in', 'a', 2, 3],
  ]
  expect(run(topology, rows)).toEqual([['a', { left: 2, right: 'A' }, 3, 2]])
})

test('foreign key, left', () => {
  const topology: OracleNode[] = [
    { op: 'table', id: 'l', topic: 'left' },
    { op: 'table', id: 'r', topic: 'right' },
    { op: 'join', id: 'j', from: 'l', with: 'r', kind: 'left', foreignKey: 'value.c' },
    toOut('j'),
  ]
  const rows: Row[] = [
    ['left', 'o', { c: 'c1' }, 1],
    ['right', 'c1', 'Ann', 2],
    ['left', 'o', {}, 3],
    ['left', 'o', null, 4],
  ]
  expect(run(topology, rows)).toEqual([
    ['o', { left: { c: 'c1' }, right: null }, 1, 0],
    ['o', { left: { c: 'c1' }, right: 'Ann' }, 2, 1],
    ['o', { left: {}, right: null }, 3, 2],
    ['o', null, 4, 3],
  ])
})

test('tables: count and aggregate of groups, toTable, toStream, repartition', () => {
  const topology = (op: 'count' | 'aggregate'): OracleNode[] => [
    s,
    { op: 'repartition', id: 'p', from: 's' },
    { op: 'toTable', id: 't', from: 'p', store: 'last' },
    { op: 'groupBy', id: 'g', from: 't', fn: { const: 'all' } },
    {
      ...{ op, id: 'a', from: 'g' },
      ...(op === 'aggregate' && {
        initial: [],
        fn: append,
        subtract: { without: ['aggregate', 'value'] },
      }),
    },
    { op: 'toStream', id: 'o', from: 'a' },
    toOut('o'),
  ]
  const rows: Row[] = [
    ['in', 'a', 1, 1],
    ['in', 'b', 2, 2],
    ['in', 'a', 3, 3],
    ['in', 'b', null, 4],
  ]
  expect(run(topology('count'), rows).map((row) => (row as unknown[])[1])).toEqual([1, 2, 2, 1])
  expect(run(topology('aggregate'), rows).map((row) => (row as unknown[])[1])).toEqual([
    [1],
    [1, 2],
    [2, 3],
    [3],
  ])
})

test('null keys are passed over by a repartition, but where a left or outer join behind it has results for them', () => {
  const topology = (kind: 'inner' | 'left' | 'outer'): OracleNode[] => [
    s,
    { op: 'stream', id: 't', topic: 'other' },
    { op: 'repartition', id: 'p', from: 's' },
    { op: 'filter', id: 'f', from: 'p', fn: { const: true } },
    { op: 'join', id: 'j', from: 't', with: 'f', kind, window: { within: 5 } },
    toOut('j'),
  ]
  const rows: Row[] = [
    ['in', null, 1, 1],
    ['other', null, 2, 2],
  ]
  const left = [null, { left: 2, right: null }, 2, 1]
  expect(run(topology('inner'), rows)).toEqual([])
  expect(run(topology('left'), rows)).toEqual([left])
  expect(run(topology('outer'), rows)).toEqual([[null, { left: null, right: 1 }, 1, 0], left])
})

test('windows: reduce, filter and mapValues of the table, the window in expressions, another key', () => {
  const topology: OracleNode[] = [
    s,
    g,
    { op: 'window', id: 'w', from: 'g', window: { type: 'tumbling', size: 10 } },
    { op: 'reduce', id: 'a', from: 'w', fn: { max: ['aggregate', 'value'] }, retention: 1000 },
    { op: 'filter', id: 'f', from: 'a', fn: { not: { eq: ['value', { const: 0 }] } } },
    { op: 'mapValues', id: 'm', from: 'f', fn: { list: ['key.key', 'key.start', 'value'] } },
    { op: 'toStream', id: 'o', from: 'm' },
    { op: 'selectKey', id: 'k', from: 'o', fn: 'key.key' },
    toOut('k'),
  ]
  const rows: Row[] = [
    ['in', 'a', 3, 11],
    ['in', 'a', 2, 12],
  ]
  expect(run(topology, rows)).toEqual([
    ['a', ['a', 10, 3], 11, 0],
    ['a', ['a', 10, 3], 12, 1],
  ])
})

test('an aggregate of null is deleted, and begins anew', () => {
  const topology: OracleNode[] = [
    s,
    g,
    {
      ...{ op: 'aggregate', id: 'a', from: 'g', initial: 0 },
      fn: { if: [{ eq: ['value', { const: 9 }] }, { const: null }, sum] },
    },
    toOut('a'),
  ]
  const rows = [1, 2, 9, 4].map((value, i): Row => ['in', 'a', value, i])
  expect(run(topology, rows).map((row) => (row as unknown[])[1])).toEqual([1, 3, null, 4])
})

test('arithmetic on what is no number stops it there', () => {
  const topology = [s, g, { op: 'reduce', id: 'a', from: 'g', fn: sum }, toOut('a')]
  const input = [1, 'x', 2].map((value, timestamp) => ({ topic: 'in', key: 'a', value, timestamp }))
  const { output, error } = runToEnd({ name: 'stops', topology, input, output: [] })
  expect(error).toBe(1)
  expect(output).toHaveLength(1)
})

test.each([
  [{ sub: ['a', { const: 1 }] }, 1],
  [{ mul: ['a', 'a'] }, 4],
  [{ min: ['a', { const: 1 }] }, 1],
  [{ concat: [{ const: 'x' }, 'a'] }, 'x2'],
  [{ joinLists: ['l', 'l'] }, [1, 2, 1, 1, 2, 1]],
  [{ without: ['l', { const: 1 }] }, [2, 1]],
  [{ gt: ['missing', { const: -1 }] }, true],
  [{ eq: ['missing', { const: 0 }] }, true],
  [{ eq: ['l', { const: [1, 2, 1] }] }, true],
  [{ split: { const: 'a  b ' } }, ['a', '', 'b']],
  ['l.missing.more', null],
  ['l.length', null],
  ['l.0', null],
  [{ obj: { x: { const: null } } }, { x: null }],
])('%j', (expression, expected) => {
  expect(evaluate(expression, { a: 2, l: [1, 2, 1] })).toEqual(expected)
})

test('what is no expression, op or node is told', () => {
  expect(() => evaluate({ pow: ['a', 'b'] }, {})).toThrow(/no operator 'pow'/)
  expect(() => evaluate({}, {})).toThrow(TypeError)
  expect(() => run([{ op: 'transform', from: 's' }], [])).toThrow(/no such op/)
  expect(() => run([toOut('s')], [])).toThrow(/no node is called/)
})

describe('errors, as Apache Kafka Streams 4.3.1 had them', () => {
  const topology: OracleNode[] = [
    s,
    { op: 'mapValues', id: 'm', from: 's', fn: { add: ['value', { const: 1 }] } },
    toOut('m'),
  ]
  const decode = {
    'deserialization.exception.handler':
      'org.apache.kafka.streams.errors.LogAndContinueExceptionHandler',
  }
  const processing = {
    'processing.exception.handler':
      'org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler',
  }
  const deadLetters = { 'errors.dead.letter.queue.topic.name': 'dlq' }
  const input: OracleInput[] = [
    { topic: 'in', key: 'a', value: 1, timestamp: 0 },
    { topic: 'in', key: 'a', rawValue: '{x', timestamp: 1 },
    { topic: 'in', key: 'a', value: 'x', timestamp: 2 },
    { topic: 'in', key: 'a', value: 2, timestamp: 3 },
  ]

  test.each([
    ['a handler for what cannot be read only', { ...decode, ...deadLetters }, 2, ['out', 'dlq']],
    ['a handler for what cannot be processed only', { ...processing, ...deadLetters }, 1, ['out']],
    ['a topic of dead letters and no handler', deadLetters, 1, ['out']],
    [
      'both handlers',
      { ...decode, ...processing, ...deadLetters },
      undefined,
      ['out', 'dlq', 'dlq', 'out'],
    ],
    ['both handlers, no dead letters', { ...decode, ...processing }, undefined, ['out', 'out']],
  ])('%s', (name, config, error, topics) => {
    const result = runToEnd({ name, topology, input, config, output: [] })
    expect(result.error).toBe(error)
    expect(result.output.map(({ topic }) => topic)).toEqual(topics)
  })
})

test('results of windows, regrouped and joined with one another', () => {
  const topology: OracleNode[] = [
    s,
    g,
    { op: 'window', id: 'w', from: 'g', window: { type: 'session', gap: 5, grace: 20 } },
    { op: 'count', id: 'c', from: 'w' },
    {
      op: 'aggregate',
      id: 'l',
      from: 'w',
      initial: [],
      fn: append,
      merge: { joinLists: ['left', 'right'] },
    },
    { op: 'join', id: 'j', from: 'c', with: 'l', kind: 'inner' },
    { op: 'groupBy', id: 'h', from: 'c', fn: 'key.key', value: 'value' },
    { op: 'reduce', id: 'r', from: 'h', fn: sum, subtract: { sub: ['aggregate', 'value'] } },
    { op: 'to', from: 'j', topic: 'joined' },
    { op: 'to', from: 'r', topic: 'totals' },
  ]
  const rows: Row[] = [
    ['in', 'a', 1, 0],
    ['in', 'a', 2, 8],
    ['in', 'a', 3, 4],
  ]
  const input = rows.map(([topic, key, value, timestamp]) => ({ topic, key, value, timestamp }))
  const { output } = runToEnd({ name: 'windows as tables', topology, input, output: [] })
  const totals = output.filter(({ topic }) => topic === 'totals')
  expect(totals.at(-1)?.value).toBe(3)
  const joined = output.filter(({ topic }) => topic === 'joined')
  expect(joined.at(-1)).toMatchObject({
    window: { start: 0, end: 8 },
    value: { left: 3, right: [1, 2, 3] },
  })
  expect(joined.filter(({ value }) => value === null)).toHaveLength(2)
})
