/** Memory of an idle client, and of one that consumes a backlog of 2 GiB; time to open a clean folder of 1 GiB. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { report, temporaryFolder } from './measure.js'

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

run('fill-1g', 'one')
const opens = [1, 2, 3, 4, 5].map(() => run('open', 'one').openMs)
report('open a clean folder of 1 GiB', opens, { unit: 'ms', atMost: 200 })

run('fill-2g', 'two')
const backlog = run('consume', 'two')
report('consume a backlog of 2 GiB, peak RSS', [backlog.peakMiB], { unit: 'MiB', atMost: 250 })
report('consume a backlog of 2 GiB, rate', [backlog.mibPerSecond], { unit: 'MiB/s' })
