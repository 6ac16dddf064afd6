/**
 * A stream application with a large store, in a process of its own: `node --expose-gc bench/streams-state-program.js URL KIND`.
 * KIND is `numbers` or `objects`. The first run fills the store from its topic, those that follow restore it. Prints JSON.
 */
import { Client } from 'kafka-do'

const [url = '', kind = '', count = '0'] = process.argv.slice(2)
const entries = Number(count)
const kafka = new Client(url)
const topic = `state-${kind}`
const collect = /** @type {() => void} */ (globalThis.gc)

const grouped = kafka.stream(topic, { app: topic }).groupByKey()
const table =
  kind === 'numbers'
    ? grouped.reduce(0, (_, value) => /** @type {number} */ (value), { store: 'state' })
    : grouped.reduce((_, value) => value, { store: 'state' })

const before = bytesInUse()
const from = performance.now()
const cpuFrom = process.cpuUsage()
const run = table
  .toStream()
  .filter(() => false)
  .to('state-out')
await run.ready
const restoreSeconds = (performance.now() - from) / 1000
const restoreCpu = process.cpuUsage(cpuFrom)
while (!isFull() || run.metrics().restoreRemaining > 0) await pause(5)
// The last commit.
await pause(500)
const held = bytesInUse() - before
let read = 0
for (const _ of run.store('state').entries()) read++
const heldWhenRead = bytesInUse() - before
await run.close()
await kafka.close()
console.log(
  JSON.stringify({
    restoreSeconds,
    restoreCpuMicros: restoreCpu.user + restoreCpu.system,
    bytesPerKey: held / read,
    bytesPerKeyRead: heldWhenRead / read,
  }),
)

function isFull() {
  return (run.metrics().stores.state?.entries ?? 0) >= entries
}

function bytesInUse() {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
