/** Slow work, many records at a time: `concurrency`, with the records of each key in order; and a hand-made pool with a Channel. */
import { Channel, Client, Message } from 'kafka-do'

const kafka = new Client()
const names = ['ann', 'ben', 'cleo', 'dan']
const jobs = Array.from({ length: 40 }, (_, i) => new Message({ n: i }, { key: names[i % 4] }))
await kafka.producer('example-jobs').sendBatch(jobs)

/** @type {Map<string, number[]>} */
const byKey = new Map()
let busy = 0
let busiest = 0
let done = 0
const enough = new AbortController()
await kafka.consume(
  'example-jobs',
  { group: 'example-jobs', concurrency: 10, ordering: 'key', signal: enough.signal },
  async ({ key, value }) => {
    busiest = Math.max(busiest, ++busy)
    await new Promise((resolve) => setTimeout(resolve, 5))
    byKey.set(String(key), [
      ...(byKey.get(String(key)) ?? []),
      /** @type {{ n: number }} */ (value).n,
    ])
    busy--
    if (++done === jobs.length) enough.abort()
  },
)
const inOrder = [...byKey.values()].every((list) =>
  list.every((n, i) => i === 0 || n > /** @type {number} */ (list[i - 1])),
)
console.log(`${done} jobs, up to ${busiest} at a time; in order for each key: ${inOrder}`)

// By hand: a bounded queue between one reader and three workers.
/** @type {Channel<import('kafka-do').ConsumerRecord>} */
const channel = new Channel(10)
let worked = 0
const workers = [1, 2, 3].map(async () => {
  for await (const record of channel) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (record) worked++
  }
})
for await (const record of kafka.consumer('example-jobs').take(jobs.length))
  await channel.send(record)
channel.close()
await Promise.all(workers)
console.log(`${worked} jobs by three workers`)
await kafka.close()
