/** The leader epoch of a log over kills and orderly stops: it never falls back, and costs a start nothing. */
import { describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../src/broker/log/checkpoint-file.ts'
import { defaultLogConfig } from '../../src/broker/log/log-config.ts'
import type { LogStore } from '../../src/broker/log/log-store.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { killableFileSystem, openStore, values } from './log-fixture.ts'

const stored = (fileSystem: FileSystem) =>
  readCheckpoint(fileSystem, 'orders-0/leader-epoch-checkpoint')
const begun = (fileSystem: FileSystem) => readCheckpoint(fileSystem, 'begun-epoch-checkpoint')
const open = (store: LogStore, partition = 0) =>
  store.openLog('orders', partition, defaultLogConfig)

/** A store whose process is killed leaves its folder as it is. */
async function killed(fileSystem: FileSystem, records = 3): Promise<void> {
  const log = await open(await openStore(fileSystem))
  for (let i = 0; i < records; i++) log.append(values('v'))
  await log.whenSynced()
}

describe('after a kill', () => {
  test('an epoch begins, and is stored with the first records that are written in it', async () => {
    const fileSystem = killableFileSystem()
    await killed(fileSystem)
    const log = await open(await openStore(fileSystem))
    expect(log.leaderEpoch).toBe(1)
    expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 3n })
    expect(stored(fileSystem)).toBeUndefined()
    log.append(values('v'))
    await log.whenSynced()
    expect(stored(fileSystem)).toEqual(['0 0', '1 3'])
    expect(log.unsavedEpoch).toBeUndefined()
  })

  test('one that nothing was written in begins again after the next', async () => {
    const fileSystem = killableFileSystem()
    await killed(fileSystem)
    await open(await openStore(fileSystem))
    const log = await open(await openStore(fileSystem))
    expect(log.leaderEpoch).toBe(1)
  })

  test('records that reached the disk without a sync keep the epoch that they were written in', async () => {
    const fileSystem = killableFileSystem()
    await killed(fileSystem)
    const second = await open(await openStore(fileSystem))
    second.append(values('v'))
    await second.whenSynced()
    const third = await open(await openStore(fileSystem))
    // Written, and never synced: the epoch is nowhere but in the records.
    third.append(values('v'))
    const log = await open(await openStore(fileSystem))
    expect(log.leaderEpoch).toBe(3)
    expect(log.leaderEpochAt(3n)).toBe(1)
    expect(log.leaderEpochAt(4n)).toBe(2)
  })
})

describe('after an orderly stop', () => {
  test('an epoch that nothing was written in goes on', async () => {
    const fileSystem = killableFileSystem()
    await killed(fileSystem)
    for (let start = 0; start < 3; start++) {
      const store = await openStore(fileSystem)
      expect((await open(store)).leaderEpoch).toBe(1)
      await store.close()
      expect(begun(fileSystem)).toEqual(['orders 0 1 3'])
    }
    const store = await openStore(fileSystem)
    const log = await open(store)
    log.append(values('v'))
    await store.close()
    expect(stored(fileSystem)).toEqual(['1 3'])
    expect(fileSystem.stat('begun-epoch-checkpoint')).toBeUndefined()
    expect((await open(await openStore(fileSystem))).leaderEpoch).toBe(1)
  })

  test('so does one after records that reached the disk without a sync of their own', async () => {
    const fileSystem = killableFileSystem()
    await killed(fileSystem)
    const second = await open(await openStore(fileSystem))
    second.append(values('v'))
    const third = await openStore(fileSystem)
    expect((await open(third)).leaderEpoch).toBe(2)
    expect(stored(fileSystem)).toEqual(['0 0', '1 3'])
    await third.close()
    const log = await open(await openStore(fileSystem))
    expect([log.leaderEpoch, log.leaderEpochAt(3n)]).toEqual([2, 1])
  })

  test('a topic that is made anew does not inherit the epoch of the one before', async () => {
    const fileSystem = killableFileSystem()
    await killed(fileSystem)
    await (await openAndGet(fileSystem)).close()
    const store = await openStore(fileSystem)
    await open(store)
    await store.deleteLogs([{ topic: 'orders', partition: 0 }])
    expect((await open(store)).leaderEpoch).toBe(0)
  })
})

async function openAndGet(fileSystem: FileSystem): Promise<LogStore> {
  const store = await openStore(fileSystem)
  await open(store)
  return store
}

test('a start after a kill writes nothing into logs that hold nothing new', async () => {
  const fileSystem = killableFileSystem()
  const first = await openStore(fileSystem)
  for (let partition = 0; partition < 3; partition++)
    (await open(first, partition)).append(values('v'))
  await first.close()
  fileSystem.remove('.kafka_cleanshutdown')
  const synced: string[] = []
  const watched = new Proxy(fileSystem, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'syncDirectory') synced.push(String(args[0]))
        return value.apply(target, args)
      }
    },
  })
  const store = await openStore(watched)
  for (let partition = 0; partition < 3; partition++) {
    const log = await open(store, partition)
    expect([log.leaderEpoch, log.highWatermark]).toEqual([1, 1n])
  }
  expect(synced.filter((path) => path.startsWith('orders-'))).toEqual([])
})
