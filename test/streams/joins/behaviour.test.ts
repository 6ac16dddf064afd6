/** What joins do besides pairing: limits, counts, headers, names, and on a broker. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '../../../src/entry/client.ts'
import { Trial } from './trial.ts'

describe('a join by predicate', () => {
  const within = { on: () => true, window: '10ms' }

  test('stops with too many right records, and says what to do', async () => {
    const trial = new Trial((app) => {
      app
        .stream('left')
        .join(app.stream('right'), { ...within, maxBuffered: 3 })
        .to('out')
    })
    for (const time of [1, 2, 3]) await trial.send('right', null, time, time)
    await expect(trial.send('right', null, 4, 4)).rejects.toThrow(
      'holds more than 3 right records, and compares every left one with each: join with key',
    )
    // What the window has left behind does not count.
    await trial.send('right', null, 5, 500)
    await trial.send('right', null, 6, 501)
    expect(await trial.send('left', null, 0, 501)).toHaveLength(2)
  })

  test('counts the pairs that it compares', async () => {
    const trial = new Trial((app) => {
      const on = (left: unknown, right: unknown) => left === right
      app.stream('left').join(app.stream('right'), { on, window: 5 }).to('out')
    })
    for (const time of [1, 2, 3]) await trial.send('right', null, time, time)
    const written = await trial.send('left', 'key', 2, 2)
    expect(written.map(({ key, value }) => [key, value])).toEqual([['key', [2, 2]]])
    expect(trial.compared).toBe(3)
  })

  test('gives results the key of the left record, whichever came last', async () => {
    const trial = new Trial((app) => {
      app.stream('left').join(app.stream('right'), within).to('out')
    })
    await trial.send('left', 'l', 1, 1)
    const [written] = await trial.send('right', 'r', 2, 2)
    expect(written).toMatchObject({ key: 'l', value: [1, 2], timestamp: 2 })
  })
})

test('a callback that returns a promise is refused where state would have to wait', async () => {
  const trial = new Trial((app) => {
    const on = (async () => true) as never
    app.stream('left').join(app.stream('right'), { on, window: 5 }).to('out')
  })
  await trial.send('right', null, 1, 1)
  await expect(trial.send('left', null, 1, 1)).rejects.toThrow(
    "The predicate of 'join-1' returned a promise",
  )
})

test('a callback that returns undefined is told so', async () => {
  const trial = new Trial((app) => {
    const left = app.table<{ to?: string }>('left')
    left.join(app.table('right'), { foreignKey: ({ to }) => to as string }).to('out')
  })
  await expect(trial.send('left', 'a', {}, 1)).rejects.toThrow(
    'join (foreignKey) returned undefined',
  )
})

test('values that a join keeps are frozen', async () => {
  const trial = new Trial((app) => {
    const change = (left: unknown) => {
      ;(left as { n: number }).n = 1
      return left
    }
    app.stream('left').join(app.table('right'), { type: 'left' }).map(change).to('free')
    app.stream('left2').join(app.stream('right2'), { window: 5 }).map(change).to('out')
  })
  expect(await trial.send('left', 'a', { n: 0 }, 1)).toHaveLength(1)
  await trial.send('left2', 'a', { n: 0 }, 1)
  await expect(trial.send('right2', 'a', 1, 1)).rejects.toThrow('read only')
})

describe('a join by foreign key', () => {
  const build = () =>
    new Trial((app) => {
      const left = app.table<{ to: string; n: number }>('left')
      left.join(app.table('right'), { foreignKey: ({ to }) => to, store: 'fk' }).to('out')
    })

  test('passes over an answer to a value that the row no longer has', async () => {
    const trial = build()
    await trial.send('right', 'a', 'A', 1)
    trial.holds = (topic) => topic.includes('answers')
    await trial.send('left', 'x', { to: 'a', n: 1 }, 2)
    await trial.send('left', 'x', { to: 'a', n: 2 }, 3)
    await trial.release()
    expect(trial.written.map(({ value }) => value)).toEqual([[{ to: 'a', n: 2 }, 'A']])
  })

  test('takes back a result whose row has changed twice before the answer to the first change came', async () => {
    const trial = build()
    await trial.send('right', 'a', 'A', 1)
    await trial.send('left', 'x', { to: 'a', n: 1 }, 2)
    trial.holds = (topic) => topic.includes('answers')
    await trial.send('left', 'x', { to: 'b', n: 1 }, 3)
    await trial.send('left', 'x', { to: 'b', n: 2 }, 4)
    await trial.release()
    expect(trial.written.map(({ value }) => value)).toEqual([[{ to: 'a', n: 1 }, 'A'], null])
  })

  test('keeps no subscription to a row that was left', async () => {
    const trial = build()
    await trial.send('left', 'x', { to: 'a', n: 1 }, 2)
    await trial.send('left', 'x', { to: 'b', n: 1 }, 3)
    expect(trial.store('fk-subscriptions').size).toBe(1)
    await trial.send('left', 'x', null, 4)
    expect(trial.store('fk-subscriptions').size).toBe(0)
  })

  test('sends answers to the partition that asked', async () => {
    const { topology } = build()
    const answers = topology.subTopologies
      .flatMap(({ repartitions }) => repartitions)
      .find((one) => topology.topicOf(one).includes('answers'))!
    const record = { value: { partition: 7 } } as never
    expect(answers.partitionOf?.(record)).toBe(7)
  })
})

describe('an update of the past', () => {
  test('does not replace what is newer, in tables made of a table with history', async () => {
    const trial = new Trial((app) => {
      const table = app.table<{ group: string }>('table', { history: 100 })
      table.join(app.table('right')).to('joined')
      table
        .groupBy(({ group }) => [group, 1])
        .count()
        .to('counted')
      table.join(app.table('names'), { foreignKey: ({ group }) => group }).to('named')
      table.toStream().to('all')
    })
    await trial.send('right', 'k', 1, 1)
    await trial.send('names', 'new', 'New', 1)
    await trial.send('names', 'old', 'Old', 1)
    await trial.send('table', 'k', { group: 'new' }, 50)
    const late = await trial.send('table', 'k', { group: 'old' }, 20)
    expect(late.map(({ topic }) => topic)).toEqual(['all'])
    expect(trial.dropped).toEqual(['late', 'late', 'late'])
  })
})

const patience = { timeout: 10_000 }

describe('on a broker', () => {
  let kafka: Client
  beforeEach(() => {
    kafka = new Client({ url: 'memory:' })
  })
  afterEach(() => kafka.close())

  test('joins by foreign key, groups, and goes on where it stopped', async () => {
    interface Order {
      readonly customer: string
      readonly amount: number
    }
    const start = async () => {
      const app = kafka.streams({ app: 'shop' })
      const orders = app.table<Order>('orders')
      const customers = app.table<string>('customers')
      orders
        .join(customers, { foreignKey: (order) => order.customer, store: 'named' })
        .map(([order, name]) => `${name} ${order.amount}`)
        .to('named-orders')
      orders
        .groupBy('by-customer', (order) => [order.customer, order.amount])
        .reduce({ add: (a, b) => a + b, subtract: (a, b) => a - b, store: 'totals' })
        .to('totals')
      return app.start()
    }
    const orders = kafka.producer<Order>('orders')
    const customers = kafka.producer<string>('customers')
    await customers.send('Ann', { key: 'a' })
    await orders.send({ customer: 'a', amount: 3 }, { key: '1' })
    const read = async (topic: string, count: number) => {
      const records = await kafka.consumer(topic).take(count).toArray()
      return records.map(({ key, value }) => [key, value])
    }
    const first = await start()
    expect(await read('named-orders', 1)).toEqual([['1', 'Ann 3']])
    expect(await read('totals', 1)).toEqual([['a', 3]])
    await first.close()
    const second = await start()
    await orders.send({ customer: 'a', amount: 5 }, { key: '1' })
    await orders.send({ customer: 'a', amount: 1 }, { key: '2' })
    expect(await read('named-orders', 3)).toEqual([
      ['1', 'Ann 3'],
      ['1', 'Ann 5'],
      ['2', 'Ann 1'],
    ])
    expect((await read('totals', 3)).at(-1)).toEqual(['a', 6])
    await second.close()
  })

  test('joins streams by a key of their values, with what finds no partner', async () => {
    const seen: unknown[] = []
    const app = kafka.streams({ app: 'matches' })
    const key = [(left: { id: string }) => left.id, (right: { id: string }) => right.id] as const
    app
      .stream<{ id: string }>('left')
      .join(app.stream<{ id: string }>('right'), { key, window: 10, type: 'left' })
      .forEach((left, right) => {
        seen.push([left.id, right?.id ?? null])
      })
    // Not of 1970: those would be deleted by their age.
    const now = Date.now()
    const lefts = kafka.producer<{ id: string }>('left')
    await lefts.send({ id: 'x' }, { timestamp: now })
    await lefts.send({ id: 'y' }, { timestamp: now + 1 })
    const run = await app.start()
    await kafka.producer('right').send({ id: 'x' }, { timestamp: now + 5 })
    await expect.poll(() => seen, patience).toEqual([['x', 'x']])
    await lefts.send({ id: 'z' }, { timestamp: now + 1000 })
    await expect
      .poll(() => seen)
      .toEqual([
        ['x', 'x'],
        ['y', null],
      ])
    await run.close()
  })
})
