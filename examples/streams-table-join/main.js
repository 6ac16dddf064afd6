/** Each order with what is known of its customer: the right side is a table, the last value of each key, so it is never too old. */
import { Client, Message, topic } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ customerId: string, amount: number }>} */
const orders = topic('example-table-orders')
/** @type {import('kafka-do').Topic<{ name: string }>} */
const customers = topic('example-table-customers')
/** @type {import('kafka-do').Topic<{ amount: number, name: string | null }>} */
const enriched = topic('example-table-enriched')

const kafka = new Client()
// A table is restored from its topic, so the topic keeps the last value of each key.
await kafka.admin.createTopic(customers.name, { configs: { 'cleanup.policy': 'compact' } })
await kafka
  .producer(customers)
  .sendBatch([
    new Message({ name: 'Ada' }, { key: 'c1', timestamp: 1 }),
    new Message({ name: 'Bob' }, { key: 'c2', timestamp: 2 }),
  ])
await kafka.producer(orders).sendBatch([
  { customerId: 'c2', amount: 20 },
  { customerId: 'c1', amount: 10 },
  { customerId: 'c9', amount: 30 },
])

const app = kafka.streams({ app: 'example-table-join' })
app
  .stream(orders)
  .rekey((order) => order.customerId)
  .join(app.table(customers), { type: 'left' })
  .map(({ amount }, customer) => ({ amount, name: customer?.name ?? null }))
  .to(enriched)
await app.start()
for await (const { key, value } of kafka.consumer(enriched).take(3))
  console.log(`${value.amount} by ${value.name ?? `nobody we know (${key})`}`)
await kafka.close()
