/**
 * What many partitions cost a client: a producer to 1,000 partitions and a consumer of them, against one partition, at a
 * broker in a process of its own. `node bench/run.js partitions`; ROUNDS asks for others than 5.
 */
import { bytes, Client, Offset, topic } from 'kafka-do'
import { report, startBroker } from './measure.js'

const rounds = Number(process.env.ROUNDS ?? 5)
const many = 1000
const records = 500_000
const atOnce = 10_000

const broker = await startBroker()
const kafka = new Client({ url: broker.url, timeout: '5m' })
const payload = new Uint8Array(100).fill(7)
const payloads = Array.from({ length: atOnce }, () => payload)

/** Records a second. @param {() => Promise<unknown>} work */
async function rate(work) {
  const startedAt = performance.now()
  await work()
  return (records * 1000) / (performance.now() - startedAt)
}

/** @param {string} name @param {number} partitions */
async function rates(name, partitions) {
  await kafka.admin.createTopic(name, { partitions }, { timeout: '5m' })
  const events = topic(name, { value: bytes })
  const produced = await rate(async () => {
    const producer = kafka.producer(events)
    for (let i = 0; i < records; i += atOnce) await producer.sendBatch(payloads)
    await producer.close()
  })
  const consumed = await rate(async () => {
    let count = 0
    for await (const _ of kafka.consumer(events, { offset: Offset.earliest }).take(records)) count++
    if (count !== records) throw new Error(`${count} of ${records} records were consumed`)
  })
  await kafka.admin.deleteTopic(name)
  return { produced, consumed }
}

/** @type {{ readonly produced: number[], readonly consumed: number[] }} */
const ratios = { produced: [], consumed: [] }
for (let round = -1; round < rounds; round++) {
  const one = await rates(`one-${round + 1}`, 1)
  const other = await rates(`many-${round + 1}`, many)
  if (round < 0) continue
  ratios.produced.push(other.produced / one.produced)
  ratios.consumed.push(other.consumed / one.consumed)
}
report('producing to 1,000 partitions ÷ to one', ratios.produced, { unit: '×', atLeast: 0.8 })
report('consuming 1,000 partitions ÷ one', ratios.consumed, { unit: '×', atLeast: 0.8 })
await kafka.close()
await broker.stop()
process.exit()
