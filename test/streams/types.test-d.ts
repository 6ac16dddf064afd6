/** What the compiler knows of streams: held by `tsc`, nothing here runs. */
import { json, type Serializer } from '../../src/client/serializer.ts'
import { topic } from '../../src/client/topic.ts'
import {
  keyValueStore,
  type ProcessStore,
  type ProcessWindowStore,
  windowStore,
} from '../../src/streams/dsl/process.ts'
import type { Stream } from '../../src/streams/dsl/stream.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import type { Table } from '../../src/streams/dsl/table.ts'
import type { WindowedTable } from '../../src/streams/dsl/windowed-table.ts'
import type { Windowed } from '../../src/streams/windowed.ts'
import { Window } from '../../src/streams/windows.ts'
import type { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only if both are the same. */
function same<A, B>(_same: Equal<A, B>): void {}

interface Order {
  readonly amount: number
  readonly region: string
}
interface Refund {
  readonly refund: true
}
interface Customer {
  readonly name: string
}
const isRefund = (one: Order | Refund): one is Refund => 'refund' in one

export function stateless(app: StreamBuilder): void {
  const orders = app.stream(topic<Order>('orders'))
  same<typeof orders, Stream<Order, string | null>>(true)
  const raw = app.stream('orders')
  same<typeof raw, Stream<unknown, string | null>>(true)
  const delivered = app.stream<Order>('orders', { tombstones: 'deliver' })
  same<typeof delivered, Stream<Order | null, string | null>>(true)
  const keyed = app.stream(topic<Order, number>('orders', { key: {} as Serializer<number> }))
  same<typeof keyed, Stream<Order, number | null>>(true)

  const some = orders.filter(({ amount }, { key }) => amount > 1 && key !== null)
  same<typeof some, Stream<Order, string | null>>(true)
  const both = app.stream<Order | Refund>('both')
  const refunds = both.filter(isRefund)
  same<typeof refunds, Stream<Refund, string | null>>(true)

  const amounts = orders.map(async ({ amount }) => amount)
  same<typeof amounts, Stream<number, string | null>>(true)
  const words = orders.flatMap(({ region }) => region.split(' '))
  same<typeof words, Stream<string, string | null>>(true)
  const byRegion = orders.rekey(({ region }) => region)
  same<typeof byRegion, Stream<Order, string>>(true)
  const other = orders.mapRecord(({ value }) => ({ key: value.amount, value: value.region }))
  same<typeof other, Stream<string, number>>(true)
  const merged = amounts.merge(words)
  same<typeof merged, Stream<number | string, string | null>>(true)

  const { refund, rest } = both.split({ refund: isRefund })
  same<typeof refund, Stream<Refund, string | null>>(true)
  same<typeof rest, Stream<Order | Refund, string | null>>(true)

  // @ts-expect-error: an order has no such field
  orders.filter(({ total }) => total > 1)
  // @ts-expect-error: a topic of other values
  orders.to(topic<Customer>('customers'))
  // @ts-expect-error: there is no such branch
  both.split({ refund: isRefund }).refunds
}

export function aggregates(app: StreamBuilder): void {
  const orders = app.stream(topic<Order>('orders'))
  const grouped = orders.groupBy(({ region }) => region)
  const counts = grouped.count()
  same<typeof counts, Table<number, string, never>>(true)
  const sums = grouped.reduce(0, (total, { amount }) => total + amount)
  same<typeof sums, Table<number, string, never>>(true)
  const largest = grouped.reduce((a, b) => (a.amount > b.amount ? a : b))
  same<typeof largest, Table<Order, string, never>>(true)
  const lists = grouped.aggregate({
    initial: (): readonly number[] => [],
    add: (list, { amount }) => [...list, amount],
  })
  same<typeof lists, Table<readonly number[], string>>(true)
  const changes = counts.toStream()
  same<typeof changes, Stream<number | null, string>>(true)
  const texts = counts.filter((n) => n > 1).map((n, key) => `${key} ${n}`)
  same<typeof texts, Table<string, string>>(true)

  const windowed = grouped.window(Window.tumbling('1m')).count()
  same<typeof windowed, WindowedTable<number, string, never>>(true)
  const sameWindowed = orders
    .window(Window.tumbling('1m'))
    .groupBy(({ region }) => region)
    .count()
  same<typeof sameWindowed, WindowedTable<number, string, never>>(true)
  const final = windowed.final()
  same<typeof final, WindowedTable<number, string, never>>(true)
  const results = windowed.toStream()
  same<typeof results, Stream<number | null, Windowed<string>>>(true)
  windowed.forEach((key, { value, start }) => {
    same<typeof key, string>(true)
    same<typeof value, number>(true)
    same<typeof start, Date>(true)
  })
  // Nothing is deleted from these, so a number is one; sessions come together, and filters delete.
  const totals = new Map<string, number>()
  const set = (key: string, value: number) => totals.set(key, value)
  const setOf = (key: string, { value }: { value: number }) => totals.set(key, value)
  counts.forEach(set)
  sums.map((sum) => sum + 1).forEach(set)
  windowed.final().forEach(setOf)
  const sessions = grouped.window(Window.session('1m')).count()
  sessions.final().forEach(setOf)
  // @ts-expect-error: a session that has become part of another has no value any more
  sessions.forEach(setOf)
  // @ts-expect-error: a row that is left out
  counts.filter((n) => n > 1).forEach(set)
  const table: Table<number, string> = counts
  const windows: WindowedTable<number, string> = windowed
  table.join(counts)
  orders.rekey(({ region }) => region).join(table)
  windows.join(windowed)

  // Records without a key are in no group.
  const byKey = orders.groupByKey().count()
  same<typeof byKey, Table<number, string, never>>(true)
  const maybe = orders.groupBy(({ region }) => (region === '' ? null : region)).count()
  same<typeof maybe, Table<number, string, never>>(true)

  // @ts-expect-error: state cannot wait for a promise
  grouped.reduce(0, async (total, { amount }) => total + amount)
  // @ts-expect-error: a total of another type
  grouped.reduce(0, (_total, { region }) => region)
  // @ts-expect-error: no such option
  grouped.count({ name: 'counts' })
}

export function joins(app: StreamBuilder): void {
  const orders = app.stream(topic<Order>('orders'))
  const customers = app.table(topic<Customer>('customers'))
  const inner = orders.join(customers).map((order, customer) => order.region + customer.name)
  same<typeof inner, Stream<string, string | null>>(true)
  orders.join(customers, { type: 'left' }).forEach((order, customer) => {
    same<typeof order, Order>(true)
    same<typeof customer, Customer | null>(true)
  })
  const visits = app.stream<Customer>('visits')
  orders.join(visits, { window: '1h', type: 'outer' }).forEach((order, visit) => {
    same<typeof order, Order | null>(true)
    same<typeof visit, Customer | null>(true)
  })
  const byName = orders.join(visits, {
    key: [({ region }) => region, ({ name }) => name],
    window: '1h',
  })
  same<
    typeof byName extends { asStream(): Stream<infer V, infer K> } ? [V, K] : never,
    [readonly [Order, Customer], string]
  >(true)
  const tables = customers.join(app.table<Order>('orders'), { type: 'left' })
  same<typeof tables, Table<readonly [Customer, Order | null], string>>(true)

  // @ts-expect-error: two streams need a window
  orders.join(visits)
  // @ts-expect-error: with a table there is no outer join
  orders.join(customers, { type: 'outer' })
  // @ts-expect-error: a table keyed by numbers
  orders.join(app.table(topic<Customer, number>('ids', { key: {} as Serializer<number> })))
}

export function processed(app: StreamBuilder): void {
  const orders = app.stream(topic<Order>('orders'))
  const made = orders.process({
    stores: {
      totals: keyValueStore<number>(),
      recent: windowStore<Order, number>({ retention: '1h', key: {} as Serializer<number> }),
    },
    value: json<Customer>(),
    key: {} as Serializer<number>,
    init({ every }) {
      every('1m', 'stream', (at, context) => {
        same<typeof at, Date>(true)
        context.forward({ key: 1, value: { name: 'x' } })
      })
    },
    record({ value, key }, context) {
      same<typeof value, Order>(true)
      same<typeof key, string | null>(true)
      const totals = context.store('totals')
      same<typeof totals, ProcessStore<number, string>>(true)
      const recent = context.store('recent')
      same<typeof recent, ProcessWindowStore<Order, number>>(true)
      context.forward({ key: 1, value: { name: value.region } })
      // @ts-expect-error: there is no such store
      context.store('total')
      // @ts-expect-error: a value of another type
      context.forward({ key: 1, value })
    },
  })
  same<typeof made, Stream<Customer, number>>(true)
  const passed = orders.process({ record: ({ value }, c) => c.forward({ key: null, value }) })
  same<typeof passed, Stream<Order, string | null>>(true)
}

export function described(app: StreamBuilder, driver: StreamTestDriver): void {
  const text: string = app.describe()
  const diagram: string = driver.describe('mermaid')
  const { subTopologies } = driver.describe('json')
  // @ts-expect-error: no such format
  app.describe('xml')
  const [read] = driver.read<Order>('orders')
  same<typeof read, ReturnType<typeof driver.read<Order, string>>[number] | undefined>(true)
  const typed = driver.read(topic<Order>('orders'))
  same<(typeof typed)[number]['value'], Order | null>(true)
  driver.send(topic<Order>('orders'), { amount: 1, region: 'eu' }, { key: 'a' })
  driver.send(topic<Order>('orders'), null)
  // @ts-expect-error: no order
  driver.send(topic<Order>('orders'), { amount: 1 })
  // @ts-expect-error: keys are strings
  driver.send(topic<Order>('orders'), null, { key: 7 })
  const total = driver.store<number>('totals').get('a')
  same<typeof total, number | undefined>(true)
  void [text, diagram, subTopologies, total]
}
