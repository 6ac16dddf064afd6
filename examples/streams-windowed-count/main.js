/**
 * Orders of each customer in windows of five minutes. The windows are those of the records' own times, so the result is the same
 * whenever the program runs.
 */
import { Client, Message, topic, Window } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ customerId: string }>} */
const orders = topic('example-window-orders')
const kafka = new Client()

/** @param {string} customerId @param {string} time */
const orderAt = (customerId, time) =>
  new Message({ customerId }, { timestamp: new Date(`2025-01-01T${time}Z`) })
await kafka
  .producer(orders)
  .sendBatch([
    orderAt('ada', '10:00:00'),
    orderAt('ada', '10:01:00'),
    orderAt('bob', '10:02:00'),
    orderAt('ada', '10:03:00'),
    orderAt('ada', '10:07:00'),
    orderAt('end', '11:00:00'),
  ])

const enough = new AbortController()
/** @param {Date} date */
const time = (date) => date.toISOString().slice(11, 16)
// Without final() each record would give the count so far. The windows of 'end' never close, as nothing comes after it.
await kafka
  .stream(orders, { app: 'example-window-counts', signal: enough.signal })
  .window(Window.tumbling('5m'))
  .groupBy((order) => order.customerId)
  .count({ store: 'orders-by-customer' })
  .final()
  .forEach((customer, { value, start, end }) => {
    console.log(`Customer ${customer}: ${value} orders in ${time(start)}-${time(end)}`)
    if (start.getUTCMinutes() === 5) enough.abort()
  })
await kafka.close()
