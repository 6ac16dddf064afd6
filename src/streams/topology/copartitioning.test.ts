import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../core/errors.ts'
import { Draft } from '../dsl/draft.ts'
import type { StreamBuilder } from '../dsl/stream-builder.ts'
import { StreamBuilder as Builder } from '../dsl/stream-builder.ts'
import { repartitionPartitions } from './copartitioning.ts'
import { Topology } from './topology.ts'

function topologyOf(build: (builder: StreamBuilder) => void): Topology {
  const draft = new Draft({ config: { app: 'app' } as never, ended: () => undefined })
  build(new Builder(draft))
  return new Topology('app', draft.operators)
}

function topics(topology: Topology): string[][] {
  return topology.copartitioned.map((sources) => sources.map(({ topic }) => topic))
}

function partitions(topology: Topology, given: { [topic: string]: number }) {
  return Object.fromEntries(repartitionPartitions(topology, new Map(Object.entries(given))))
}

const window = '1m'
const id = (value: unknown) => (value as { id: string }).id

describe('topics that meet by key', () => {
  test('are those of a join, of a stream and a table, of two tables', () => {
    const topology = topologyOf((app) => {
      app.stream('a').join(app.stream('b'), { window }).to('out')
      app.stream('c').join(app.table('d')).to('out')
      app.table('e').join(app.table('f')).to('out')
    })
    expect(topics(topology)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
    ])
  })

  test('are all that a chain of joins takes in', () => {
    const topology = topologyOf((app) => {
      const b = app.table('b')
      app.stream('a').join(b).to('out')
      app.stream('c').join(b).to('out')
    })
    expect(topics(topology).map((group) => [...group].sort())).toEqual([['a', 'b', 'c']])
  })

  test('are those of a merge only where its records are put together by key', () => {
    const merged = (app: StreamBuilder) => app.stream('a').merge(app.stream('b'))
    expect(topics(topologyOf((app) => merged(app).to('out')))).toEqual([])
    expect(topics(topologyOf((app) => merged(app).groupByKey().count().to('out')))).toEqual([
      ['a', 'b'],
    ])
  })

  test('are not global tables, nor what every task reads whole', () => {
    const topology = topologyOf((app) => {
      const global = app.globalTable('b')
      app.stream('a').join(global, { key: id }).to('out')
      app
        .stream('c')
        .join(app.stream('d'), { on: () => true, window })
        .to('out')
    })
    expect(topics(topology)).toEqual([])
    expect(partitions(topology, { a: 2, c: 3, d: 5 })).toEqual({})
  })

  test('must have equally many partitions', () => {
    const topology = topologyOf((app) => {
      app.stream('orders').join(app.table('customers')).to('out')
    })
    expect(() => partitions(topology, { orders: 6, customers: 4 })).toThrow(ConfigError)
    expect(() => partitions(topology, { orders: 6, customers: 4 })).toThrow(
      "'orders' has 6, 'customers' has 4. Send the smaller through a topic of the application's: stream(…).repartition({ partitions: 6 })",
    )
    expect(() => partitions(topology, { orders: 6 })).toThrow("'customers' is unknown")
  })
})

describe('topics of repartitions', () => {
  test('have as many partitions as the topic that they are joined with', () => {
    const topology = topologyOf((app) => {
      app.stream('orders').rekey(id).join(app.table('customers')).to('out')
    })
    expect(partitions(topology, { orders: 12, customers: 4 })).toEqual({
      'app-repartition-1-repartition': 4,
    })
  })

  test('have as many as the most that write them, on both sides of a join, and behind one another', () => {
    const topology = topologyOf((app) => {
      const key = [id, id] as const
      const pairs = app.stream('a').join(app.stream('b'), { key, window, store: 'j' })
      pairs.asStream().groupBy('by', id).count({ store: 'n' }).to('out')
    })
    expect(partitions(topology, { a: 3, b: 5 })).toEqual({
      'app-j-left-repartition': 5,
      'app-j-right-repartition': 5,
      'app-by-repartition': 5,
    })
  })

  test('have the number that is given, which must fit', () => {
    const build = (count: number) =>
      topologyOf((app) => {
        const left = app.stream('a').repartition({ partitions: count, name: 'r' })
        left.join(app.table('b')).to('out')
      })
    expect(partitions(build(4), { a: 9, b: 4 })).toEqual({ 'app-r-repartition': 4 })
    expect(() => partitions(build(5), { a: 9, b: 4 })).toThrow("'app-r-repartition' has 5")
  })

  test('of a join by foreign key are as the table that they go to, though they go to and fro', () => {
    const topology = topologyOf((app) => {
      const left = app.table('orders')
      left.join(app.table('customers'), { foreignKey: id, store: 'fk' }).to('out')
    })
    expect(partitions(topology, { orders: 3, customers: 7 })).toEqual({
      'app-fk-subscriptions-repartition': 7,
      'app-fk-answers-repartition': 3,
    })
  })
})
