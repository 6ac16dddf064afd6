/**
 * What access control costs at the Kafka port: two servers, one with `--access keys` and one without, the same work at each in
 * turn; the ratio of the processor time that they take for it. `node bench/run.js access`; ROUNDS asks for others than
 * 11 for each of three pairs.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bytes, Client, topic } from 'kafka-do'
import { report } from './measure.js'
import { exactCpuSeconds } from './processes.js'

const rounds = Number(process.env.ROUNDS ?? 11)
const warmUps = 3
/** Of servers: no two processes of the same program cost the same. */
const pairs = 3
const requests = 60_000
const fetchedRecords = 250_000
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()
process.on('exit', () => {
  for (const served of running) served.kill('SIGKILL')
})

/** @param {readonly string[]} args */
async function serve(...args) {
  const served = spawn(
    process.execPath,
    [cli, 'serve', '--data', 'memory:', '--port', '0', '--log-level', 'error', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  running.add(served)
  let text = ''
  for await (const chunk of served.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (/kafka:\/\/\S+/.test(text) && (args.length === 0 || /kd_\w+/.test(text))) break
  }
  served.stdout.resume()
  const url = /kafka:\/\/\S+/.exec(text)?.[0] ?? ''
  const [, username, password] = /kd_(\w+?)_(\w+?)_/.exec(text) ?? []
  const sasl = username && password ? { mechanism: 'PLAIN', username, password } : undefined
  const kafka = new Client({ url, ...(sasl && { sasl: /** @type {any} */ (sasl) }) })
  await kafka.admin.createTopic('events', { partitions: 4 })
  // Apart, so that both servers have the very same to read.
  await kafka.admin.createTopic('read', { partitions: 1 })
  const producer = kafka.producer(topic('events', { value: bytes }), { acks: 1, linger: 0 })
  return { pid: served.pid, kafka, producer, stop: () => served.kill() && running.delete(served) }
}

const payload = new Uint8Array(100).fill(7)

/** A request for each record, 16 at a time. @param {Awaited<ReturnType<typeof serve>>} server */
async function produce({ producer }) {
  let left = requests
  const one = async () => {
    while (left-- > 0) await producer.send(payload)
  }
  await Promise.all(Array.from({ length: 16 }, one))
}

/** Small answers, many of them. @param {Awaited<ReturnType<typeof serve>>} server */
async function consume({ kafka }) {
  const consumer = kafka.consumer(topic('read', { value: bytes }), {
    fetchMaxBytes: 20_000,
    maxPartitionFetchBytes: 5000,
  })
  await consumer.take(fetchedRecords).toArray()
  await consumer.close()
}

const thousand = Array.from({ length: 1000 }, () => payload)

/**
 * A pair of servers, of its own for each work: what the one before left in memory would be collected during the next.
 * @param {(server: Awaited<ReturnType<typeof serve>>) => Promise<void>} work
 */
async function ratiosOf(work) {
  const servers = [await serve(), await serve('--access', 'keys')]
  for (const { kafka } of servers) {
    const producer = kafka.producer(topic('read', { value: bytes }))
    for (let i = 0; i < fetchedRecords / 1000; i++) await producer.sendBatch(thousand)
    await producer.close()
  }
  /** @type {number[]} */
  const ratios = []
  for (let round = -warmUps; round < rounds; round++) {
    // The order changes, so that nobody is always first.
    const order = round % 2 === 0 ? [0, 1] : [1, 0]
    const seconds = [0, 0]
    for (const i of order) {
      const server = servers[i]
      if (!server) continue
      const before = exactCpuSeconds(server.pid)
      await work(server)
      seconds[i] = exactCpuSeconds(server.pid) - before
    }
    if (round >= 0) ratios.push((seconds[1] ?? 0) / (seconds[0] ?? 1))
  }
  for (const { kafka, producer, stop } of servers) {
    await producer.close()
    await kafka.close()
    stop()
  }
  return ratios
}

for (const [name, work] of /** @type {const} */ ([
  ['produce', produce],
  ['fetch', consume],
])) {
  /** @type {number[]} */
  const ratios = []
  for (let pair = 0; pair < pairs; pair++) ratios.push(...(await ratiosOf(work)))
  report(`${name}, processor time with access control ÷ without`, ratios, {
    unit: '×',
    atMost: 1.03,
  })
}
process.exit()
