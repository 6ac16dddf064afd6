/** What each customer has spent: a total that is kept, and can be asked for while it is added to. */
import { Client, topic } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ customerId: string, amount: number }>} */
const orders = topic('example-totals-orders')
const kafka = new Client()
await kafka.producer(orders).sendBatch([
  { customerId: 'ada', amount: 10 },
  { customerId: 'bob', amount: 5 },
  { customerId: 'ada', amount: 32 },
])

const enough = new AbortController()
let updates = 0
await kafka
  .stream(orders, { app: 'example-totals', signal: enough.signal })
  .groupBy((order) => order.customerId)
  .reduce(0, (total, order) => total + order.amount, { store: 'totals' })
  .forEach((customer, total) => {
    console.log(`Customer ${customer} total: ${total}`)
    if (++updates === 3) enough.abort()
  })

// Started again, it has the totals that it had.
const app = kafka.streams({ app: 'example-totals' })
app
  .stream(orders)
  .groupBy((order) => order.customerId)
  .reduce(0, (total, order) => total + order.amount, { store: 'totals' })
const running = await app.start()
const totals = running.store('totals')
console.log(`kept: ada ${totals.get('ada')}, bob ${totals.get('bob')}`)
await kafka.close()
