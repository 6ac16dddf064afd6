/** Chains of `kafka.stream()`: what becomes one application, and what is told when it cannot start. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Client, Window } from '../../src/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('chains that have ended before they meet are one application', async () => {
  await using kafka = new Client('memory:')
  await kafka.produce('customers', { name: 'Ada' }, { key: 'c1' })
  await kafka.produce('orders', { amount: 5 }, { key: 'c1' })
  const orders = kafka.stream<{ amount: number }>('orders')
  const customers = kafka.stream<{ name: string }>('customers')
  const copies = [orders.to('orders-copy'), customers.to('customers-copy')]
  let resolve!: (pair: unknown) => void
  const pair = new Promise((found) => {
    resolve = found
  })
  const run = orders.join(customers, { window: '1h' }).forEach(({ amount }, { name }) => {
    resolve([name, amount])
  })
  expect(await pair).toEqual(['Ada', 5])
  expect(await kafka.consumer('orders-copy').take(1).toArray()).toHaveLength(1)
  await run.close()
  expect(copies.map(({ state }) => state)).toEqual(['closed', 'closed'])
})

test('chains of two clients cannot meet', async () => {
  await using here = new Client('memory:')
  await using there = new Client('memory:')
  expect(() => here.stream('orders').merge(there.stream('orders'))).toThrow(
    /different applications cannot meet.*of one client/,
  )
})

test('a chain that cannot start says so to whoever awaits it, and by catch', async () => {
  await using kafka = new Client('memory:')
  const first = kafka.stream('orders', { app: 'same' }).to('a')
  const second = kafka.stream('orders', { app: 'same' }).to('b')
  await expect(second.catch((error: Error) => error.message)).resolves.toContain('runs already')
  await expect(second).rejects.toThrow("The application 'same' runs already in this client")
  await first.close()
  await first.finally(() => undefined)
})

test('a chain that cannot start, and that nobody awaits, ends the process with its error', async () => {
  const script = `import { Client } from 'kafka-do'
const kafka = new Client('memory:')
kafka.stream('orders', { app: 'same' }).to('a')
kafka.stream('orders', { app: 'same' }).to('b')
setTimeout(() => console.log('nobody was told'), 5000).unref()
`
  const args = ['--input-type=module', '-e', script]
  const failure: { code: number; stderr: string } = await promisify(execFile)(
    process.execPath,
    args,
    { cwd: root },
  ).then(
    ({ stderr }) => ({ code: 0, stderr }),
    (error) => error,
  )
  expect(failure.code).toBe(1)
  expect(failure.stderr).toContain("The application 'same' runs already in this client")
})

test('a heartbeat that is not within the session is told of where it is given', () => {
  const kafka = new Client('memory:')
  expect(() => kafka.stream('orders', { sessionTimeout: '1s', heartbeatInterval: '2s' })).toThrow(
    'StreamsConfig.heartbeatInterval (2000 ms) must be less than sessionTimeout (1000 ms)',
  )
})

test('an error of what tasks hand one another in memory does not make up an offset', async () => {
  await using kafka = new Client('memory:')
  await kafka.produce('orders', 5)
  const run = kafka
    .stream<number>('orders', { app: 'failing' })
    .groupBy(() => 'all')
    .reduce(0, () => {
      throw new Error('no more')
    })
    .to('totals')
  await expect(run).rejects.toThrow(
    "The stream stopped at a record that was handed on to failing-reduce-1-repartition-0 in 'reduce-1': no more",
  )
})

test('more operators with state than fit beside an offset: the error says what to do', async () => {
  await using kafka = new Client('memory:')
  await kafka.produce('orders', 5, { key: 'a' })
  const app = kafka.streams({ app: 'many' })
  const orders = app.stream('orders').groupByKey()
  const windows = orders.window(Window.tumbling('5m'))
  for (let i = 0; i < 60; i++) windows.count({ store: `${i}-${'long'.repeat(8)}` })
  await expect(app.start()).rejects.toThrow(
    /60 operators with state.*brokers keep 4096\. Give them shorter names/,
  )
})

test('the changelog of a table with history keeps its versions from compaction for as long, and a day', async () => {
  await using kafka = new Client('memory:')
  await kafka.produce('prices', 5, { key: 'a' })
  const app = kafka.streams({ app: 'history' })
  app.stream<number>('prices').toTable({ store: 'versions', history: '2h' })
  app.stream<number>('prices').groupByKey().count({ store: 'counts' })
  await using run = await app.start()
  const lagOf = async (store: string) => {
    const { configs } = await kafka.admin.describeTopic(`history-${store}-changelog`)
    return configs['min.compaction.lag.ms']
  }
  expect(run.state).toBe('running')
  expect(await lagOf('versions')).toBe(String(26 * 60 * 60 * 1000))
  expect(await lagOf('counts')).toBeUndefined()
})
