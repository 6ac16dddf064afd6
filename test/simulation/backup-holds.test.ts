/** What is removed while a backup is copied: kept until it was copied, unless the disk is short of space. */
import { expect, test } from 'vitest'
import { BackupFolder } from '../../src/backup/backup-folder.ts'
import { restore } from '../../src/backup/restore.ts'
import { entriesOfFolder } from '../../src/backup/restore-sources.ts'
import { Broker } from '../../src/broker/broker.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { BrokerClient } from './broker-client.ts'
import { Promises } from './promises.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'

const settings = { 'segment.bytes': '1100', 'retention.bytes': '1', 'retention.ms': '-1' }
const cleanedMs = 20_000

async function openBroker(disk = new SimulatedDisk({ random: new SeededRandom(1) })) {
  const random = new SeededRandom(1)
  const runtime = new SimulatedRuntime({ random })
  const broker = await runtime.runUntil(
    Broker.open({ fileSystem: disk, runtime, config: { diskReserve } }),
  )
  const client = new BrokerClient(broker, disk, (problem) => {
    throw new Error(problem)
  })
  const promises = new Promises()
  const run = <T>(work: Promise<T>) => runtime.runUntil(work)
  const wait = (ms: number) =>
    run(new Promise<void>((resolve) => void runtime.setTimer(ms, resolve)))
  const fill = async (topic: string, batches: number) => {
    for (let i = 0; i < batches; i++) {
      const batch = promises.newBatch({ topic, partition: 0 }, 0, -1, [null], () => false, 300)
      await run(client.produce(batch, promises.encode(batch), -1))
    }
  }
  /** Begins a backup that takes a minute or so. */
  const backUp = async () => {
    const target = createMemoryFileSystem()
    const folder = await BackupFolder.open(target)
    const outcome = folder.write(broker.backup({ maxBytesPerSecond: 100 })).then(
      () => 'whole',
      (error: Error) => error.message,
    )
    await wait(100)
    return { target, outcome }
  }
  return { disk, runtime, broker, client, run, wait, fill, backUp }
}

const logsIn = (disk: SimulatedDisk, folder: string) =>
  disk.peekNames(folder).filter((name) => name.endsWith('.log'))

test('segments that expire stay until they are copied, out of reach for readers', async () => {
  const { disk, client, run, wait, fill, backUp } = await openBroker()
  await run(client.createTopic('orders', 1, { ...settings, 'retention.bytes': '-1' }))
  await fill('orders', 12)
  const before = logsIn(disk, 'orders-0')
  expect(before.length).toBeGreaterThan(2)
  const { outcome, target } = await backUp()
  await run(client.alterTopic('orders', { 'retention.bytes': '1' }))
  await wait(cleanedMs)
  const place = { topic: 'orders', partition: 0 }
  expect(await run(client.offsetAt(place, -2n))).toBeGreaterThan(0n)
  expect(logsIn(disk, 'orders-0')).toEqual(before)
  expect(await run(outcome)).toBe('whole')
  await wait(cleanedMs)
  expect(logsIn(disk, 'orders-0').length).toBeLessThan(before.length)
  const restored = createMemoryFileSystem()
  await restore(entriesOfFolder(target), { name: 'backup', target: restored })
  expect(restored.list('orders-0').filter((name) => name.endsWith('.log'))).toEqual(before)
})

test('a topic is deleted at once, and its folder is moved aside until it is copied', async () => {
  const { disk, client, run, wait, fill, backUp } = await openBroker()
  await run(client.createTopic('orders', 1, settings))
  await fill('orders', 8)
  const { outcome, target } = await backUp()
  expect((await run(client.deleteTopic('orders')))?.error).toBe('NONE')
  expect(disk.peekNames('').filter((name) => name.startsWith('orders'))).toEqual([
    'orders-0.1.deleted',
  ])
  await run(client.createTopic('orders', 1, settings))
  expect(await run(outcome)).toBe('whole')
  await wait(100)
  expect(disk.peekNames('').filter((name) => name.startsWith('orders'))).toEqual(['orders-0'])
  const restored = createMemoryFileSystem()
  await restore(entriesOfFolder(target), { name: 'backup', target: restored })
  expect(restored.list('orders-0').length).toBeGreaterThan(3)
})

test('a process that dies meanwhile leaves what the next start removes', async () => {
  const { disk, runtime, client, run, fill, backUp } = await openBroker()
  await run(client.createTopic('orders', 1, settings))
  await fill('orders', 8)
  await backUp()
  await run(client.deleteTopic('orders'))
  runtime.stop()
  const next = disk.afterDeath('process', { random: new SeededRandom(2) })
  expect(next.peekNames('')).toContain('orders-0.1.deleted')
  await openBroker(next)
  expect(next.peekNames('').filter((name) => name.startsWith('orders'))).toEqual([])
})

type Opened = Awaited<ReturnType<typeof openBroker>>

async function deletion({ client, run }: Opened): Promise<void> {
  await run(client.deleteTopic('orders'))
}

async function retention({ client, run, wait }: Opened): Promise<void> {
  await run(client.alterTopic('orders', { 'retention.bytes': '1' }))
  await wait(cleanedMs)
}

test.each([
  ['a deletion', deletion],
  ['retention', retention],
] as const)('on a full disk %s frees space, and the backup fails', async (_, free) => {
  const opened = await openBroker()
  const { disk, client, run, fill, backUp } = opened
  await run(client.createTopic('orders', 1, { ...settings, 'retention.bytes': '-1' }))
  await fill('orders', 12)
  const before = logsIn(disk, 'orders-0').length
  const { outcome, target } = await backUp()
  disk.leaveFree(0)
  await free(opened)
  expect(logsIn(disk, 'orders-0').length).toBeLessThan(before)
  expect(disk.peekNames('').filter((name) => name.endsWith('.deleted'))).toEqual([])
  expect(await run(outcome)).toMatch(/short of space, and files it still needed/)
  const found = restore(entriesOfFolder(target), { name: 'backup', target: undefined })
  await expect(found).rejects.toThrow(/never finished|is not a backup/)
})

test('a folder that was moved aside goes when the disk becomes short', async () => {
  const { disk, client, run, wait, fill, backUp } = await openBroker()
  await run(client.createTopic('orders', 1, settings))
  await run(client.createTopic('others', 1, settings))
  await fill('orders', 8)
  const { outcome } = await backUp()
  await run(client.deleteTopic('orders'))
  disk.leaveFree(0)
  await fill('others', 1)
  await wait(cleanedMs)
  expect(disk.peekNames('').filter((name) => name.startsWith('orders'))).toEqual([])
  expect(await run(outcome)).toMatch(/short of space/)
})

test('a broker that closes ends its backups', async () => {
  const { broker, client, run, fill, backUp } = await openBroker()
  await run(client.createTopic('orders', 1, settings))
  await fill('orders', 8)
  const { outcome } = await backUp()
  await run(broker.close())
  expect(await run(outcome)).toMatch(/The broker is closing/)
})

test('only so many go at a time', async () => {
  const { broker, client, run, fill, backUp } = await openBroker()
  await run(client.createTopic('orders', 1, settings))
  await fill('orders', 2)
  for (let i = 0; i < 4; i++) await backUp()
  await expect(broker.backup({}).next()).rejects.toThrow(/4 backups are already running/)
})
