/**
 * The quick start: produce two orders, consume them with a group, stop.
 *
 *   node examples/orders/main.js            (KAFKA_DO_URL says where; else ./.kafka-do)
 */
import { Client, topic } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ orderId: string, amount: number }>} */
const orders = topic('example-orders')
const kafka = new Client()

const { partition, offset } = await kafka.produce(
  orders,
  { orderId: '123', amount: 99.99 },
  { key: 'customer-7' },
)
console.log(`stored in partition ${partition} at offset ${offset}`)

const producer = kafka.producer(orders)
await producer.send({ orderId: '124', amount: 5 }, { headers: { source: 'example' } })

const enough = new AbortController()
let seen = 0
await kafka.consume(orders, { group: 'example-orders', signal: enough.signal }, async (record) => {
  console.log(`${record.value.orderId}: ${record.value.amount}`)
  await record.commit()
  if (++seen === 2) enough.abort()
})
await kafka.close()
