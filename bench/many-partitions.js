/**
 * Many partitions under a low limit of open files: creates them, produces to each, stops, starts, reads, and prints how
 * long each step took and what it needed. Fails when a stop left the folder without its mark, or a record is missing.
 *
 *   npm run build && bash -c 'ulimit -n 1024; node bench/many-partitions.js 10000'
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Offset } from 'kafka-do'

const partitions = Number(process.argv[2] ?? 10_000)
const folder = mkdtempSync(join(process.env.KAFKA_DO_BENCH_DIR ?? tmpdir(), 'kafka-do-partitions-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const numbers = Array.from({ length: partitions }, (_, partition) => partition)
const timeout = '10m'
/** Files of this process that are open, at most, as seen between the steps and twenty times a second. */
let filesMax = 0

console.log(
  `${partitions} partitions, ${openFilesLimit()} open files, node ${process.version}, ${process.platform} ${process.arch}`,
)
const watch = setInterval(countFiles, 50)

let kafka = new Client({ url: `file:${folder}`, timeout })
await step('create', () => kafka.admin.createTopic('many', { partitions }, { timeout }))
await step('stop, all empty', () => stop())
await step('start, all empty', () => start())
await step('produce to each', () => produce('first'))
await step('produce to each again', () => produce('second'))
await step('stop', () => stop())
await step('start', () => start())
await step('read them all', () => readAll())
await step('stop, nothing new', () => stop())
clearInterval(watch)
console.log(`open files at most ${filesMax}`)

/** @param {string} value */
async function produce(value) {
  const producer = kafka.producer('many', { deliveryTimeout: timeout })
  await Promise.all(numbers.map((partition) => producer.send(value, { partition })))
  await producer.close()
}

async function readAll() {
  const counts = new Map()
  const consumer = kafka.consumer('many', { offset: Offset.earliest }).take(2 * partitions)
  for await (const { partition, value } of consumer)
    counts.set(`${partition} ${value}`, (counts.get(`${partition} ${value}`) ?? 0) + 1)
  for (const partition of numbers)
    for (const value of ['first', 'second'])
      if (counts.get(`${partition} ${value}`) !== 1)
        throw new Error(
          `partition ${partition} has '${value}' ${counts.get(`${partition} ${value}`)} times`,
        )
}

async function start() {
  kafka = new Client({ url: `file:${folder}`, timeout })
  await kafka.admin.listTopics()
}

async function stop() {
  await kafka.close()
  if (!existsSync(join(folder, '.kafka_cleanshutdown')))
    throw new Error('the folder has no mark of a clean stop')
}

/** @param {string} name @param {() => Promise<unknown>} work */
async function step(name, work) {
  const before = process.cpuUsage()
  const startedAt = performance.now()
  await work()
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(before)
  countFiles()
  const rssMiB = process.memoryUsage.rss() / 2 ** 20
  console.log(
    `${name.padEnd(22)} ${seconds.toFixed(2).padStart(7)} s ${((user + system) / 1e6).toFixed(2).padStart(7)} s CPU ${rssMiB.toFixed(0).padStart(5)} MiB`,
  )
}

function countFiles() {
  if (process.platform !== 'linux') return
  try {
    filesMax = Math.max(filesMax, readdirSync('/proc/self/fd').length - 1)
  } catch {
    // All are in use.
    filesMax = Number.POSITIVE_INFINITY
  }
}

function openFilesLimit() {
  if (process.platform !== 'linux') return 'many'
  return /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
}
