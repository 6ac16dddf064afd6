/** Read, transform, write: each order gives one invoice, whatever is killed when. */
import { Client } from 'kafka-do'

const kafka = new Client()
await kafka.producer('example-purchases').sendBatch([{ amount: 1 }, { amount: 2 }, { amount: 3 }])

const enough = new AbortController()
let invoices = 0
await kafka.consume(
  'example-purchases',
  { group: 'example-invoicing', signal: enough.signal },
  async (record) => {
    const { amount } = /** @type {{ amount: number }} */ (record.value)
    await kafka.transaction('example-invoices', { timeout: '10s' }, async (tx) => {
      await tx.send({ amount, tax: amount * 0.2 })
      await tx.commitOffsets(record)
    })
    if (++invoices === 3) enough.abort()
  },
)

const failing = kafka.transaction('example-invoices', async (tx) => {
  await tx.send({ amount: 1_000_000 })
  throw new Error('changed my mind')
})
await failing.catch((error) => console.log(`nothing was written: ${error.message}`))

for await (const { value } of kafka.consumer('example-invoices').take(3))
  console.log(JSON.stringify(value))
await kafka.close()
