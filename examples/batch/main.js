/** Many records at a time: sent in one call, and handled a hundred at once. */
import { Client, Message } from 'kafka-do'

const kafka = new Client()
const producer = kafka.producer('example-readings', { compression: 'gzip' })
const readings = Array.from(
  { length: 250 },
  (_, i) => new Message({ celsius: 20 + (i % 5) }, { key: `sensor-${i % 10}` }),
)
const stored = await producer.sendBatch(readings)
console.log(`${stored.length} readings stored`)

const enough = new AbortController()
let handled = 0
await kafka.consumeBatch(
  'example-readings',
  { group: 'example-readings', batchSize: 100, batchTimeout: '200ms', signal: enough.signal },
  async (records) => {
    handled += records.length
    console.log(`a batch of ${records.length}`)
    if (handled === readings.length) enough.abort()
  },
)
console.log(`${handled} readings handled`)
await kafka.close()
