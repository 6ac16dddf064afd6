/**
 * Two streams, joined within an hour. By a predicate, which may be anything, but compares every order with every customer of the
 * hour; and by a key, which finds them and scales.
 */
import { Client, Message, topic } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ customerId: string, amount: number }>} */
const orders = topic('example-join-orders')
/** @type {import('kafka-do').Topic<{ id: string, name: string }>} */
const customers = topic('example-join-customers')
const kafka = new Client()

/** @param {string} time */
const at = (time) => ({ timestamp: new Date(`2025-01-01T${time}Z`) })
await kafka
  .producer(customers)
  .sendBatch([
    new Message({ id: 'c1', name: 'Ada' }, at('10:00:00')),
    new Message({ id: 'c2', name: 'Bob' }, at('10:30:00')),
  ])
await kafka.producer(orders).sendBatch([
  new Message({ customerId: 'c1', amount: 10 }, at('10:05:00')),
  new Message({ customerId: 'c2', amount: 20 }, at('10:40:00')),
  // More than an hour after its customer was written.
  new Message({ customerId: 'c1', amount: 30 }, at('11:30:00')),
  new Message({ customerId: 'c2', amount: 40 }, at('11:30:00')),
])

const enough = new AbortController()
let pairs = 0
await kafka
  .stream(orders, { app: 'example-join-by-predicate', signal: enough.signal })
  .join(kafka.stream(customers), {
    on: (order, customer) => order.customerId === customer.id,
    window: '1h',
  })
  .forEach((order, customer) => {
    console.log(`by predicate: ${order.amount} by ${customer.name}`)
    if (++pairs === 3) enough.abort()
  })

const run = kafka
  .stream(orders, { app: 'example-join-by-key' })
  .join(kafka.stream(customers), {
    key: [(order) => order.customerId, (customer) => customer.id],
    window: '1h',
  })
  .map((order, customer) => `${order.amount} by ${customer.name}`)
  .to('example-join-pairs')
for await (const { value } of kafka.consumer('example-join-pairs').take(3))
  console.log(`by key: ${value}`)
await run.close()
await kafka.close()
