/**
 * How long an awaited produce takes while retention and compaction work, beside how long it takes without: small segments, a
 * backlog to compact, and a load that overtakes it.
 */
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { percentile, report, temporaryFolder } from './measure.js'
import { Broker } from './modules/broker/broker.js'
import { BaseClient } from './modules/client/client.js'
import { resolveClientConfig } from './modules/client/config.js'
import { Message } from './modules/client/producer/send-options.js'
import { EmbeddedConnection } from './modules/connection/embedded.js'
import { createRuntime } from './modules/core/runtime.js'
import { createNodeFileSystem } from './modules/storage/node-file-system.js'

const seconds = Number(process.env.CLEANING_SECONDS ?? 20)
const segmentBytes = 512 * 1024
const backlogRecords = 600_000
const keys = 50_000
const value = 'x'.repeat(180)
const batchRecords = 100
/** Batches of the load in a second; each overtakes records of the backlog. */
const batchesPerSecond = 50

/** @param {number} count */
function someRecords(count) {
  return Array.from(
    { length: count },
    () => new Message(value, { key: `key-${Math.floor(Math.random() * keys)}` }),
  )
}

/** A client on a durable broker of its own that looks for work every second. @param {string} folder */
function open(folder) {
  const runtime = createRuntime()
  const url = `file:${folder}`
  const fileSystem = createNodeFileSystem(folder)
  const config = { logCleanerBackoff: '1s', segmentBytes, logCleanerMinCleanableRatio: 0.1 }
  const connection = new EmbeddedConnection(url, 'bench', runtime, () =>
    Broker.open({ fileSystem, runtime, config }),
  )
  return new BaseClient(resolveClientConfig({ url }, {}), connection)
}

/** @param {boolean} cleans */
async function run(cleans) {
  const kafka = open(join(temporaryFolder(), 'data'))
  const policy = cleans ? 'compact' : ''
  await kafka.admin.createTopic('state', { configs: { 'cleanup.policy': policy } })
  await kafka.admin.createTopic('events', {
    configs: { 'retention.bytes': cleans ? String(8 * segmentBytes) : '-1', 'retention.ms': '-1' },
  })
  await kafka.admin.createTopic('probe')
  const state = kafka.producer('state')
  const events = kafka.producer('events')
  const probe = kafka.producer('probe')
  for (let sent = 0; sent < backlogRecords; sent += 10_000)
    await state.sendBatch(someRecords(10_000))
  const load = setInterval(() => {
    state.sendBatch(someRecords(batchRecords)).catch(console.error)
    events.sendBatch(someRecords(batchRecords)).catch(console.error)
  }, 1000 / batchesPerSecond)
  const turns = monitorEventLoopDelay({ resolution: 1 })
  turns.enable()
  const times = []
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const start = performance.now()
    await probe.send('probe')
    times.push(performance.now() - start)
  }
  clearInterval(load)
  turns.disable()
  await kafka.close()
  return { times, longestTurnMs: turns.max / 1e6, turnMs: turns.percentile(99.9) / 1e6 }
}

for (const cleans of [false, true]) {
  const { times, turnMs, longestTurnMs } = await run(cleans)
  const what = cleans ? 'while the cleaner works' : 'without cleaning'
  report(`awaited produce ${what}, p50`, [percentile(times, 0.5)], { unit: 'ms' })
  report(`awaited produce ${what}, p99`, [percentile(times, 0.99)], { unit: 'ms' })
  report(`awaited produce ${what}, p99.9`, [percentile(times, 0.999)], { unit: 'ms' })
  report(`awaited produce ${what}, longest`, [Math.max(...times)], { unit: 'ms' })
  report(`delay of the event loop ${what}, p99.9`, [turnMs], { unit: 'ms' })
  report(`delay of the event loop ${what}, longest`, [longestTurnMs], { unit: 'ms' })
}
