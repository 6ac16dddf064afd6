/** A record that cannot be handled is tried again, then put aside with its origin and the reason; the others go on. */
import { Client } from 'kafka-do'

const kafka = new Client()
await kafka.producer('example-payments').sendBatch([{ amount: 10 }, { amount: -1 }, { amount: 30 }])

const enough = new AbortController()
let paid = 0
await kafka.consume(
  'example-payments',
  {
    group: 'example-payments',
    onError: { retry: { attempts: 3, baseDelay: '10ms' }, deadLetter: 'example-payments.failed' },
    signal: enough.signal,
  },
  async ({ value }) => {
    const { amount } = /** @type {{ amount: number }} */ (value)
    if (amount < 0) throw new Error(`an amount of ${amount}`)
    console.log(`paid ${amount}`)
    if (++paid === 2) enough.abort()
  },
)

for await (const { value, headers } of kafka.consumer('example-payments.failed').take(1)) {
  console.log('put aside:', JSON.stringify(value))
  const {
    'original-topic': topic,
    'original-partition': partition,
    'original-offset': offset,
  } = headers
  console.log(`from ${topic}-${partition} at ${offset}`)
}
await kafka.close()
