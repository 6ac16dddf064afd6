import { describe, expect, expectTypeOf, test } from 'vitest'
import { json, string } from '../../client/serializer.ts'
import { topic } from '../../client/topic.ts'
import { ConfigError } from '../../core/errors.ts'
import { RepartitionOperator, SourceOperator } from '../operator.ts'
import { Topology } from '../topology/topology.ts'
import { Window } from '../windows.ts'
import { Draft } from './draft.ts'
import type { Pairs } from './pairs.ts'
import type { Stream } from './stream.ts'
import { StreamBuilder } from './stream-builder.ts'
import type { Table } from './table.ts'

interface Order {
  readonly id: string
  readonly customer: string
}

interface Customer {
  readonly id: string
  readonly name: string
}

function application() {
  const draft = new Draft({ config: { app: 'app' } as never, ended: () => undefined })
  const app = new StreamBuilder(draft)
  return {
    app,
    orders: app.stream<Order>('orders'),
    payments: app.stream<Customer>('payments'),
    table: app.table<Customer>('customers'),
    topology: () => new Topology('app', draft.operators),
  }
}

const window = '1h'
const id = () => 'x'

describe('types', () => {
  test('of the sides follow the type of the join', () => {
    const { orders, payments, table, app } = application()
    type K = string | null
    expectTypeOf(orders.join(payments, { window })).toEqualTypeOf<Pairs<Order, Customer, K>>()
    expectTypeOf(orders.join(payments, { window, type: 'left' })).toEqualTypeOf<
      Pairs<Order, Customer | null, K>
    >()
    expectTypeOf(orders.join(payments, { window, type: 'outer' })).toEqualTypeOf<
      Pairs<Order | null, Customer | null, K>
    >()
    const key = [(o: Order) => o.customer, (c: Customer) => c.id] as const
    expectTypeOf(orders.join(payments, { window, key })).toEqualTypeOf<
      Pairs<Order, Customer, string>
    >()
    const byCustomer = orders.join(payments, { window, on: (o, c) => o.customer === c.id })
    expectTypeOf(byCustomer).toEqualTypeOf<Pairs<Order, Customer, K>>()
    expectTypeOf(orders.join(table)).toEqualTypeOf<Pairs<Order, Customer, K>>()
    expectTypeOf(orders.join(table, { type: 'left' })).toEqualTypeOf<
      Pairs<Order, Customer | null, K>
    >()
    const global = app.globalTable<Customer>('all')
    const wide = orders.join(global, { key: (o) => o.customer, type: 'left' })
    expectTypeOf(wide).toEqualTypeOf<Pairs<Order, Customer | null, K>>()
    expectTypeOf(wide.map((o, c, record) => [o.id, c?.name, record.key] as const)).toEqualTypeOf<
      Stream<readonly [string, string | undefined, K], K>
    >()
  })

  test('of tables', () => {
    const { app, table } = application()
    const orders = app.table<Order>('orders-table')
    expectTypeOf(orders.join(table, { type: 'outer' })).toEqualTypeOf<
      Table<readonly [Order | null, Customer | null], string>
    >()
    const all = orders.join(table, { foreignKey: (o) => o.customer, type: 'left' })
    expectTypeOf(all).toEqualTypeOf<Table<readonly [Order, Customer | null], string>>()
    const groups = orders
      .groupBy((o) => [o.customer, 1])
      .reduce({
        add: (a, b) => a + b,
        subtract: (a, b) => a - b,
      })
    expectTypeOf(groups).toEqualTypeOf<Table<number, string>>()
  })

  test('refuse what does not fit', () => {
    const { orders, payments, table, app } = application()
    const attempts = [
      // @ts-expect-error join needs a window when both sides are streams
      () => orders.join(payments),
      // @ts-expect-error join needs a window when both sides are streams
      () => orders.join(payments, { type: 'left' }),
      // @ts-expect-error a table has no window
      () => orders.join(table, { window }),
      // @ts-expect-error a stream cannot be joined 'outer' with a table
      () => orders.join(table, { type: 'outer' }),
      // @ts-expect-error a global table needs a key
      () => orders.join(app.globalTable<Customer>('all')),
      // @ts-expect-error a join by predicate is never 'outer'
      () => orders.join(payments, { window, on: () => true, type: 'outer' }),
    ]
    for (const attempt of attempts) expect(attempt).toThrow(ConfigError)
  })
})

describe('options', () => {
  const good = (options: object) => ({ window, ...options })
  test.each([
    [undefined, 'join needs a window when both sides are streams'],
    [{}, 'join needs a window when both sides are streams'],
    [{ window: null }, 'join needs a window'],
    [{ window: {} }, 'a window needs within, or before or after'],
    [{ window: { within: 1, after: 2 } }, 'either within, or before and after'],
    [{ window: { within: -1 } }, 'join: within must be milliseconds'],
    [{ window: { within: 1.5 } }, 'join: within must be whole milliseconds'],
    [{ window: { before: 'soon' } }, 'join: before must be milliseconds'],
    [{ window: { after: true } }, 'join: after must be milliseconds'],
    [{ window: { within: 1, grace: 'x' } }, 'join: grace must be milliseconds'],
    [{ window: { width: 1 } }, "has no option 'width'"],
    [good({ type: 'full' }), "type must be 'inner' or 'left' or 'outer'"],
    [good({ on: 5 }), 'join: on needs a function'],
    [good({ key: () => 1 }), 'key must be [left => …, right => …]'],
    [good({ key: [() => 1] }), 'key must be [left => …, right => …]'],
    [good({ key: [1, () => 1] }), 'key of the left side needs a function'],
    [good({ key: [() => 1, 'id'] }), 'key of the right side needs a function'],
    [good({ keySerializer: string }), 'keySerializer goes with key'],
    [
      good({ key: [() => 1, () => 1], keySerializer: 'json' }),
      'keySerializer must be a serialiser',
    ],
    [good({ strategy: 'single' }), 'strategy and maxBuffered are for a join by predicate'],
    [good({ maxBuffered: 5 }), 'strategy and maxBuffered are for a join by predicate'],
    [good({ on: () => true, strategy: 'all' }), "strategy must be 'broadcast' or 'single'"],
    [good({ on: () => true, maxBuffered: 0 }), 'maxBuffered must be a whole number of 1 or more'],
    [good({ on: () => true, maxBuffered: '5' }), 'maxBuffered must be a whole number of 1 or more'],
    [good({ on: () => true, type: 'outer' }), "a join by predicate cannot be 'outer'"],
    [good({ store: 5 }), 'store must be a name'],
    [good({ grace: 5 }), "join of two streams has no option 'grace'"],
    [[], 'must be an object'],
  ])('of two streams: %j', (options, message) => {
    const { orders, payments } = application()
    const attempt = () => orders.join(payments, options as never)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(message)
  })

  test.each([
    [{ window }, "join of a stream with a table has no option 'window'"],
    [{ type: 'outer' }, "type must be 'inner' or 'left'"],
    [{ grace: 'x' }, 'join: grace must be milliseconds'],
    [{ grace: 5 }, 'with a grace of 5 ms the table needs as much history, and has none'],
    [{ store: 'x' }, 'only a join with grace has a store to name'],
  ])('of a stream and a table: %j', (options, message) => {
    const { orders, table } = application()
    const attempt = () => orders.join(table, options as never)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(message)
  })

  test.each([
    [undefined, 'join with a global table needs key'],
    [{ key: 'id' }, 'join: key needs a function'],
    [{ key: id, type: 'outer' }, "type must be 'inner' or 'left'"],
    [{ key: id, grace: 1 }, "has no option 'grace'"],
  ])('of a stream and a global table: %j', (options, message) => {
    const { orders, app } = application()
    const attempt = () => orders.join(app.globalTable<Customer>('all'), options as never)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(message)
  })

  test.each([
    [{ type: 'cross' }, "type must be 'inner' or 'left' or 'outer'"],
    [{ window }, "join of two tables has no option 'window'"],
    [{ store: 'x' }, 'has no store to name'],
    [{ foreignKey: 'customer' }, 'join: foreignKey needs a function'],
    [{ foreignKey: id, type: 'outer' }, "type must be 'inner' or 'left'"],
    [{ foreignKey: id, store: 5 }, 'store must be a name'],
  ])('of two tables: %j', (options, message) => {
    const { app, table } = application()
    const attempt = () => app.table<Order>('orders-table').join(table, options as never)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(message)
  })

  test('of tables themselves', () => {
    const { app, orders, table } = application()
    const attempts: (readonly [() => unknown, string])[] = [
      [() => app.table('x', { history: 'long' }), 'table: history must be milliseconds'],
      [() => app.table('x', { store: 5 as never }), 'table: store must be a name'],
      [() => app.table('x', { retention: 5 } as never), "table has no option 'retention'"],
      [() => app.globalTable('x', { history: 5 } as never), "globalTable has no option 'history'"],
      [() => orders.toTable({ history: -1 }), 'toTable: history must be milliseconds'],
      [() => table.asOf('x'), 'asOf: history must be milliseconds'],
      [() => table.asOf(5, { store: 1 as never }), 'asOf: store must be a name'],
      [
        () => orders.join('customers' as never, {}),
        'join takes a stream, a table or a global table',
      ],
      [() => table.join(orders as never), 'a table is joined with a table; got an object'],
      [() => table.groupBy('x' as never), 'groupBy needs a function'],
      [() => table.groupBy(() => ['a', 1]).reduce({} as never), 'reduce: add needs a function'],
      [() => table.groupBy(() => ['a', 1]).reduce(5 as never), 'takes { add, subtract }'],
      [
        () => table.groupBy(() => ['a', 1]).aggregate({ add: () => 1, subtract: () => 1 } as never),
        'aggregate: initial needs a function',
      ],
      [
        () => table.asOf(10).join(table.asOf(10)) && orders.join(table.asOf(10), { grace: 11 }),
        'with a grace of 11 ms the table needs as much history, and has 10 ms',
      ],
    ]
    for (const [attempt, message] of attempts) {
      expect(attempt).toThrow(ConfigError)
      expect(attempt).toThrow(message)
    }
  })

  test('keys that are written in different ways do not meet', () => {
    const { app, orders } = application()
    const numbered = app.stream(topic<Customer, string>('numbered', { key: json<string>() }))
    expect(() => orders.join(numbered, { window })).toThrow(
      'the keys of the left side are written as string, those of the right as json',
    )
  })
})

describe('what a join is made of', () => {
  test('both sides are sent through a topic where their keys are new, and by name', () => {
    const { orders, payments, topology } = application()
    const key = [(o: Order) => o.customer, (c: Customer) => c.id] as const
    orders.join(payments, { key, window, store: 'matches' }).to('out')
    const { subTopologies, stores } = topology()
    const sources = subTopologies.flatMap((one) => one.sources.map(({ topic }) => topic))
    expect(sources).toEqual([
      'orders',
      'payments',
      'customers',
      'app-matches-left-repartition',
      'app-matches-right-repartition',
    ])
    expect(stores.map(({ name }) => name)).toEqual(['table-1', 'matches-left', 'matches-right'])
  })

  test('a stream that is joined with itself goes through one topic', () => {
    const { orders, topology } = application()
    const moved = orders.rekey((o) => o.customer)
    moved.join(moved, { window }).to('out')
    const made = topology().operators.filter((one) => one instanceof RepartitionOperator)
    expect(made).toHaveLength(1)
  })

  test('the right side of a join by predicate is read whole', () => {
    const { orders, payments, topology } = application()
    orders.join(payments, { on: (o, c) => o.customer === c.id, window }).to('out')
    payments.to('elsewhere')
    const { subTopologies } = topology()
    const joining = subTopologies.find(({ sources }) => sources.some((one) => one.isBroadcast))!
    expect(joining.sources.map(({ topic, isBroadcast }) => [topic, isBroadcast])).toEqual([
      ['orders', false],
      ['payments', true],
    ])
    // Who reads the same topic by partition is in a task of its own.
    expect(subTopologies).toHaveLength(3)
  })

  test('a right side that something was made of, or that is the left topic, is copied', () => {
    const { orders, payments, topology } = application()
    orders
      .join(
        payments.filter(() => true),
        { on: () => true, window },
      )
      .to('out')
    orders.join(orders, { on: () => true, window }).to('out')
    const whole = topology()
      .subTopologies.flatMap(({ sources }) => sources)
      .filter(({ isBroadcast }) => isBroadcast)
    expect(whole.map(({ isInternal }) => isInternal)).toEqual([true, true])
    expect(whole.flatMap((one) => one.operators).some((one) => one instanceof SourceOperator)).toBe(
      false,
    )
  })
})

test('a table with windows is joined with what has windows of the same length', () => {
  const { app } = application()
  const tens = Window.tumbling('10ms')
  const counts = (window: typeof tens) =>
    app.stream<number>('numbers').groupByKey().window(window).count()
  const stream = counts(tens)
    .toStream()
    .map(() => 1)
  expect(() => stream.join(counts(tens)).forEach(() => {})).not.toThrow()
  expect(() => counts(tens).join(counts(Window.tumbling('20ms')))).toThrow(
    /windows of 10 ms, the right one windows of 20 ms/,
  )
})
