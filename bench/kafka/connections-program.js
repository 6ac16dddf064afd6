/**
 * Many light producers at once: `node connections-program.js BOOTSTRAP TOPIC CONNECTIONS COUNT BYTES`. Each is a client with a
 * connection of its own that awaits one send of BYTES (acks=all) after the other. Prints records per second of all.
 */
import { Client, string, topic as typed } from 'kafka-do'

const [, , bootstrap, topic, connections, countText, bytes] = process.argv
const count = Number(countText)
const value = 'x'.repeat(Number(bytes))

const producers = Array.from({ length: Number(connections) }, () =>
  new Client(`kafka://${bootstrap}`).producer(typed(topic, { value: string })),
)
for (const producer of producers) await producer.send(value)

/** @param {number} records */
async function send(records) {
  let sent = 0
  const work = producers.map(async (producer) => {
    while (sent < records) {
      sent++
      await producer.send(value)
    }
  })
  await Promise.all(work)
}

await send(count / 4)
const start = performance.now()
await send(count)
console.log(count / ((performance.now() - start) / 1000))
process.exit(0)
