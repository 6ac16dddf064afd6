/** A unit test of a topology: `StreamTestDriver` runs it without a broker, record by record, with a clock to move. `node --test`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topic, Window } from 'kafka-do'
import { StreamTestDriver } from 'kafka-do/testing'

/** @type {import('kafka-do').Topic<{ customerId: string, amount: number }>} */
const orders = topic('orders')

/** The code under test. @param {import('kafka-do').StreamBuilder} app */
function dailyTotals(app) {
  app
    .stream(orders)
    .groupBy((order) => order.customerId)
    .window(Window.tumbling('1d', { grace: '1h' }))
    .reduce(0, (total, order) => total + order.amount, { store: 'daily' })
    .final()
    .to('daily-totals')
}

test('each day has one total, with what came late', () => {
  const driver = new StreamTestDriver(dailyTotals)
  /** @param {string} time @param {number} amount */
  const order = (time, amount) =>
    driver.send(orders, { customerId: 'ada', amount }, { timestamp: new Date(time) })
  order('2025-01-01T10:00:00Z', 10)
  order('2025-01-02T00:30:00Z', 5)
  order('2025-01-01T23:59:00Z', 30)
  assert.equal(driver.store('daily').window('ada', new Date('2025-01-01')), 40)
  assert.deepEqual(driver.read('daily-totals'), [])

  order('2025-01-02T01:00:00Z', 1)
  const [total] = driver.read('daily-totals')
  assert.equal(total?.value, 40)
  order('2025-01-01T12:00:00Z', 1000)
  assert.deepEqual(driver.read('daily-totals'), [])
  assert.deepEqual(Object.values(driver.metrics().late), [1])
})

test('a crash takes nothing back that was committed, and loses nothing after it', () => {
  const driver = new StreamTestDriver(dailyTotals)
  driver.send(orders, { customerId: 'ada', amount: 10 })
  driver.commit()
  driver.send(orders, { customerId: 'ada', amount: 5 })
  driver.restart()
  assert.equal(driver.store('daily').window('ada', new Date('2025-01-01')), 15)
})
