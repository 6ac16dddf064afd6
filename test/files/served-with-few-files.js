/**
 * A server in a process that may have few files open; its test takes the rest. Prints one JSON line for each thing that it
 * logs and does; the end of its input closes it.
 */
import { createServer } from 'kafka-do/server'

const say = (/** @type {object} */ line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const log =
  (/** @type {string} */ level) => (/** @type {object} */ facts, /** @type {string} */ message) =>
    say({ level, message, facts: Object.keys(facts) })
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: log('warn'),
  error: log('error'),
}
const server = await createServer({ data: process.argv[2], port: 0, host: '127.0.0.1', logger })
say({ url: server.url })
process.stdin.on('end', async () => {
  await server.close()
  say({ closed: true })
  process.exit(0)
})
process.stdin.resume()
