/** One scenario of memory.bench.js in a process of its own; prints its figures as JSON. */
import { readFileSync } from 'node:fs'
import { bytes, Client, topic } from 'kafka-do'

const [scenario, folder] = process.argv.slice(2)
const kafka = new Client(`file:${folder}`)
const payloads = topic('payloads', { value: bytes })
const payloadBytes = 10_000

/** @param {number} total bytes */
async function fill(total) {
  await kafka.admin.createTopic('payloads', { partitions: 4 })
  const producer = kafka.producer(payloads, { acks: 1 })
  const payload = new Uint8Array(payloadBytes).fill(7)
  for (let written = 0; written < total; written += 100 * payloadBytes) {
    await producer.sendBatch(Array.from({ length: 100 }, () => payload))
  }
  await producer.close()
}

/** Peak resident memory of this process so far, MiB. */
function peakMiB() {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

/** @returns {Promise<object>} */
async function run() {
  if (scenario === 'idle') {
    await kafka.produce('orders', { orderId: '1' })
    await new Promise((resolve) => setTimeout(resolve, 500))
    return { rssMiB: process.memoryUsage.rss() / 1024 / 1024 }
  }
  if (scenario === 'open') {
    const start = performance.now()
    await kafka.admin.listTopics()
    return { openMs: performance.now() - start }
  }
  if (scenario === 'consume') {
    const { offsets } = await kafka.admin.describeTopic('payloads')
    const total = offsets.reduce((sum, { latest }) => sum + Number(latest), 0)
    let size = 0
    const start = performance.now()
    await kafka
      .consumer(payloads)
      .take(total)
      .forEach((record) => {
        size += record.value.length
      })
    const seconds = (performance.now() - start) / 1000
    return { peakMiB: peakMiB(), mibPerSecond: size / 1024 / 1024 / seconds }
  }
  await fill(scenario === 'fill-1g' ? 2 ** 30 : 2 ** 31)
  return {}
}

const figures = await run()
await kafka.close()
console.log(JSON.stringify(figures))
