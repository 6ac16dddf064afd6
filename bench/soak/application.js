/** What the soak watches: an application that does a little of everything, for as long as it is let. */
import { Client } from 'kafka-do'

const [url = '', rate = ''] = process.argv.slice(2)
const keys = 500
const everyMs = 100
const transactionsEveryMs = 1000
const adminEveryMs = 5000
const tellEveryMs = 10_000

const kafka = new Client(url)
// Small segments, so that they are rolled and deleted many times within the hour.
await kafka.admin.createTopic('events', {
  partitions: 8,
  configs: { 'segment.bytes': '4194304', 'retention.bytes': '16777216' },
})
await kafka.admin.createTopic('totals', { partitions: 2 })
const done = { sent: 0, read: 0, transactions: 0, rejoined: 0, looked: 0 }

const producer = kafka.producer('events')
repeat(everyMs, async () => {
  const count = (Number(rate) * everyMs) / 1000
  const sends = Array.from({ length: count }, (_, i) =>
    producer.send(
      { i, at: Date.now(), text: 'x'.repeat(80) },
      { key: `key-${(done.sent + i) % keys}` },
    ),
  )
  await Promise.all(sends)
  done.sent += count
})

const consumer = kafka.consumer('events', { group: 'soak' })
void consumer
  .forEach(async (record) => {
    done.read++
    if (done.read % 1000 === 0) await record.commit()
  })
  .catch(failed)

repeat(transactionsEveryMs, async () => {
  await kafka.transaction('totals', async (tx) => {
    await tx.send({ read: done.read }, { key: 'read' })
  })
  done.transactions++
})

// Members that come and go, and what is asked about them.
repeat(adminEveryMs, async () => {
  const other = kafka.consumer('events', { group: 'soak-comes-and-goes' })
  await other.take(10).toArray()
  await other.close()
  done.rejoined++
  await kafka.admin.describeGroup('soak')
  await kafka.admin.describeTopic('events')
  done.looked++
})

setInterval(() => console.log(JSON.stringify(done)), tellEveryMs)

/** One at a time. @param {number} ms @param {() => Promise<void>} work */
function repeat(ms, work) {
  const next = () => work().then(() => setTimeout(next, ms), failed)
  next()
}

/** @param {unknown} error */
function failed(error) {
  console.error(error)
  process.exit(1)
}
