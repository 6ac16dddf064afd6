/**
 * A server in a process of its own: `bare`, Node's http that reads a body and answers nothing; `serve`, ours on a folder; or
 * `web`, the same API under Node's http, by the platform's Request and Response.
 */
import { createServer as createHttp } from 'node:http'
import { join } from 'node:path'
import { createHttpHandler } from 'kafka-do/http'
import { createServer } from 'kafka-do/server'
import { temporaryFolder } from './measure.js'

if (process.argv[2] === 'bare') {
  const server = createHttp((request, response) => {
    request.on('data', () => undefined)
    request.on('end', () => response.writeHead(204).end())
  })
  server.listen(0, '127.0.0.1', () => {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address())
    process.send?.({ http: `http://127.0.0.1:${address.port}` })
  })
} else if (process.argv[2] === 'web') {
  const handler = await createHttpHandler({ data: join(temporaryFolder(), 'data') })
  const server = createHttp(async (message, response) => {
    const request = new Request(`http://${message.headers.host}${message.url}`, {
      method: /** @type {string} */ (message.method),
      headers: /** @type {any} */ (message.headers),
      body: /** @type {any} */ (message),
      duplex: 'half',
    })
    const answer = await handler.fetch(request)
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.end(await answer.text())
  })
  server.listen(0, '127.0.0.1', () => {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address())
    process.send?.({ http: `http://127.0.0.1:${address.port}` })
  })
} else {
  const server = await createServer({
    data: join(temporaryFolder(), 'data'),
    port: 0,
    httpPort: 0,
    http: { maxStreamsPerKey: 1000 },
  })
  process.send?.({ http: server.httpUrl, kafka: server.url })
  process.once('SIGINT', () => process.exit(0))
}
