/** The examples, each as a process of its own: they print what they say, and end by themselves. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { isLong } from '../amount.ts'
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
  ['streams-filter', ['1: 250, premium', '3: 101, premium', 'the run is closed']],
  [
    'streams-windowed-count',
    [
      'Customer ada: 3 orders in 10:00-10:05',
      'Customer bob: 1 orders in 10:00-10:05',
      'Customer ada: 1 orders in 10:05-10:10',
    ],
  ],
  [
    'streams-join',
    [
      ...['by predicate: 10 by Ada', 'by predicate: 20 by Bob', 'by predicate: 40 by Bob'],
      ...['by key: 10 by Ada', 'by key: 20 by Bob', 'by key: 40 by Bob'],
    ],
  ],
  [
    'streams-branch',
    [
      'us: {"region":"us","amount":1}',
      'eu: {"region":"eu","amount":2}',
      'other: {"region":"br","amount":3}',
    ],
  ],
  ['streams-totals', ['Customer ada total: 42', 'kept: ada 42, bob 5']],
  ['streams-sessions', ['ada, 10:00 to 10:40: home, cart, shoes', 'ada, 12:00 to 12:00: home']],
  ['streams-table-join', ['20 by Bob', '10 by Ada', '30 by nobody we know (c9)']],
  [
    'streams-exactly-once',
    [
      'the worker was killed',
      'ada: 200 orders, 59700: right',
      'bob: 200 orders, 59900: right',
      'eve: 200 orders, 60100: right',
    ],
  ],
  ['replay', ['2 hours ago, within', '1 hours ago, within', 'the group has 2 to read again']],
]

describe('examples', () => {
  const cluster = useCluster()

  // One connection for each, by turns, in the short form; at length, and at Apache Kafka, all of them.
  const isEvery = isLong || (connectionName !== 'embedded' && connectionName !== 'served')
  const first = connectionName === 'embedded' ? 0 : 1
  const here = isEvery ? examples : examples.filter((_, i) => i % 2 === first)
  test.each(here)('%s', { timeout: 60_000 }, async (name, printed) => {
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
  test.each([
    ['integration-test', 'orders.test.js', 1],
    ['mock-test', 'orders.test.js', 1],
    ['streams-test', 'totals.test.js', 2],
  ])('%s, under node --test', async (name, file, count) => {
    const path = `${folder}${name}/${file}`
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', path])
    expect(stdout).toContain(`# pass ${count}`)
    expect(stdout).toContain('# fail 0')
  })
})
