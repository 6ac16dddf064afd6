/**
 * What a scrape of `/metrics` takes: 1,000 partitions that 100 groups read, all of them told one by one, and most of them
 * summed as by default; the processor time of the server's process for one scrape, and how long the event loop was held up.
 * `node bench/run.js scrape`.
 */
import { spawn } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, Offset } from 'kafka-do'
import { createServer } from 'kafka-do/server'
import { report } from './measure.js'

const topics = 10
const partitions = 100
const groups = 100
const rounds = Number(process.env.ROUNDS ?? 7)

const scraper = `fetch(process.argv[1]).then(async (response) => {
  const text = await response.text()
  console.log(text.length, text.match(/^[^#]/gm).length)
})`

/**
 * Length and series, read in a process of its own: what that takes is not the server's.
 * @param {string} url
 * @param {() => void} onStarted the start of a process holds up this one
 */
async function scraped(url, onStarted) {
  const child = spawn(process.execPath, ['-e', scraper, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onStarted()
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  return text.split(' ').map(Number)
}

const config = { data: 'memory:', port: 0, managementPort: 0 }
const server = await createServer(config)
const kafka = new Client(server.url)
for (let t = 0; t < topics; t++) {
  await kafka.admin.createTopic(`topic-${t}`, { partitions })
  const sends = Array.from({ length: partitions }, (_, partition) =>
    kafka.produce(`topic-${t}`, 'x', { partition }),
  )
  await Promise.all(sends)
  for (let g = 0; g < groups; g++)
    await kafka.admin.resetOffsets(`group-${g}`, `topic-${t}`, Offset.earliest)
}

for (const [name, maxMetricSeries] of /** @type {const} */ ([
  ['all told one by one', 1_000_000],
  ['as by default', 50_000],
])) {
  server.reload({ ...config, maxMetricSeries })
  const times = []
  const delays = []
  let said = ''
  for (let round = 0; round < rounds; round++) {
    // What was gathered is told again for a second.
    await delay(1100)
    const held = monitorEventLoopDelay({ resolution: 1 })
    let before = process.cpuUsage()
    const [bytes, series] = await scraped(`${server.managementUrl}/metrics`, () => {
      held.enable()
      before = process.cpuUsage()
    })
    const { user, system } = process.cpuUsage(before)
    held.disable()
    times.push((user + system) / 1000)
    delays.push(held.max / 1e6)
    said = `${series} series, ${((bytes ?? 0) / 1e6).toFixed(1)} MB`
  }
  console.log(`${name}: ${said}`)
  report(`scrape, ${name}`, times, { unit: 'ms CPU' })
  report(`event loop held up, ${name}`, delays, { unit: 'ms' })
}
await kafka.close()
await server.close()
