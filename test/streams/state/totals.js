// An application with state on disk that writes its own input, until it is killed. Says each time that it has written some.
import { Client } from 'kafka-do'

const [, , folder] = process.argv
const kafka = new Client(`file:${folder}/data`)
const run = kafka
  .stream('orders', { app: 'totals', state: { dir: `${folder}/state` }, commitInterval: 20 })
  .groupBy((order) => order.customer)
  .reduce(0, (total, order) => total + order.amount, { store: 'totals' })
  .to('totals')
run.catch((error) => {
  console.error(error)
  process.exit(1)
})
await run.ready
console.log(JSON.stringify({ restored: run.metrics().restored }))
const producer = kafka.producer('orders')
for (let n = 0; ; n++) {
  const orders = Array.from({ length: 200 }, (_, i) => ({
    customer: `c${(n * 200 + i) % 500}`,
    amount: i,
  }))
  await producer.sendBatch(orders)
  console.log(JSON.stringify({ sent: orders.length, recordsIn: run.metrics().recordsIn }))
}
