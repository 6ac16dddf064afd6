/** The client on an embedded, durable broker: 100-byte JSON events, one process. */
import { join } from 'node:path'
import { Client, Message } from 'kafka-do'
import { openTelemetry } from 'kafka-do/opentelemetry'
import { measure, percentile, report, temporaryFolder, timeRawSync } from './measure.js'

const recordCount = 200_000
const perBatch = 2000
const event = {
  orderId: 'order-00000000',
  customer: 'customer-0000',
  amount: 99.99,
  note: 'x'.repeat(20),
}
if (JSON.stringify(event).length !== 100)
  throw new Error(`event has ${JSON.stringify(event).length} bytes`)

const url = `file:${join(temporaryFolder(), 'data')}`
const kafka = new Client(url)
const watched = new Client({ url, telemetry: openTelemetry() })
const events = Array.from({ length: perBatch }, () => event)

/** @param {1 | 'all'} acks */
async function produce(acks) {
  const producer = kafka.producer(`produce-${acks}`, { acks })
  const start = performance.now()
  /** @type {Promise<unknown>[]} */
  let waiting = []
  for (let sent = 0; sent < recordCount; sent += perBatch) {
    waiting.push(producer.sendBatch(events))
    if (waiting.length === 4) {
      await Promise.all(waiting)
      waiting = []
    }
  }
  await Promise.all(waiting)
  const seconds = (performance.now() - start) / 1000
  await producer.close()
  return recordCount / seconds
}

/** @param {Client} client */
async function sendConcurrently(client) {
  const producer = client.producer('send')
  const start = performance.now()
  for (let sent = 0; sent < recordCount; sent += 10_000) {
    await Promise.all(Array.from({ length: 10_000 }, () => producer.send(event)))
  }
  const seconds = (performance.now() - start) / 1000
  await producer.close()
  return recordCount / seconds
}

/** @param {'iterator' | 'handler'} kind */
async function consume(kind) {
  const consumer = kafka.consumer('consume')
  let count = 0
  let bytes = 0
  const start = performance.now()
  const records = consumer.take(recordCount)
  /** @param {any} record */
  const look = (record) => {
    count++
    bytes += record.value.amount
  }
  if (kind === 'handler') await records.forEach(look)
  else for await (const record of records) look(record)
  const seconds = (performance.now() - start) / 1000
  if (count !== recordCount || bytes < recordCount) throw new Error(`consumed ${count}`)
  return recordCount / seconds
}

async function consumeConcurrently() {
  const stopping = new AbortController()
  let count = 0
  const start = performance.now()
  await kafka
    .consumer('keyed', { concurrency: 100, ordering: 'key', signal: stopping.signal })
    .forEach(async () => {
      if (++count === recordCount) stopping.abort()
    })
  const seconds = (performance.now() - start) / 1000
  if (count < recordCount) throw new Error(`consumed ${count}`)
  return recordCount / seconds
}

/** One transaction after the other, each of so many records. @param {number} size */
async function transact(size) {
  const batch = events.slice(0, size)
  const count = size === 1 ? 1000 : 500
  const start = performance.now()
  for (let n = 0; n < count; n++) await kafka.transaction('transact', (tx) => tx.sendBatch(batch))
  return count / ((performance.now() - start) / 1000)
}

const unit = 'records/s'
await measure('produce, sendBatch, acks 1', { unit, atLeast: 400_000 }, () => produce(1))
await measure('produce, sendBatch, acks all', { unit, atLeast: 250_000 }, () => produce('all'))
await measure('produce, concurrent awaited sends, acks all', { unit, atLeast: 300_000 }, () =>
  sendConcurrently(kafka),
)
await measure('the same, with OpenTelemetry and no SDK', { unit }, () => sendConcurrently(watched))

const filler = kafka.producer('consume')
for (let sent = 0; sent < recordCount; sent += perBatch) await filler.sendBatch(events)
const keyed = Array.from(
  { length: perBatch },
  (_, i) => new Message(event, { key: `key-${i % 500}` }),
)
const keyedFiller = kafka.producer('keyed')
for (let sent = 0; sent < recordCount; sent += perBatch) await keyedFiller.sendBatch(keyed)
await measure('consume, for await', { unit, atLeast: 600_000 }, () => consume('iterator'))
await measure('consume, handler', { unit, atLeast: 600_000 }, () => consume('handler'))

await measure(
  'consume, asynchronous handler, concurrency 100 by key',
  { unit, atLeast: 150_000 },
  consumeConcurrently,
)

const perSecond = { unit: 'trans/s' }
await measure('transactions of 1 record, one after the other', perSecond, () => transact(1))
await measure('transactions of 100 records', perSecond, () => transact(100))

const single = kafka.producer('single')
for (let i = 0; i < 200; i++) await single.send(event)
const sends = []
const raw = []
for (let round = 0; round < 5; round++) {
  raw.push(...(await timeRawSync(200)))
  for (let i = 0; i < 200; i++) {
    const start = performance.now()
    await single.send(event)
    sends.push(performance.now() - start)
  }
}
const p50 = percentile(sends, 0.5)
const rawP50 = percentile(raw, 0.5)
report('fdatasync of 4 KiB, p50', [rawP50], { unit: 'ms' })
report('one awaited send, acks all, p50', [p50], { unit: 'ms', atMost: 3 * rawP50 })
report('one awaited send, acks all, p99', [percentile(sends, 0.99)], { unit: 'ms' })
await Promise.all([kafka.close(), watched.close()])
