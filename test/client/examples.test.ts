/** The examples, each as a process of its own, on every connection: they print what they say, and end by themselves. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { connectionName, useCluster } from './test-cluster.ts'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../../examples/', import.meta.url))

const examples: [name: string, printed: string[]][] = [
  ['orders', ['stored in partition 0 at offset 0', '123: 99.99', '124: 5']],
  ['batch', ['250 readings stored', '250 readings handled']],
  [
    'parallel-workers',
    ['40 jobs, up to 4 at a time; in order for each key: true', '40 jobs by three workers'],
  ],
  [
    'dead-letter-queue',
    ['paid 10', 'paid 30', 'put aside: {"amount":-1}', 'from example-payments-0 at 1'],
  ],
  ['retry', ['done after 3 attempts', 'not found: UNKNOWN_TOPIC_OR_PARTITION']],
  ['exactly-once', ['nothing was written: changed my mind', '{"amount":2,"tax":0.4}']],
  [
    'metrics',
    [
      'kafka_client_consumer_lag{topic="example-clicks",partition="0",group=""} 1',
      'kafka_client_sent_records_total{topic="example-clicks"} 3',
      'kafka_client_send_seconds_count{topic="example-clicks"} 1',
    ],
  ],
  ['replay', ['2 hours ago, within', '1 hours ago, within', 'the group has 2 to read again']],
]

describe('examples', () => {
  const cluster = useCluster()

  test.each(examples)('%s', { timeout: 60_000 }, async (name, printed) => {
    const { url } = cluster.open()
    const { stdout, stderr } = await run(process.execPath, [`${folder}${name}/main.js`], {
      env: { ...process.env, KAFKA_DO_URL: url },
      timeout: 50_000,
    })
    const lines = stdout.trim().split('\n')
    for (const line of printed) expect(lines).toContain(line)
    expect(stderr).toBe('')
  })

  // They bring a broker of their own, so once is enough.
  if (connectionName !== 'embedded') return
  test.each(['integration-test', 'mock-test'])('%s, under node --test', async (name) => {
    const file = `${folder}${name}/orders.test.js`
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file])
    expect(stdout).toContain('# pass 1')
    expect(stdout).toContain('# fail 0')
  })
})
