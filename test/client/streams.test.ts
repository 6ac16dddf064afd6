/** Stream applications over every connection: what they write, and that it is written once. */
import { beforeEach, describe, expect, test } from 'vitest'
import { type Client, Window } from '../../src/index.ts'
import { byKey, createTopics, read, readToEnd, send } from './stream-topics.ts'
import { useCluster } from './test-cluster.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}

const cluster = useCluster()
let kafka: Client

beforeEach(async () => {
  kafka = cluster.open()
})

/** Topics of more than one partition, so that there are several tasks. */
const create = (...names: string[]) => createTopics(kafka, 3, ...names)
const patience = { timeout: 30_000 }

const order = (customer: string, amount: number, timestamp?: number) => ({
  key: null,
  value: { customer, amount },
  timestamp,
})

describe('a chain', () => {
  beforeEach(() => create('orders'))

  test('filters, maps and writes; keys, times and headers stay', async () => {
    await send(
      kafka,
      'orders',
      { key: 'a', value: { customer: 'ann', amount: 5 } },
      {
        key: 'b',
        value: { customer: 'bob', amount: 200 },
        timestamp: 1_700_000_000_000,
        headers: { source: 'web' },
      },
    )
    const run = kafka
      .stream<Order>('orders')
      .filter(({ amount }) => amount > 100)
      .map((value) => ({ ...value, isPremium: true }))
      .to('large-orders')
    expect(await read(kafka, 'large-orders', 1)).toMatchObject([
      {
        key: 'b',
        value: { customer: 'bob', amount: 200, isPremium: true },
        timestamp: 1_700_000_000_000,
        headers: { source: 'web' },
      },
    ])
    await run.close()
    expect(run.state).toBe('closed')
    expect(await readToEnd(kafka, 'large-orders')).toHaveLength(1)
  })

  test('counts by key in windows of time', async () => {
    const minute = 60_000
    await send(
      kafka,
      'orders',
      order('ann', 1, 0),
      order('ann', 1, minute),
      order('bob', 1, minute),
      order('ann', 1, 5 * minute),
    )
    const seen: string[] = []
    const run = kafka
      .stream<Order>('orders', { app: 'windows' })
      .window(Window.tumbling('5m', { grace: '1h' }))
      .groupBy(({ customer }) => customer)
      .count()
      .forEach((customer, { value, start, end }) => {
        seen.push(`${customer} ${value} ${start.getTime() / minute}-${end.getTime() / minute}`)
      })
    await expect
      .poll(() => seen.toSorted(), patience)
      .toEqual(['ann 1 0-5', 'ann 1 5-10', 'ann 2 0-5', 'bob 1 0-5'])
    await run.close()
  })

  test('branches', async () => {
    await create('large', 'small')
    await send(kafka, 'orders', order('ann', 5), order('bob', 500), order('cid', 50))
    const run = kafka.stream<Order>('orders').branch([
      [({ amount }) => amount >= 100, 'large'],
      [({ amount }) => amount < 10, 'small'],
    ])
    expect((await read<Order>(kafka, 'large', 1))[0]!.value.customer).toBe('bob')
    expect((await read<Order>(kafka, 'small', 1))[0]!.value.customer).toBe('ann')
    await run.close()
    expect(await readToEnd(kafka, 'large')).toHaveLength(1)
    expect(await readToEnd(kafka, 'small')).toHaveLength(1)
  })

  test('adds up by another key, and goes on where it stopped', async () => {
    const start = () =>
      kafka
        .stream<Order>('orders', { app: 'totals' })
        .groupBy(({ customer }) => customer)
        .reduce(0, (total, { amount }) => total + amount, { store: 'totals' })
        .to('totals')
    await send(kafka, 'orders', order('ann', 1), order('bob', 2))
    const first = start()
    expect(byKey(await read(kafka, 'totals', 2))).toEqual({ ann: [1], bob: [2] })
    await expect.poll(() => first.store('totals').get('ann'), patience).toBe(1)
    await first.close()
    await send(kafka, 'orders', order('ann', 5))
    const second = start()
    expect(byKey(await read(kafka, 'totals', 3))).toEqual({ ann: [1, 6], bob: [2] })
    await second.close()
  })

  test('sessions grow together, and close once', async () => {
    const final: string[] = []
    const run = kafka
      .stream<Order>('orders', { app: 'sessions' })
      .groupBy(({ customer }) => customer)
      .window(Window.session('10s'))
      .count({ store: 'sessions' })
      .final()
      .forEach((customer, { value, start, end }) => {
        final.push(`${customer} ${value} ${start.getTime()}-${end.getTime()}`)
      })
    const task = { partition: 0 }
    const producer = kafka.producer<Order>('orders')
    for (const [at, customer] of [
      [0, 'ann'],
      [8000, 'ann'],
      [20_000, 'ann'],
      [60_000, 'ann'],
    ] as const) {
      await producer.send({ customer, amount: 1 }, { ...task, timestamp: new Date(at) })
    }
    await expect.poll(() => final, patience).toEqual(['ann 2 0-8000', 'ann 1 20000-20000'])
    await run.close()
  })
})

describe('joins', () => {
  beforeEach(() => create('left', 'right'))

  const name = (key: string, value: string, timestamp: number) => ({
    key,
    value: { name: value },
    timestamp,
  })

  test('of two streams, by key and time', async () => {
    await send(kafka, 'left', name('1', 'l1', 1000), name('2', 'l2', 1000), name('3', 'l3', 1000))
    await send(kafka, 'right', name('1', 'r1', 1500), name('2', 'r2', 9000), name('1', 'r3', 2000))
    const app = kafka.streams({ app: 'pairs-by-key' })
    app
      .stream<{ name: string }>('left')
      .join(app.stream<{ name: string }>('right'), { window: '1s' })
      .map((left, right) => `${left.name} ${right.name}`)
      .to('pairs')
    await using run = await app.start()
    expect(byKey(await read(kafka, 'pairs', 2))).toEqual({ 1: ['l1 r1', 'l1 r3'] })
    await run.close()
    expect(await readToEnd(kafka, 'pairs')).toHaveLength(2)
  })

  test('of two streams, by a key of their values', async () => {
    await send(kafka, 'left', name('x', 'ann', 1000), name('y', 'bob', 1000))
    await send(kafka, 'right', name('z', 'ann', 1500))
    const app = kafka.streams({ app: 'pairs' })
    const nameOf = (value: { name: string }) => value.name
    app
      .stream<{ name: string }>('left')
      .join(app.stream<{ name: string }>('right'), { key: [nameOf, nameOf], window: '1s' })
      .to('pairs')
    await using _ = await app.start()
    expect(await read(kafka, 'pairs', 1)).toMatchObject([
      { key: 'ann', value: [{ name: 'ann' }, { name: 'ann' }], timestamp: 1500 },
    ])
  })

  test('of a stream with a table and with a global table', async () => {
    await create('regions')
    await send(kafka, 'regions', { key: 'eu', value: 'Europe' }, { key: 'us', value: 'America' })
    await send(
      kafka,
      'right',
      { key: 'ann', value: { name: 'Ann', region: 'eu' }, timestamp: 1 },
      { key: 'bob', value: { name: 'Bob', region: 'us' }, timestamp: 1 },
      { key: 'bob', value: null, timestamp: 2 },
    )
    await send(
      kafka,
      'left',
      { key: 'ann', value: 10, timestamp: 10 },
      { key: 'bob', value: 20, timestamp: 10 },
    )
    const app = kafka.streams({ app: 'shop' })
    const regions = app.globalTable<string>('regions')
    app
      .stream<number>('left')
      .join(app.table<{ name: string; region: string }>('right'), { type: 'left' })
      .map((amount, customer) => ({ amount, ...customer }))
      .join(regions, { key: ({ region }) => region ?? null, type: 'left' })
      .map(({ amount, name }, region) => `${amount} ${name} ${region}`)
      .to('joined')
    await using _ = await app.start()
    expect(byKey(await read(kafka, 'joined', 2))).toEqual({
      ann: ['10 Ann Europe'],
      bob: ['20 undefined null'],
    })
  })

  test('of tables by a foreign key', async () => {
    await send(kafka, 'right', name('c1', 'Ann', 1), name('c2', 'Bob', 1))
    const app = kafka.streams({ app: 'foreign' })
    app
      .table<{ customer: string }>('left')
      .join(app.table<{ name: string }>('right'), { foreignKey: ({ customer }) => customer })
      .map(([, { name }]) => name)
      .to('joined')
    await using _ = await app.start()
    const orderOf = (customer: string) => ({ key: 'o1', value: { customer } })
    await send(kafka, 'left', orderOf('c1'))
    expect(byKey(await read(kafka, 'joined', 1))).toEqual({ o1: ['Ann'] })
    await send(kafka, 'left', orderOf('c2'))
    expect(byKey(await read(kafka, 'joined', 2))).toEqual({ o1: ['Ann', 'Bob'] })
    await send(kafka, 'right', name('c2', 'Rob', 2))
    expect(byKey(await read(kafka, 'joined', 3))).toEqual({ o1: ['Ann', 'Bob', 'Rob'] })
    await send(kafka, 'right', name('c1', 'not asked for', 3), { key: 'c2', value: null })
    expect(byKey(await read(kafka, 'joined', 4))).toEqual({ o1: ['Ann', 'Bob', 'Rob', null] })
  })
})

describe('what fails', () => {
  beforeEach(() => create('orders'))

  const refuse = ({ amount }: Order) => {
    if (amount < 0) throw new Error('negative')
  }

  test('goes to the dead letters, and leaves nothing else behind', async () => {
    const amounts = [1, -1, 2].map((amount) => ({ ...order('ann', amount), key: 'ann' }))
    await send(kafka, 'orders', ...amounts)
    const app = kafka.streams({ app: 'careful', onError: { deadLetter: 'dead' } })
    const orders = app.stream<Order>('orders')
    const counts = orders.groupByKey().count({ store: 'counts' })
    counts.to('counts')
    orders.peek(refuse).to('checked')
    await using run = await app.start()
    expect(await read<Order>(kafka, 'dead', 1)).toMatchObject([
      {
        key: 'ann',
        value: { customer: 'ann', amount: -1 },
        headers: { error: 'negative', 'original-topic': 'orders' },
      },
    ])
    expect(byKey(await read(kafka, 'counts', 2))).toEqual({ ann: [1, 2] })
    expect(await read(kafka, 'checked', 2)).toHaveLength(2)
    expect(run.metrics().deadLetters).toBe(1)
    await run.close()
    expect(await readToEnd(kafka, 'counts')).toHaveLength(2)
    expect(await readToEnd(kafka, 'checked')).toHaveLength(2)
  })

  test('stops the application with its position; the next one begins with it', async () => {
    const producer = kafka.producer<Order>('orders')
    for (const amount of [1, -1, 2])
      await producer.send({ customer: 'ann', amount }, { partition: 0 })
    const start = (check: (value: Order) => void) =>
      kafka
        .stream<Order>('orders', { app: 'strict' })
        .peek(check)
        .map(({ amount }) => amount)
        .to('amounts')
    await expect(start(refuse).done).rejects.toMatchObject({
      topic: 'orders',
      partition: 0,
      offset: 1n,
      cause: { message: 'negative' },
    })
    const second = start(() => {})
    await read(kafka, 'amounts', 3)
    await second.close()
    const values = (await readToEnd(kafka, 'amounts')).map(({ value }) =>
      Number(new TextDecoder().decode(value!)),
    )
    expect(values).toEqual([1, -1, 2])
  })
})

describe.each(['exactly-once', 'at-least-once'] as const)('%s', (guarantee) => {
  test('restarts in the middle: each record counts once', { timeout: 120_000 }, async () => {
    await create('numbers')
    const total = 600
    const numbers = Array.from({ length: total }, (_, n) => ({
      key: `key-${n}`,
      value: { n, group: `g${n % 7}` },
    }))
    const start = () =>
      kafka
        .stream<{ n: number; group: string }>('numbers', { app: `counts-${guarantee}`, guarantee })
        .groupBy(({ group }) => group)
        .count({ store: 'counts' })
        .to('counts')
    for (let part = 0; part < 3; part++) {
      const run = start()
      await send(kafka, 'numbers', ...numbers.slice(part * 200, part * 200 + 100))
      await read(kafka, 'counts', part * 200 + 1)
      const more = send(kafka, 'numbers', ...numbers.slice(part * 200 + 100, part * 200 + 200))
      // It is closed with records in hand.
      await run.close()
      await more
    }
    const last = start()
    const counted = byKey(await read<number>(kafka, 'counts', total))
    await last.close()
    for (let group = 0; group < 7; group++) {
      const of = numbers.filter(({ value }) => value.group === `g${group}`).length
      expect(counted[`g${group}`]).toEqual(Array.from({ length: of }, (_, i) => i + 1))
    }
    expect(await readToEnd(kafka, 'counts')).toHaveLength(total)
  })
})
