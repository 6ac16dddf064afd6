/**
 * One measurement of `npm run bench:scale` in a process of its own: `node program.js AXIS N`. Prints JSON: each figure is
 * what one unit of work costs, in microseconds of processor time unless its name says otherwise.
 */
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, Offset } from 'kafka-do'
import { cpuSeconds, exactCpuSeconds, memoryMiB } from '../processes.js'

const timeout = '10m'
const recordsInBatch = 20
const gibibyte = 2 ** 30
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const self = fileURLToPath(import.meta.url)
const folder = mkdtempSync(join(process.env.KAFKA_DO_BENCH_DIR ?? tmpdir(), 'kafka-do-scale-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** @type {{ [axis: string]: (n: number) => Promise<{ [figure: string]: number }> }} */
const axes = {
  partitions,
  groups,
  members,
  connections,
  stored,
  'start-after-kill': startAfterKill,
}
const [, , axis = '', size = '', given = ''] = process.argv
const measure = axes[axis]
if (!measure) throw new Error(`no such axis: ${axis}`)
console.log(JSON.stringify(await measure(Number(size))))
process.exit(0)

/**
 * Microseconds of processor time that `work` takes, for each of `units`.
 * @param {number} units @param {() => Promise<unknown>} work
 */
async function cost(units, work) {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / units
}

/** @param {string} url */
function open(url) {
  return new Client({ url, timeout })
}

/** One topic with so many partitions; batches of the same size, whatever their number. @param {number} n */
async function partitions(n) {
  const records = Math.max(100_000, recordsInBatch * n)
  let kafka = open(`file:${folder}`)
  const create = await cost(n, () =>
    kafka.admin.createTopic('many', { partitions: n }, { timeout }),
  )
  const produce = await cost(records, async () => {
    const producer = kafka.producer('many', { deliveryTimeout: timeout })
    const batches = records / recordsInBatch
    for (let batch = 0; batch < batches; ) {
      const sends = []
      // Each partition gets a batch at a time, so that none is larger than the others.
      for (let i = 0; i < Math.min(n, 250) && batch < batches; i++, batch++)
        for (let j = 0; j < recordsInBatch; j++)
          sends.push(producer.send('x'.repeat(100), { partition: batch % n }))
      await Promise.all(sends)
    }
    await producer.close()
  })
  const consume = await cost(records, () => read(kafka, records))
  const stop = await cost(n, () => kafka.close())
  const memoryKiB = await startedKiB(n)
  const start = await cost(n, async () => {
    kafka = open(`file:${folder}`)
    await kafka.admin.listTopics()
  })
  const rounds = Math.ceil(20_000 / n)
  const metadata = await cost(n * rounds, async () => {
    for (let round = 0; round < rounds; round++) await kafka.admin.describeTopic('many')
  })
  await kafka.close()
  const startAfterKill = await child('start-after-kill', n, folder)
  return {
    'create, a partition': create,
    'produce, a record': produce,
    'consume, a record': consume,
    'clean stop, a partition': stop,
    'start after it, a partition': start,
    'start after a kill, a partition': startAfterKill,
    'describe, a partition': metadata,
    'memory after a start, KiB a partition': memoryKiB / n,
  }
}

/** @param {Client} kafka @param {number} records */
async function read(kafka, records) {
  let seen = 0
  const consumer = kafka.consumer('many', { offset: Offset.earliest }).take(records)
  for await (const record of consumer) if (record.value !== null) seen++
  if (seen !== records) throw new Error(`${seen} of ${records} records were read`)
}

/** Memory of a process that has opened the folder, KiB, over one with a single partition. @param {number} n */
async function startedKiB(n) {
  return Math.max(
    0,
    (await residentKiB(folder)) - (n > 1 ? await residentKiB(`${folder}/none`) : 0),
  )
}

/** @param {string} data */
async function residentKiB(data) {
  const served = await serve(data)
  const kibibytes = served.residentKiB()
  await served.stop()
  return kibibytes
}

/** @param {string} name @param {number} n @param {string} data */
async function child(name, n, data) {
  const process_ = spawn(process.execPath, [self, name, String(n), data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  for await (const chunk of process_.stdout) printed += chunk
  return JSON.parse(printed)[name]
}

/** @param {number} n */
async function startAfterKill(n) {
  // Without its mark a folder is one whose broker was killed.
  rmSync(join(given, '.kafka_cleanshutdown'))
  const took = await cost(n, async () => {
    const kafka = open(`file:${given}`)
    await kafka.admin.listTopics()
  })
  return { 'start-after-kill': took }
}

/** So many groups with a member each. @param {number} n */
async function groups(n) {
  const kafka = open('memory:')
  await kafka.admin.createTopic('t', { partitions: 1 })
  await kafka.produce('t', 1)
  /** @type {ReturnType<typeof kafka.consumer>[]} */
  const consumers = []
  const join = await cost(n, async () => {
    for (let i = 0; i < n; i += 50) {
      const more = Array.from({ length: Math.min(50, n - i) }, (_, j) =>
        kafka.consumer('t', { group: `group-${i + j}` }),
      )
      consumers.push(...more)
      await Promise.all(more.map((consumer) => consumer.ready()))
    }
  })
  const list = await cost(n, () => kafka.admin.listGroups())
  const idle = await idleShare(n)
  const close = await cost(n, () => Promise.all(consumers.map((consumer) => consumer.close())))
  return {
    'join, a group': join,
    'list, a group': list,
    'heartbeats and polls, µs a second and group': idle,
    'leave, a group': close,
  }
}

/** One group with so many members, and a partition for each. @param {number} n */
async function members(n) {
  const kafka = open('memory:')
  await kafka.admin.createTopic('t', { partitions: n })
  /** @type {ReturnType<typeof kafka.consumer>[]} */
  let consumers = []
  const join = await cost(n, async () => {
    consumers = Array.from({ length: n }, () =>
      kafka.consumer('t', { group: 'one', sessionTimeout: '5m', rebalanceTimeout: '5m' }),
    )
    await Promise.all(consumers.map((consumer) => consumer.ready()))
  })
  const idle = await idleShare(n)
  const describe = await cost(n, () => kafka.admin.describeGroup('one'))
  return {
    'join, a member': join,
    'heartbeats and polls, µs a second and member': idle,
    'heartbeats, the broker alone, µs a second and member': await heartbeats(n),
    'describe, a member': describe,
  }
}

/** What the members of a group cost a served broker that have no partition, and so do not poll. @param {number} n */
async function heartbeats(n) {
  const served = await serve(join(folder, 'heartbeats'))
  const kafka = open(served.url)
  await kafka.admin.createTopic('t', { partitions: 1 })
  const consumers = Array.from({ length: n }, () =>
    kafka.consumer('t', { group: 'one', sessionTimeout: '5m', rebalanceTimeout: '5m' }),
  )
  await Promise.all(consumers.map((consumer) => consumer.ready()))
  const intervalMs = 3000
  const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))
  await wait(intervalMs)
  const before = served.exactCpuSeconds()
  await wait(3 * intervalMs)
  const share = (served.exactCpuSeconds() - before) / ((3 * intervalMs) / 1000)
  await served.stop()
  return (share * 1e6) / n
}

/** Microseconds of processor time a second, for each of n. @param {number} n */
async function idleShare(n) {
  const seconds = 5
  return (
    (await cost(n, () => new Promise((resolve) => setTimeout(resolve, seconds * 1000)))) / seconds
  )
}

/** A server with so many connections that do nothing, and one that produces. @param {number} n */
async function connections(n) {
  const served = await serve(join(folder, 'served'))
  const before = served.residentKiB()
  const [host = '', port = ''] = served.url.replace('kafka://', '').split(':')
  const sockets = []
  for (let i = 0; i < n; i++) {
    const socket = connect(Number(port), host)
    await new Promise((resolve) => socket.once('connect', resolve))
    sockets.push(socket)
  }
  const records = 20_000
  const kafka = open(served.url)
  const producer = kafka.producer('t')
  await producer.send('first')
  const cpuBefore = served.cpuSeconds()
  for (let sent = 0; sent < records; sent += 500)
    await Promise.all(Array.from({ length: 500 }, () => producer.send('x'.repeat(100))))
  const produce = ((served.cpuSeconds() - cpuBefore) * 1e6) / records
  const memory = (served.residentKiB() - before) / n
  await kafka.close()
  for (const socket of sockets) socket.destroy()
  await served.stop()
  return { 'produce beside them, a record': produce, 'memory, KiB a connection': memory }
}

/** A log of so many segments of a gibibyte; sparse files, of which only the last is looked into. @param {number} n */
async function stored(n) {
  let kafka = open(`file:${folder}`)
  await kafka.admin.createTopic('large', { partitions: 1 })
  await kafka.produce('large', 'last')
  await kafka.close()
  const partition = join(folder, 'large-0')
  const nameOf = (/** @type {number} */ offset) => String(offset).padStart(20, '0')
  for (let i = 1; i < n; i++) {
    const path = join(partition, `${nameOf(i)}.log`)
    writeFileSync(path, '')
    truncateSync(path, gibibyte)
  }
  // The one that is written to comes last, with what the checkpoint says of its end.
  writeFileSync(join(partition, `${nameOf(n)}.log`), '')
  copyFileSync(join(partition, `${nameOf(1)}.snapshot`), join(partition, `${nameOf(n)}.snapshot`))
  const points = join(folder, 'recovery-point-offset-checkpoint')
  writeFileSync(points, readFileSync(points, 'utf8').replace('large 0 1', `large 0 ${n}`))
  const start = await cost(n, async () => {
    kafka = open(`file:${folder}`)
    await kafka.admin.listTopics()
  })
  const produce = await cost(1000, async () => {
    const producer = kafka.producer('large')
    for (let i = 0; i < 1000; i += 100)
      await Promise.all(Array.from({ length: 100 }, () => producer.send('x'.repeat(100))))
  })
  const names = readdirSync(partition).filter((name) => name.endsWith('.log'))
  if (names.length < n) throw new Error(`${names.length} segments of ${n} are left`)
  const consume = await cost(1000, async () => {
    const consumer = kafka.consumer('large', { offset: Offset.at(BigInt(n)) }).take(1000)
    for await (const record of consumer) if (record.value === null) throw new Error('no value')
  })
  await kafka.close()
  return {
    'start, a segment': start,
    'produce at the end, a record': produce,
    'consume at the end, a record': consume,
  }
}

/** `kafka-do serve` in a process of its own. @param {string} data */
async function serve(data) {
  const server = spawn(process.execPath, [main, 'serve', '--port', '0', '--data', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await new Promise((/** @type {(url: string) => void} */ resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`kafka-do serve ended with ${code}`)))
    server.stdout.on('data', (chunk) => {
      const found = /kafka:\/\/[\d.]+:\d+/.exec(String(chunk))
      if (found) resolve(found[0])
    })
  })
  return {
    url,
    residentKiB: () => 1024 * memoryMiB(server.pid),
    cpuSeconds: () => cpuSeconds(server.pid),
    exactCpuSeconds: () => exactCpuSeconds(server.pid),
    async stop() {
      server.removeAllListeners('exit')
      const ended = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      await ended
    },
  }
}
