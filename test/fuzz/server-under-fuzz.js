/**
 * A server in a process of its own, so that its memory can be measured and its death seen. Its parent asks for that
 * through the IPC channel, and is sent every line of its log.
 *
 *   node --expose-gc server-under-fuzz.js CONFIG     (of `createServer`, as JSON)
 */
import { createServer } from '../../dist/server/index.js'

const log = (level) => (fields, message) => {
  const { peer, err } = fields
  process.send({ log: { level, message, peer, error: err && `${err.stack ?? err}` } })
}
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }

const server = await createServer({ ...JSON.parse(process.argv[2]), logger })
process.on('message', async ({ id, ask }) => {
  if (ask === 'memory') process.send({ id, answer: await memory() })
  else if (ask === 'connections') process.send({ id, answer: server.connections })
  else {
    await server.close()
    process.send({ id, answer: true })
    process.disconnect()
  }
})
process.send({ url: server.url, port: server.port })

/** What is left after everything that can be collected has been, and the most there has been. */
async function memory() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heapUsed, arrayBuffers, rss, rssMax: process.resourceUsage().maxRSS * 1024 }
}
