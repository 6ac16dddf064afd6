/**
 * A process of an application that may be killed at any moment: `node counting-worker.js URL APP SESSION_TIMEOUT [upgraded]`. Counts the values of `in` by
 * their group, and writes each count to `out`. Prints `ready` when it runs. What is written on its standard input ends it in good order. Upgraded, it has an operator more.
 */
import { Client } from 'kafka-do'

const [, , url, app, sessionTimeout, version] = process.argv
const kafka = new Client({ url, timeout: '60s' })
const config = {
  app,
  sessionTimeout,
  heartbeatInterval: '200ms',
  transactionTimeout: '2s',
}
const records = kafka.stream('in', config)
const run = (version === 'upgraded' ? records.filter(({ n }) => n >= 0) : records)
  .groupBy(({ group }) => group)
  .count({ store: 'counts' })
  .to('out')
await run.ready
process.stdout.write('ready\n')
process.stdin.once('data', async () => {
  await run.close()
  await kafka.close()
  process.stdin.destroy()
})
await run
