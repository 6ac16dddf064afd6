/**
 * Whether memory stays flat: a served broker and an application that produces, consumes in a group, sends transactions and
 * looks on as admin, at a steady rate for an hour. Prints the resident memory of both once a minute, and at the end how the
 * last quarter compares with the second (the first warms up). `npm run bench:soak`; MINUTES asks for another time than 60,
 * RATE for other records per second than 2,000.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, startBroker } from '../measure.js'
import { cpuSeconds, memoryMiB } from '../processes.js'

const minutes = Number(process.env.MINUTES ?? 60)
const rate = Number(process.env.RATE ?? 2000)
const everyMs = 60_000
const samplesAMinute = 12
const grownMost = 1.1

const broker = await startBroker()
const program = fileURLToPath(new URL('application.js', import.meta.url))
const application = spawn(process.execPath, [program, broker.url, String(rate)], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
process.on('exit', () => application.kill('SIGKILL'))
application.once('exit', (code) => {
  console.error(`the application ended with ${code}`)
  process.exit(1)
})
/** The last line that it printed: what it has done so far. */
let told = ''
application.stdout.on('data', (chunk) => {
  told = String(chunk).trim().split('\n').at(-1) ?? told
})

/** @type {{ readonly broker: number, readonly application: number }[]} */
const samples = []
console.log('minute   broker MiB   application MiB   broker CPU %   so far')
for (let minute = 1; minute <= minutes; minute++) {
  const before = cpuSeconds(broker.pid)
  const from = samples.length
  for (let i = 0; i < samplesAMinute; i++) {
    await new Promise((resolve) => setTimeout(resolve, everyMs / samplesAMinute))
    samples.push({ broker: memoryMiB(broker.pid), application: memoryMiB(application.pid) })
  }
  const share = ((cpuSeconds(broker.pid) - before) / (everyMs / 1000)) * 100
  const [one, other] = [of('broker', from), of('application', from)]
  console.log(
    `${String(minute).padStart(6)} ${one.toFixed(1).padStart(12)} ${other.toFixed(1).padStart(17)} ${share.toFixed(1).padStart(14)}   ${told}`,
  )
}

for (const what of /** @type {const} */ (['broker', 'application'])) {
  const quarter = Math.floor(samples.length / 4)
  const [second, last] = [of(what, quarter, 2 * quarter), of(what, 3 * quarter)]
  const ratio = last / second
  const verdict = ratio <= grownMost ? 'met' : 'MISSED'
  console.log(
    `${what}: ${second.toFixed(1)} MiB in the second quarter, ${last.toFixed(1)} in the last: × ${ratio.toFixed(3)}, target ≤ ${grownMost}  ${verdict}`,
  )
  if (ratio > grownMost) process.exitCode = 1
}
application.removeAllListeners('exit')
application.kill()
broker.stop()

/** The median of what was sampled. @param {'broker' | 'application'} what @param {number} from @param {number} [to] */
function of(what, from, to) {
  return median(samples.slice(from, to).map((one) => one[what]))
}
