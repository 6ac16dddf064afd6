/**
 * Sends numbers and handles them, until it is interrupted: `node worker.js URL FIRST [graceful]`. Prints `sent N` once N is
 * acknowledged and `handled N` once its handler is done. With `graceful` it closes its client on Ctrl-C.
 */
import { setImmediate } from 'node:timers/promises'
import { Client, ClosedError } from 'kafka-do'

const [, , url, first, graceful] = process.argv
const broker = { groupMinSessionTimeout: '100ms' }
const kafka = new Client(url.startsWith('file:') ? { url, broker } : url)
const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`)
if (graceful) process.once('SIGINT', () => kafka.close())

const consuming = kafka.consume(
  'numbers',
  { group: 'workers', sessionTimeout: '1s' },
  async ({ value }) => {
    await setImmediate()
    say(`handled ${value}`)
  },
)
try {
  for (let n = Number(first); ; n++) {
    await kafka.produce('numbers', n)
    say(`sent ${n}`)
  }
} catch (error) {
  if (!(error instanceof ClosedError)) throw error
}
await consuming
