/**
 * Where the broker's processor time goes, for each load of `bench/kafka/broker-cost` with records of 1 KiB and for a
 * start: of its main thread by kind of work, as V8's sampling profiler sees it, and of its other threads (syncs, helpers of
 * the garbage collector, the compiler) as a whole. Milliseconds, for a gigabyte or for one start.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'kafka-do'
import { startBrokerBy, temporaryFolder } from './measure.js'
import { threadSeconds } from './processes.js'

const execute = promisify(execFile)
const generator = fileURLToPath(new URL('kafka/lean-load.js', import.meta.url))
const folder = temporaryFolder()
const topic = 'profiled'
const megabytes = 1000
const starts = 9

const loads = {
  'produce, acks=1': { kind: 'produce', acks: 1 },
  'produce, acks=all': { kind: 'produce', acks: -1 },
  fetch: { kind: 'fetch' },
}

/** @typedef {{ functionName: string, url: string }} Frame */
/** @typedef {{ id: number, callFrame: Frame, children?: number[] }} ProfileNode */
/** @typedef {{ nodes: ProfileNode[], samples: number[], timeDeltas: number[], startTime: number }} Profile */

/** What a function's own time is for; the first that matches. @type {[kind: string, matches: (own: Frame, caller: Frame) => boolean][]} */
const kinds = [
  ['garbage collector', (own) => own.functionName === '(garbage collector)'],
  ['checksums', (own) => own.functionName === 'nativeCrc32c'],
  ['files', (own, caller) => own.url === '' && /^node:(internal\/)?fs/.test(caller.url)],
  ['writes to sockets', (own, caller) => own.url === '' && caller.url.includes('stream_base')],
  ['modules: finding and compiling', (own) => own.url.startsWith('node:internal/modules')],
  ['other code of Node.js', (own) => own.url.startsWith('node:')],
  ['code of kafka-do', (own) => own.url.includes('/dist/')],
  ['the rest: event loop, reads from sockets', () => true],
]

for (const [name, load] of Object.entries(loads)) {
  const broker = await startProfiled()
  const kafka = new Client(broker.url)
  await kafka.admin.createTopic(topic, { partitions: 1 })
  await kafka.close()
  const run = async (/** @type {object} */ what) => {
    const options = { topic, recordBytes: 1024, bootstrap: broker.bootstrap, ...what }
    const { stdout } = await execute(process.execPath, [generator, JSON.stringify(options)])
    return JSON.parse(stdout)
  }
  // Compiled code, and for a fetch something to read.
  await run({ kind: 'produce', megabytes: load.kind === 'fetch' ? megabytes : 100 })
  const from = now()
  const before = threadSeconds(broker.pid)
  const { bytes } = await run({ ...load, megabytes })
  const after = threadSeconds(broker.pid)
  const to = now()
  const profile = await broker.stop()
  const perGigabyte = (/** @type {number} */ seconds) => (1000 * seconds * 1e9) / bytes
  print(`${name}, 1 KiB; ms per GB`, byKind(profile, from, to), perGigabyte)
  console.log(row('other threads', perGigabyte(after.others - before.others)))
}

/** @type {Map<string, number>[]} */
const started = []
for (let i = 0; i < starts; i++) {
  const broker = await startProfiled()
  const to = now()
  started.push(byKind(await broker.stop(), 0, to))
}
const mean = new Map(
  kinds.map(([kind]) => [
    kind,
    started.reduce((sum, one) => sum + (one.get(kind) ?? 0), 0) / starts,
  ]),
)
print('start, until it serves; ms', mean, (seconds) => 1000 * seconds)

/** Microseconds, by the clock of V8's profiles. */
function now() {
  return Number(process.hrtime.bigint() / 1000n)
}

async function startProfiled() {
  const profiles = mkdtempSync(join(folder, 'profile-'))
  const broker = await startBrokerBy(['--cpu-prof', '--cpu-prof-dir', profiles])
  return {
    url: broker.url,
    bootstrap: broker.url.replace('kafka://', ''),
    pid: broker.pid,
    /** @returns {Promise<Profile>} */
    stop: async () => {
      await broker.stop()
      const [file] = readdirSync(profiles)
      return JSON.parse(readFileSync(join(profiles, file ?? ''), 'utf8'))
    },
  }
}

/** Seconds of each kind between two times. @param {Profile} profile @param {number} from @param {number} to */
function byKind({ nodes, samples, timeDeltas, startTime }, from, to) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const callers = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  )
  const found = new Map(kinds.map(([kind]) => [kind, 0]))
  let at = startTime
  for (const [i, id] of samples.entries()) {
    const took = timeDeltas[i] ?? 0
    at += took
    const own = byId.get(id)?.callFrame
    if (!own || at < from || at > to || own.functionName === '(idle)') continue
    const caller = byId.get(callers.get(id) ?? 0)?.callFrame ?? own
    const [kind = ''] = kinds.find(([, matches]) => matches(own, caller)) ?? []
    found.set(kind, (found.get(kind) ?? 0) + took / 1e6)
  }
  return found
}

/** @param {string} title @param {ReadonlyMap<string, number>} seconds @param {(seconds: number) => number} scaled */
function print(title, seconds, scaled) {
  console.log(`\n${title}`)
  const sorted = [...seconds].sort(([, a], [, b]) => b - a)
  for (const [kind, of] of sorted) if (scaled(of) >= 0.5) console.log(row(kind, scaled(of)))
}

/** @param {string} what @param {number} milliseconds */
function row(what, milliseconds) {
  return `  ${what.padEnd(44)}${Math.round(milliseconds).toLocaleString('en').padStart(8)}`
}
