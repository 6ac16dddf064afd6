/** Applications on a broker in memory. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '../../src/entry/client.ts'
import { Window } from '../../src/streams/windows.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}

let kafka: Client
beforeEach(() => {
  kafka = new Client({ url: 'memory:' })
})
afterEach(() => kafka.close())

async function read<V>(topic: string, count: number): Promise<[string | null, V][]> {
  const records = await kafka.consumer<V>(topic).take(count).toArray()
  return records.map(({ key, value }) => [key, value])
}

describe('a chain', () => {
  test('filters, maps and writes', async () => {
    const orders = [5, 200, 300].map((amount) => ({ customer: 'ann', amount }))
    await kafka.producer<Order>('orders').sendBatch(orders)
    const run = kafka
      .stream<Order>('orders')
      .filter((order) => order.amount > 100)
      .map((order) => ({ ...order, premium: true }))
      .to('large-orders')
    expect(await read('large-orders', 2)).toEqual([
      [null, { customer: 'ann', amount: 200, premium: true }],
      [null, { customer: 'ann', amount: 300, premium: true }],
    ])
    await run.close()
    expect(run.state).toBe('closed')
  })

  test('adds up by key, and goes on where it stopped', async () => {
    const producer = kafka.producer<Order>('orders')
    const start = () =>
      kafka
        .stream<Order>('orders', { app: 'totals' })
        .groupBy((order) => order.customer)
        .reduce(0, (total, order) => total + order.amount, { store: 'totals' })
        .to('totals')
    await producer.sendBatch([
      { customer: 'ann', amount: 1 },
      { customer: 'bob', amount: 2 },
      { customer: 'ann', amount: 3 },
    ])
    const first = start()
    expect(await read('totals', 3)).toEqual([
      ['ann', 1],
      ['bob', 2],
      ['ann', 4],
    ])
    expect(first.store('totals').get('ann')).toBe(4)
    await first.close()
    await producer.send({ customer: 'ann', amount: 5 })
    const second = start()
    expect((await read('totals', 4)).at(-1)).toEqual(['ann', 9])
    await second.close()
  })

  test('counts by window', async () => {
    await kafka.producer<Order>('orders').sendBatch([
      { customer: 'ann', amount: 1 },
      { customer: 'ann', amount: 3 },
    ])
    const seen: number[] = []
    const run = kafka
      .stream<Order>('orders')
      .window(Window.tumbling('5m'))
      .groupBy((order) => order.customer)
      .count()
      .forEach((customer, window) => {
        expect(customer).toBe('ann')
        seen.push(window.value!)
      })
    await expect.poll(() => seen).toEqual([1, 2])
    await run.close()
  })
})

test('in one process, what tasks write for one another goes through no topic', async () => {
  const orders = Array.from({ length: 50 }, (_, i) => ({ customer: `c${i % 7}`, amount: i }))
  await kafka.producer<Order>('orders').sendBatch(orders)
  const run = kafka
    .stream<Order>('orders', { app: 'totals' })
    .groupBy((order) => order.customer)
    .count({ store: 'counts' })
    .to('counts')
  const counts = await read<number>('counts', 50)
  expect(counts.filter(([key]) => key === 'c0').map(([, count]) => count)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8,
  ])
  await run.close()
  const { offsets } = await kafka.admin.describeTopic('totals-counts-repartition')
  expect(offsets.map(({ latest }) => latest)).toEqual(offsets.map(() => 0n))
})

test('state that is behind a hand-over, and its time, are there after a restart', async () => {
  const producer = kafka.producer<Order>('orders')
  const seen: (number | null)[] = []
  const start = () =>
    kafka
      .stream<Order>('orders', { app: 'windows' })
      .window(Window.tumbling(10))
      .groupBy((order) => order.customer)
      .count()
      .forEach((_customer, window) => void seen.push(window.value))
  const send = (timestamp: number) =>
    producer.send({ customer: 'ann', amount: 1 }, { timestamp: new Date(timestamp) })
  await send(1005)
  await send(1021)
  const first = start()
  await expect.poll(() => seen).toEqual([1, 1])
  await first.close()
  await send(1007)
  await send(1022)
  const second = start()
  await expect.poll(() => seen).toEqual([1, 1, 2])
  expect(second.metrics().late).toEqual({ 'count-1': 1 })
  await second.close()
})

describe('a program that has changed', () => {
  const count = (store: string, size: number) =>
    kafka
      .stream<Order>('orders', { app: 'shop' })
      .window(Window.tumbling(size))
      .groupBy('by-customer', (order) => order.customer)
      .count({ store })
      .to('counts')

  beforeEach(async () => {
    await kafka.producer<Order>('orders').send({ customer: 'ann', amount: 1 })
    const run = count('counts', 1000)
    await read('counts', 1)
    await run.close()
  })

  test('is refused when it would leave state behind', async () => {
    await expect(count('totals', 1000).done).rejects.toThrow(
      /state of operators that its program does not name any more: 'counts'/,
    )
  })

  test('is refused when its windows have another size', async () => {
    await expect(count('counts', 2000).done).rejects.toThrow(
      /state of 'counts' in application 'shop' was kept by another kind of operator/,
    )
  })

  test('goes on when nothing of its state has changed, beside one whose name begins like its own', async () => {
    const other = kafka
      .stream<Order>('orders', { app: 'shop-counts' })
      .groupByKey()
      .count()
      .forEach(() => {})
    await other.ready
    await other.close()
    const run = kafka
      .stream<Order>('orders', { app: 'shop' })
      .filter(() => true)
      .window(Window.tumbling(1000))
      .groupBy('by-customer', (order) => order.customer)
      .count({ store: 'counts' })
      .to('counts')
    await run.ready
    await run.close()
  })
})

test('windows close when nothing comes, and timers by the wall clock run', async () => {
  await kafka.producer<Order>('orders').send({ customer: 'ann', amount: 1 }, { key: 'ann' })
  const closed: (number | null)[] = []
  const run = kafka
    .stream<Order>('orders', { app: 'silence' })
    .groupByKey()
    .window(Window.tumbling('200ms', { idle: '20ms' }))
    .count()
    .final()
    .forEach((_customer, window) => void closed.push(window.value))
  const timed = kafka
    .stream<Order>('orders', { app: 'timers' })
    .process<Record<never, never>, string, string>({
      init(context) {
        context.every('20ms', 'wall', () => context.forward({ key: 'tick', value: 'tock' }))
      },
      record: () => {},
    })
    .to('ticks')
  expect(await read('ticks', 2)).toEqual([
    ['tick', 'tock'],
    ['tick', 'tock'],
  ])
  await expect.poll(() => closed).toEqual([1])
  const { commits } = run.metrics()
  await timed.close()
  expect(run.metrics().commits).toBeLessThanOrEqual(commits + 1)
  await run.close()
})
