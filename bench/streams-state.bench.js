/**
 * Stores of a million keys: how fast they are restored from their changelogs, and how much memory they take beside the bytes of
 * their keys and values. On `kafka-do serve`, the application in processes of its own.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client, Message } from 'kafka-do'
import { report, startBroker } from './measure.js'

const execute = promisify(execFile)
const program = fileURLToPath(new URL('streams-state-program.js', import.meta.url))
const keyCount = Math.round(1_000_000 * Number(process.env.BENCH_SCALE ?? 1))
const runs = 3

/** @type {{ [kind: string]: (n: number) => unknown }} */
const values = {
  numbers: (n) => n,
  objects: (n) => ({
    orderId: `order-${String(n).padStart(8, '0')}`,
    customer: `customer-${n % 10_000}`,
    amount: n % 200,
    note: 'x'.repeat(20),
  }),
}

const broker = await startBroker()
try {
  for (const [kind, makeValue] of Object.entries(values)) {
    const bytesPerKey = (await fill(kind, makeValue)) / keyCount
    // The first run has nothing to restore.
    const written = await run(kind)
    const results = []
    for (let i = 0; i < runs; i++) results.push(await run(kind))
    report(
      `streams: restore, ${kind}`,
      results.map(({ restoreSeconds }) => keyCount / restoreSeconds),
      { unit: 'keys/s', atLeast: 300_000 },
    )
    report(
      `streams: restore, ${kind}, CPU`,
      results.map(({ restoreCpuMicros }) => restoreCpuMicros / keyCount),
      { unit: 'µs/key' },
    )
    const atMost = 1.5 * bytesPerKey + 100
    const memory = [
      ['as written', [written.bytesPerKey]],
      ['as restored', results.map((one) => one.bytesPerKey)],
      ['restored and read', results.map((one) => one.bytesPerKeyRead)],
    ]
    for (const [what, figures] of memory) {
      report(`streams: memory, ${kind}, ${what}`, figures, { unit: 'bytes/key', atMost })
    }
  }
} finally {
  await broker.stop()
}

/** @param {string} kind */
async function run(kind) {
  const args = ['--expose-gc', program, broker.url, kind, String(keyCount)]
  return JSON.parse((await execute(process.execPath, args)).stdout)
}

/** Gives the bytes of all keys and values. @param {string} kind @param {(n: number) => unknown} makeValue */
async function fill(kind, makeValue) {
  const kafka = new Client(broker.url)
  const topic = `state-${kind}`
  await kafka.admin.createTopic(topic, { partitions: 2, retention: -1 })
  if (kind === 'numbers') await kafka.admin.createTopic('state-out', { partitions: 2 })
  const producer = kafka.producer(topic)
  const perBatch = 5000
  let bytes = 0
  for (let sent = 0; sent < keyCount; sent += perBatch) {
    const messages = Array.from({ length: perBatch }, (_, i) => {
      const key = `key-${String(sent + i).padStart(7, '0')}`
      const value = makeValue(sent + i)
      bytes += key.length + JSON.stringify(value).length
      return new Message(value, { key })
    })
    await producer.sendBatch(messages)
  }
  await kafka.close()
  return bytes
}
