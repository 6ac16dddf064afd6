/**
 * One stream application in a process of its own, so that its processor time is its own:
 * `node bench/streams-program.js URL TOPOLOGY RECORDS`. Prints JSON when its tasks have taken so many records:
 *
 * - `cpuMicros`: processor time of the process for each record, all that it took since its very start.
 * - `warmCpuMicros`: of what the last three quarters took, without the start and most of what the compiler does. Two points of one
 *   run, difference by difference: the start of two runs differs more than what it is to be taken from.
 */
import { Client, Window } from 'kafka-do'

const [url = '', topology = '', count = '0'] = process.argv.slice(2)
const records = Number(count)
const kafka = new Client(url)
const app = `bench-${topology}-${process.pid}`

/** @type {{ [name: string]: () => import('kafka-do').StreamRun }} */
const topologies = {
  stateless: () =>
    kafka
      .stream('bench-in', { app })
      .filter((order) => /** @type {{ amount: number }} */ (order).amount >= 100)
      .map((order) => ({ .../** @type {object} */ (order), premium: true }))
      .to('bench-large'),
  count: () =>
    kafka
      .stream('bench-in', { app })
      .groupByKey()
      .window(Window.tumbling('5m'))
      .count({ store: 'counts' })
      .to('bench-counts'),
  join: () =>
    kafka
      .stream('bench-in', { app })
      .join(kafka.stream('bench-payments', { app }), { window: '2s' })
      .map((order, payment) => ({ order, payment }))
      .to('bench-large'),
  sessions: () =>
    kafka
      .stream('bench-in', { app })
      .groupByKey()
      // A customer comes every ten seconds, so a session goes on and on.
      .window(Window.session('15s'))
      .count()
      .to('bench-counts'),
  suppress: () =>
    kafka
      .stream('bench-in', { app })
      .groupByKey()
      .window(Window.tumbling('5m'))
      .count()
      .suppress({ until: 'close' })
      .to('bench-counts'),
  'hand-over': () =>
    kafka
      .stream('bench-in', { app })
      .groupBy((order) => /** @type {{ customer: string }} */ (order).customer.slice(0, -1))
      .count()
      .to('bench-counts'),
}

const beganAt = performance.now()
const run = topologies[topology]?.() ?? fail(`no topology '${topology}'`)
await run.ready
const quarter = await whenTaken(records / 4)
const whole = await whenTaken(records)
const seconds = (performance.now() - beganAt) / 1000
await run.close()

const { restoreSeconds, entries } = topology === 'count' ? await restart() : {}
await kafka.close()
console.log(
  JSON.stringify({
    cpuMicros: whole.cpuMicros / whole.taken,
    warmCpuMicros: (whole.cpuMicros - quarter.cpuMicros) / (whole.taken - quarter.taken),
    perSecond: records / seconds,
    entries,
    restoreSeconds,
  }),
)

/** It has the state to read first. */
async function restart() {
  const from = performance.now()
  const again = topologies[topology]?.() ?? fail('')
  await again.ready
  const restoreSeconds = (performance.now() - from) / 1000
  const { entries } = again.metrics().stores.counts ?? fail('no store')
  await again.close()
  return { restoreSeconds, entries }
}

/** @param {number} least */
async function whenTaken(least) {
  for (;;) {
    const taken = run.metrics().recordsIn
    const { user, system } = process.cpuUsage()
    if (taken >= least) return { taken, cpuMicros: user + system }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** @param {string} message @returns {never} */
function fail(message) {
  throw new Error(message)
}
