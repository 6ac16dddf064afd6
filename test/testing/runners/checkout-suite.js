/**
 * One suite for every test runner: `runner` has `test`, `afterEach` and `beforeEach`. Assertions are node:assert's,
 * which all of them show.
 */
import assert from 'node:assert/strict'
import { MockClient, StreamTestDriver } from 'kafka-do/testing'
import { invoiceOrders, placeOrder } from './checkout.js'

export function checkoutSuite({ test, beforeEach, afterEach }) {
  let kafka
  beforeEach(() => {
    kafka = new MockClient({ retryBackoff: 1 })
  })
  afterEach(() => kafka.close())

  test('seeded orders become invoices, once each', async () => {
    await kafka.seed('orders', [
      { orderId: 'a', amount: 10 },
      { orderId: 'b', amount: 20 },
    ])
    const stop = new AbortController()
    const invoicing = invoiceOrders(kafka, { signal: stop.signal })
    await until(async () => (await invoices()).length === 2)
    stop.abort()
    await invoicing
    assert.deepEqual(await invoices(), [
      { orderId: 'a', total: 12 },
      { orderId: 'b', total: 24 },
    ])
  })

  test('a stream counts orders record by record, and over a crash', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream('orders')
        .filter(({ amount }) => amount > 10)
        .groupBy(({ region }) => region)
        .count({ store: 'by-region' })
        .to('counts')
    })
    driver.send('orders', { amount: 15, region: 'eu' }, { key: 'a' })
    driver.send('orders', { amount: 5, region: 'eu' }, { key: 'b' })
    driver.restart()
    driver.send('orders', { amount: 25, region: 'eu' }, { key: 'c' })
    assert.deepEqual(
      driver.read('counts').map(({ key, value }) => [key, value]),
      [
        ['eu', 1],
        ['eu', 2],
      ],
    )
    assert.equal(driver.store('by-region').get('eu'), 2)
    assert.throws(() => driver.send('orders', new Uint8Array([1])), /cannot be read as json/)
  })

  test('the second order meets an error of the broker, and is stored once all the same', async () => {
    kafka.faults.fail('produce', 'NOT_LEADER_OR_FOLLOWER', { nth: 2 })
    await placeOrder(kafka, { orderId: 'a', amount: 1 })
    await placeOrder(kafka, { orderId: 'b', amount: 2 })
    const orders = await kafka.getMessages('orders')
    assert.deepEqual(
      orders.map(({ key }) => key),
      ['a', 'b'],
    )
  })

  test('an order that the broker refuses is an error that says so', async () => {
    kafka.faults.fail('produce', 'MESSAGE_TOO_LARGE')
    await assert.rejects(placeOrder(kafka, { orderId: 'a' }), {
      name: 'MessageTooLargeError',
      outcome: 'failed',
    })
  })

  test('a connection that breaks, before or after, loses and doubles nothing', async () => {
    kafka.faults.disconnect('produce')
    await placeOrder(kafka, { orderId: 'a' })
    kafka.faults.loseAnswer('produce')
    await placeOrder(kafka, { orderId: 'b' })
    assert.equal((await kafka.getMessages('orders')).length, 2)
  })

  test('a slow broker, in no time: the clock is moved', async () => {
    await placeOrder(kafka, { orderId: 'a' })
    kafka.faults.delay('produce', '1 min')
    const before = kafka.clock.now()
    let isPlaced = false
    const placing = placeOrder(kafka, { orderId: 'b' }).then(() => {
      isPlaced = true
    })
    while (!isPlaced && kafka.clock.now() < before + 3_600_000) await kafka.clock.advance('10 s')
    await placing
    const [, late] = await kafka.getMessages('orders')
    assert.ok(late.timestamp.getTime() >= before)
  })

  test('a rebalance in the middle makes no invoice twice', async () => {
    await kafka.seed('orders', [{ orderId: 'a', amount: 10 }])
    const stop = new AbortController()
    let assignments = 0
    const onAssigned = () => assignments++
    const invoicing = invoiceOrders(kafka, { signal: stop.signal, onAssigned })
    await until(async () => (await invoices()).length === 1)
    await kafka.rebalance('invoicing')
    await until(() => assignments === 2)
    await kafka.seed('orders', [{ orderId: 'b', amount: 20 }])
    await until(async () => (await invoices()).length === 2)
    stop.abort()
    await invoicing
    assert.deepEqual(
      (await invoices()).map(({ orderId }) => orderId),
      ['a', 'b'],
    )
  })

  /** What `read_committed` consumers see; nothing yet when there is no such topic. */
  async function invoices() {
    const messages = await kafka.getMessages('invoices').catch((error) => {
      if (error.name === 'TopicNotFoundError') return []
      throw error
    })
    return messages.map(({ value }) => value)
  }

  /** Time goes on by itself, and the clock hurries it. */
  async function until(isSo) {
    while (!(await isSo())) await kafka.clock.advance(10)
  }
}
