/** Orders go to the topic of their region. */
import { Client, topic } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ region: string, amount: number }, string | null>} */
const orders = topic('example-branch-orders')
const kafka = new Client()
await kafka.producer(orders).sendBatch([
  { region: 'us', amount: 1 },
  { region: 'eu', amount: 2 },
  { region: 'br', amount: 3 },
])

kafka.stream(orders).branch([
  [(order) => order.region === 'us', 'example-us-orders'],
  [(order) => order.region === 'eu', 'example-eu-orders'],
  [() => true, 'example-other-orders'],
])

for (const region of ['us', 'eu', 'other']) {
  const [record] = await kafka.consumer(`example-${region}-orders`).take(1).toArray()
  console.log(`${region}: ${JSON.stringify(record?.value)}`)
}
await kafka.close()
