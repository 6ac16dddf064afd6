/**
 * A server with clients that do not read their answers, and others that do not finish their requests: its memory, and how
 * long the awaited produces of a client beside them take. `node bench/run.js slow-readers`; READERS, SENDERS,
 * BUDGET_MIB and ROUNDS ask for others than 200, 200, the default budget and 5; figures are medians of the rounds.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytes, Client, topic } from 'kafka-do'
import { median, percentile, report, temporaryFolder } from './measure.js'
import { cpuSeconds, memoryMiB } from './processes.js'

const readers = process.env.READERS ?? '200'
const senders = process.env.SENDERS ?? '200'
const { BUDGET_MIB: budgetMiB, SERVER: server = '../dist/cli/main.js' } = process.env
const rounds = Number(process.env.ROUNDS ?? 5)
const mebibyte = 1024 * 1024
const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))

const data = join(temporaryFolder(), 'data')
const budget = budgetMiB ? ['--queued-max-request-bytes', String(Number(budgetMiB) * mebibyte)] : []
const served = spawn(
  process.execPath,
  [here(server), 'serve', '--data', data, '--port', '0', ...budget],
  { stdio: ['ignore', 'pipe', 'pipe'] },
)
process.on('exit', () => served.kill('SIGKILL'))
let logLines = 0
served.stderr.on('data', (chunk) => {
  logLines += String(chunk).split('\n').length - 1
})
/** @param {import('node:stream').Readable} stream @param {RegExp} pattern @returns {Promise<string>} */
async function said(stream, pattern) {
  let text = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += chunk
    const found = pattern.exec(text)
    if (found) return found[0]
  }
  throw new Error(`it ended before it said ${pattern}`)
}
const url = await said(served.stdout, /kafka:\/\/\S+/)
served.stdout.resume()

const kafka = new Client({ url, timeout: '120s' })
const large = topic('large', { value: bytes })
const producer = kafka.producer(large, { acks: 1 })
const payload = new Uint8Array(900_000).fill(7)
for (let i = 0; i < 70; i++) await producer.send(payload)
await producer.close()

const small = kafka.producer('small')
/** Of awaited produces one after the other, milliseconds. @param {number} count @param {number} durationMs */
async function produces(count, durationMs) {
  const times = []
  const end = performance.now() + durationMs
  while (times.length < count || performance.now() < end) {
    const start = performance.now()
    await small.send({ orderId: times.length, note: 'x'.repeat(200) })
    times.push(performance.now() - start)
  }
  return times
}

/** Until all have begun. */
async function startBadClients() {
  const bad = spawn(
    process.execPath,
    [
      here('../test/server/bad-clients.js'),
      new URL(url).port,
      readers,
      senders,
      'large',
      '99000000',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  process.once('exit', () => bad.kill('SIGKILL'))
  await said(bad.stdout, /ready/)
  bad.stdout.resume()
  return bad
}

await produces(1000, 0)
/** @type {number[]} */
const before = []
/** @type {number[]} */
const during = []
/** @type {number[]} */
const cpuShares = []
/** @type {number[]} */
const aloneShares = []
/** @type {{ [when: string]: number[][] }} */
const times = { alone: [], 'while they come': [], 'beside them': [] }
for (let round = 0; round < rounds; round++) {
  before.push(memoryMiB(served.pid))
  const [aloneCpu, aloneAt] = [cpuSeconds(served.pid), performance.now()]
  times.alone.push(await produces(500, 12_000))
  aloneShares.push((100_000 * (cpuSeconds(served.pid) - aloneCpu)) / (performance.now() - aloneAt))
  let isComing = true
  const bad = startBadClients().finally(() => {
    isComing = false
  })
  const arriving = []
  while (isComing) arriving.push(...(await produces(1, 0)))
  times['while they come'].push(arriving)
  const [cpuBefore, startedAt] = [cpuSeconds(served.pid), performance.now()]
  times['beside them'].push(await produces(500, 12_000))
  cpuShares.push((100_000 * (cpuSeconds(served.pid) - cpuBefore)) / (performance.now() - startedAt))
  during.push(memoryMiB(served.pid))
  ;(await bad).kill('SIGKILL')
  await produces(100, 1000)
}

report('RSS before', before, { unit: 'MiB' })
report(`RSS beside ${readers} readers, ${senders} senders`, during, { unit: 'MiB' })
report('RSS at its peak', [memoryMiB(served.pid, 'VmHWM')], { unit: 'MiB' })
report('CPU of the server alone', aloneShares, { unit: '% of a core' })
report('CPU of the server beside them', cpuShares, { unit: '% of a core' })
report('lines in the log', [logLines], { unit: 'lines' })
for (const [when, rounds] of Object.entries(times)) {
  const of = (/** @type {number} */ share) => rounds.map((one) => percentile(one, share))
  report(`awaited produce ${when}, p50`, of(0.5), { unit: 'ms' })
  report(`awaited produce ${when}, p99`, of(0.99), { unit: 'ms' })
  report(`awaited produce ${when}, longest`, of(1), { unit: 'ms' })
}
const p99 = (/** @type {string} */ when) =>
  median((times[when] ?? []).map((one) => percentile(one, 0.99)))
report('p99 beside them ÷ alone', [p99('beside them') / p99('alone')], { unit: '×', atMost: 2 })
await kafka.close()
served.kill('SIGTERM')
