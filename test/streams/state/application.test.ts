/** Applications with their state on disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '../../../src/entry/client.ts'
import type { StreamsConfig } from '../../../src/streams/streams-config.ts'
import { Window } from '../../../src/streams/windows.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}

let folder: string
let kafka: Client
let logged: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-do-state-'))
  logged = []
  const log = (_details: object, message: string) => void logged.push(message)
  kafka = new Client({
    url: 'memory:',
    logger: { debug: () => undefined, info: log, warn: log, error: log },
  })
})
afterEach(async () => {
  await kafka.close()
  rmSync(folder, { recursive: true, force: true })
})

function totals(config: StreamsConfig = {}, client = kafka) {
  return client
    .stream<Order>('orders', { app: 'totals', state: { dir: folder }, ...config })
    .groupBy((order) => order.customer)
    .reduce(0, (total, order) => total + order.amount, { store: 'totals' })
    .to('totals')
}

async function order(customer: string, amount: number): Promise<void> {
  await kafka.produce('orders', { customer, amount })
}

/** Values of the topic of totals. */
async function read(count: number): Promise<unknown[]> {
  const records = await kafka.consumer<number>('totals').take(count).toArray()
  return records.map(({ key, value }) => [key, value])
}

function taskFolders(): string[] {
  return readdirSync(join(folder, 'totals')).filter((name) => /^\d/.test(name))
}

test('goes on from its files', async () => {
  for (const amount of [1, 2, 3]) await order('ann', amount)
  await order('bob', 5)
  const first = totals()
  await read(4)
  await expect.poll(() => first.metrics().stores.totals!.entries).toBe(2)
  await first.close()
  await order('ann', 10)
  const second = totals()
  expect((await read(5)).at(-1)).toEqual(['ann', 16])
  expect(second.metrics().restored).toBe(0)
  const store = second.store<number>('totals')
  expect(() => [...store.entries()]).toThrow(/use for await/)
  const entries: unknown[] = []
  for await (const entry of store.entries()) entries.push(entry)
  expect(entries.sort()).toEqual([
    ['ann', 16],
    ['bob', 5],
  ])
  await second.close()
})

test('state moves from memory to disk and back', async () => {
  const places: StreamsConfig['state'][] = ['memory', { dir: folder }, 'memory', { dir: folder }]
  const restored: number[] = []
  for (const [i, state] of places.entries()) {
    await order('ann', 1)
    const run = totals({ state, commitInterval: 1 })
    expect((await read(i + 1)).at(-1)).toEqual(['ann', i + 1])
    restored.push(run.metrics().restored)
    await run.close()
  }
  // In memory all of it; on disk what was written since: by the commit before, that in memory.
  expect(restored).toEqual([0, 1, 2, 1])
})

test.each(['file', 'value'])(
  'a damaged %s is set aside and restored from the changelog',
  async (what) => {
    await order('ann', 1)
    const first = totals()
    await read(1)
    await first.close()
    const [task] = taskFolders().filter((name) => name.startsWith('1'))
    const files = join(folder, 'totals', task!)
    for (const name of readdirSync(files)) {
      const path = join(files, name)
      const bytes = readFileSync(path)
      if (what === 'file' && name.startsWith('MANIFEST')) writeFileSync(path, 'nonsense')
      if (what === 'value' && name.endsWith('.log')) {
        // LevelDB's log has checksums of its own, and forgets a batch that is not whole.
        for (let at = 0; at < bytes.length; at++) bytes[at] = bytes[at]! ^ 1
        writeFileSync(path, bytes)
      }
    }
    await order('ann', 2)
    const second = totals()
    expect((await read(2)).at(-1)).toEqual(['ann', 3])
    expect(second.metrics().restored).toBe(1)
    await second.close()
    if (what === 'file') {
      expect(taskFolders()).toContain(`${task}.damaged`)
      expect(logged).toContain(
        'state on disk was damaged; it was set aside and is restored from the changelog',
      )
    }
  },
)

test('files of a changelog that was deleted begin anew', async () => {
  await order('ann', 1)
  const first = totals()
  await read(1)
  await first.close()
  await kafka.admin.deleteTopic('totals-totals-changelog')
  await kafka.admin.deleteGroup('totals')
  const second = totals()
  expect((await read(2)).at(-1)).toEqual(['ann', 1])
  await second.close()
})

test('a folder that is in use is refused', async () => {
  await order('ann', 1)
  const first = totals()
  await first.ready
  await using other = new Client({ url: 'memory:' })
  await expect(totals({}, other).done).rejects.toThrow(
    /^The state of 'totals' in .* is in use by another application of this process\. Each process of an application needs its own folder: state: \{ dir \}$/,
  )
  // Another application has a folder of its own.
  const second = totals({ app: 'other' }, other)
  await second.ready
  await second.close()
  await first.close()
  await totals({}, other).close()
})

test('a process keeps its name', async () => {
  const nameOf = () =>
    (
      JSON.parse(readFileSync(join(folder, 'totals', 'process.json'), 'utf8')) as object as {
        processId: string
      }
    ).processId
  await totals().close()
  const name = nameOf()
  const run = totals()
  await run.ready
  await run.close()
  expect(nameOf()).toBe(name)
})

test('windows that close after a restart give what they held before', async () => {
  const seen: unknown[] = []
  const start = () =>
    kafka
      .stream<Order>('orders', { app: 'totals', state: { dir: folder } })
      .groupBy((one) => one.customer)
      .window(Window.tumbling(10))
      .count({ store: 'counts' })
      .final()
      .forEach(
        (customer, window) => void seen.push([customer, window.start.getTime(), window.value]),
      )
  const producer = kafka.producer<Order>('orders')
  const send = (customer: string, timestamp: number) =>
    producer.send({ customer, amount: 1 }, { timestamp: new Date(timestamp) })
  await send('ann', 1001)
  await send('bob', 1002)
  await send('ann', 1003)
  const first = start()
  await expect.poll(() => first.metrics().recordsIn).toBe(6)
  await first.close()
  await send('cid', 1025)
  const second = start()
  await expect.poll(() => seen.length).toBe(2)
  expect(seen.sort()).toEqual([
    ['ann', 1000, 2],
    ['bob', 1000, 1],
  ])
  expect(second.metrics().restored).toBe(0)
  await second.close()
})

describe('options', () => {
  test.each<[StreamsConfig, RegExp]>([
    [
      { state: 'disk' as never },
      /StreamsConfig\.state must be 'memory' or \{ dir: '\.\/state' \}; got/,
    ],
    [{ state: { dir: '' } }, /StreamsConfig\.state must be/],
    [{ state: { dir: './state', engine: 'x' } as never }, /StreamsConfig\.state must be/],
    [{ state: null as never }, /StreamsConfig\.state must be/],
    [{ cacheBytes: -1 }, /StreamsConfig\.cacheBytes must be/],
    [{ maxStateBytes: 0 }, /StreamsConfig\.maxStateBytes must be/],
    [{ cleanupDelay: 'soon' as never }, /StreamsConfig\.cleanupDelay/],
  ])('%j is refused', (config, message) => {
    expect(() => totals(config)).toThrow(message)
  })

  test('an application whose state in memory is too large stops, and says what helps', async () => {
    const run = totals({ state: 'memory', maxStateBytes: 40, commitInterval: 1 })
    for (let n = 0; n < 20; n++) await order(`customer ${n}`, 1)
    await expect(run.done).rejects.toThrow(
      /^The state of 'totals' takes \d+ bytes of memory, more than maxStateBytes \(40\)\. Keep it on disk with \{ state: \{ dir: '\.\/state' \} \}/,
    )
  })
})
