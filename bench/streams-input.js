/** What the benchmarks of streams read: orders of 100 bytes of JSON, one a millisecond by event time. */
import { Client, Message } from 'kafka-do'

export const keyCount = 10_000
const partitions = 2
/** Of the first order, epoch milliseconds. */
const firstTime = 1_700_000_000_000

/** Every second order is paid, a second after it: records to join with those of `fill`. @param {string} url @param {number} orderCount */
export async function fillPayments(url, orderCount) {
  const kafka = new Client(url)
  await kafka.admin.createTopic('bench-payments', { partitions, retention: -1 })
  const producer = kafka.producer('bench-payments')
  const perBatch = 5000
  for (let sent = 0; sent < orderCount; sent += 2 * perBatch) {
    const count = Math.min(perBatch, Math.ceil((orderCount - sent) / 2))
    await producer.sendBatch(
      Array.from({ length: count }, (_, i) => {
        const n = sent + 2 * i
        const value = { payment: n, amount: n % 200, method: 'card' }
        const timestamp = new Date(firstTime + n + 1000)
        return new Message(value, { key: `customer-${n % keyCount}`, timestamp })
      }),
    )
  }
  await kafka.close()
}

/** Makes the topics and fills the first. @param {string} url @param {number} recordCount */
export async function fill(url, recordCount) {
  const kafka = new Client(url)
  for (const name of ['bench-in', 'bench-large', 'bench-counts']) {
    await kafka.admin.createTopic(name, { partitions, retention: -1 })
  }
  const producer = kafka.producer('bench-in')
  const perBatch = 5000
  for (let sent = 0; sent < recordCount; sent += perBatch) {
    await producer.sendBatch(
      Array.from({ length: Math.min(perBatch, recordCount - sent) }, (_, i) => {
        const n = sent + i
        const value = {
          orderId: `order-${String(n).padStart(8, '0')}`,
          customer: `customer-${n % keyCount}`,
          amount: n % 200,
          note: 'x'.repeat(20),
        }
        const timestamp = new Date(firstTime + n)
        return new Message(value, { key: value.customer, timestamp })
      }),
    )
  }
  await kafka.close()
}
