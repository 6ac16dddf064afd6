/**
 * Totals that survive kills: a worker adds up orders by customer, and is killed (SIGKILL) in the middle of it, twice. The next one
 * goes on where the last commit was, so every order counts once: in the totals that are kept, and in those that are written.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, topic } from 'kafka-do'
import { createServer } from 'kafka-do/server'

/** @typedef {{ orders: number, amount: number }} Total */
/** @type {import('kafka-do').Topic<{ customerId: string, amount: number }>} */
const orders = topic('example-kill-orders')
/** @type {import('kafka-do').Topic<Total>} */
const totals = topic('example-kill-totals')
const orderCount = 600
const customers = ['ada', 'bob', 'eve']

if (process.argv[2] === 'worker') await work()
else await supervise()

/** Until it is killed. */
async function work() {
  const kafka = new Client()
  /** @type {Total} */
  const nothing = { orders: 0, amount: 0 }
  await kafka
    .stream(orders, {
      app: 'example-kill',
      // With a name of its own it gets its tasks back at once, though the group did not see it go.
      groupInstanceId: 'worker-1',
      transactionTimeout: '1s',
    })
    // As long as real work takes.
    .peek(() => delay(2))
    .groupBy((order) => order.customerId)
    .reduce(nothing, (total, { amount }) => ({
      orders: total.orders + 1,
      amount: total.amount + amount,
    }))
    .to(totals)
}

async function supervise() {
  // Another process must be able to reach it: an embedded log is one process's.
  const given = process.env.KAFKA_DO_URL
  const server = given?.startsWith('kafka')
    ? undefined
    : await createServer({ data: 'memory:', port: 0 })
  const url = server?.url ?? String(given)
  const kafka = new Client(url)
  const batch = Array.from({ length: orderCount }, (_, i) => ({
    customerId: String(customers[i % customers.length]),
    amount: i,
  }))
  await kafka.producer(orders).sendBatch(batch)

  let worker = start(url)
  const killAt = [orderCount / 3, (2 * orderCount) / 3]
  /** What the topic says at last, by customer. @type {Map<string, Total>} */
  const last = new Map()
  for await (const record of kafka.consumer(totals)) {
    const { value } = record
    const key = String(record.key)
    const before = last.get(key)?.orders ?? 0
    if (value.orders !== before + 1) console.log(`${key}: ${value.orders} came after ${before}`)
    last.set(key, value)
    const done = [...last.values()].reduce((sum, total) => sum + total.orders, 0)
    if (done >= Number(killAt[0])) {
      killAt.shift()
      worker.kill('SIGKILL')
      await once(worker, 'exit')
      console.log('the worker was killed')
      worker = start(url)
    }
    if (done === orderCount) break
  }
  worker.kill('SIGKILL')
  for (const customer of customers) {
    const own = batch.filter(({ customerId }) => customerId === customer)
    const amount = own.reduce((sum, order) => sum + order.amount, 0)
    const total = last.get(customer)
    const isRight = total?.orders === own.length && total.amount === amount
    console.log(
      `${customer}: ${total?.orders} orders, ${total?.amount}: ${isRight ? 'right' : 'WRONG'}`,
    )
  }
  await kafka.close()
  await server?.close()
}

/** @param {string} url */
function start(url) {
  return spawn(process.execPath, [String(process.argv[1]), 'worker'], {
    env: { ...process.env, KAFKA_DO_URL: url },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}
