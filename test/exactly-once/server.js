/** A server that may be killed at any moment: `node server.js FOLDER PORT`. Members that die are noticed soon. */
import { createServer } from 'kafka-do/server'

const [, , data, port] = process.argv
const server = await createServer({
  data,
  port: Number(port),
  broker: { groupMinSessionTimeout: '500ms' },
})
console.log(server.url)
