/**
 * Memory of an idle client, of an idle `kafka-do serve`, and of a client that consumes a backlog of 2 GiB; time to open a
 * clean folder of 1 GiB.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { report, startBroker, temporaryFolder } from './measure.js'
import { memoryMiB } from './processes.js'

const program = fileURLToPath(new URL('memory-program.js', import.meta.url))
const folder = temporaryFolder()

/** Runs one scenario in a fresh process and returns the figures it prints. @param {string} scenario @param {string} data */
function run(scenario, data) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, scenario, join(folder, data)],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`${scenario}: ${stderr}`)
  return JSON.parse(stdout)
}

const idle = [1, 2, 3].map((i) => run('idle', `idle-${i}`).rssMiB)
report('idle, RSS', idle, { unit: 'MiB', atMost: 90 })

// V8 gives back what a start took when a process has been idle for some seconds.
const idleMs = 40_000
const broker = await startBroker()
const bare = spawn(process.execPath, [
  '--eval',
  'console.log(1); setInterval(() => undefined, 60_000)',
])
await once(bare.stdout, 'data')
await delay(idleMs)
for (const [what, field] of /** @type {const} */ ([
  ['RSS', 'VmRSS'],
  ['of that without files (RssAnon)', 'RssAnon'],
])) {
  const over = memoryMiB(broker.pid, field) - memoryMiB(bare.pid, field)
  report(`idle serve over bare Node, ${what}`, [over], { unit: 'MiB', atMost: 10 })
}
bare.kill()
await broker.stop()

run('fill-1g', 'one')
const opens = [1, 2, 3, 4, 5].map(() => run('open', 'one').openMs)
report('open a clean folder of 1 GiB', opens, { unit: 'ms', atMost: 200 })

run('fill-2g', 'two')
const backlog = run('consume', 'two')
report('consume a backlog of 2 GiB, peak RSS', [backlog.peakMiB], { unit: 'MiB', atMost: 250 })
report('consume a backlog of 2 GiB, rate', [backlog.mibPerSecond], { unit: 'MiB/s' })
