/** The first chain: orders of more than 100 go to a topic of their own, each exactly once. */
import { Client, topic } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ orderId: string, amount: number }>} */
const orders = topic('example-stream-orders')
/** @type {import('kafka-do').Topic<{ orderId: string, amount: number, tier: string }, string | null>} */
const highValueOrders = topic('example-high-value-orders')
const kafka = new Client()

const run = kafka
  .stream(orders)
  .filter((order) => order.amount > 100)
  .map((order) => ({ ...order, tier: 'premium' }))
  .to(highValueOrders)

await kafka.producer(orders).sendBatch([
  { orderId: '1', amount: 250 },
  { orderId: '2', amount: 5 },
  { orderId: '3', amount: 101 },
])
for await (const { value } of kafka.consumer(highValueOrders).take(2))
  console.log(`${value.orderId}: ${value.amount}, ${value.tier}`)
await run.close()
console.log(`the run is ${run.state}`)
await kafka.close()
