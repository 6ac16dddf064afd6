/** What a start makes of a data folder that a process left at any point of a change to the topics. */
import { describe, expect, test } from 'vitest'
import { copyFiles, FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import { ManualRuntime } from '../../../test/broker/manual-runtime.ts'
import {
  batch,
  commitOffset,
  committedOffset,
  createTopic,
  fetchFrom,
  metadataOf,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import type { Logger } from '../../core/runtime.ts'
import {
  createCreatePartitionsRequest,
  createCreatePartitionsRequestCreatePartitionsTopic,
  createPartitions,
} from '../../protocol/messages/generated/create-partitions.ts'
import {
  createDeleteTopicsRequest,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

/** The folder as it was after each change that `work` made. */
async function crashesDuring(
  broker: TestBroker,
  work: () => Promise<unknown>,
): Promise<FaultyFileSystem[]> {
  const copies: FaultyFileSystem[] = []
  const copy = () => {
    const files = createMemoryFileSystem()
    copyFiles(broker.fileSystem, files)
    copies.push(new FaultyFileSystem(files))
  }
  broker.fileSystem.onChange = copy
  await work()
  broker.fileSystem.onChange = undefined
  return copies
}

function folders(fileSystem: FaultyFileSystem, topic: string): string[] {
  return fileSystem.list('').filter((name) => name.startsWith(`${topic}-`))
}

async function remove({ ask }: TestBroker, name: string): Promise<void> {
  await ask(deleteTopics, createDeleteTopicsRequest({ topicNames: [name] }), { version: 5 })
}

/** Partitions of a topic; 0 when it does not exist. */
async function partitionsOf(broker: TestBroker, name: string): Promise<number> {
  return (await metadataOf(broker, [name]))[0]!.partitions.length
}

test('a creation that was cut off anywhere is whole or has left nothing', async () => {
  const broker = await openTestBroker()
  const crashes = await crashesDuring(broker, () => createTopic(broker, 'orders', 3))
  expect(crashes.length).toBeGreaterThan(3)
  const found = new Set<number>()
  for (const fileSystem of crashes) {
    const after = await openTestBroker({ fileSystem })
    const count = await partitionsOf(after, 'orders')
    found.add(count)
    expect(folders(fileSystem, 'orders')).toHaveLength(count)
    if (count === 0) await createTopic(after, 'orders', 2)
    expect(await produceTo(after, 'orders', batch('a'), { partition: 1 })).toMatchObject({
      error: 'NONE',
      baseOffset: 0n,
    })
    await after.broker.close()
  }
  expect([...found].sort()).toEqual([0, 3])
})

test('a deletion that was cut off anywhere is finished, or has not begun and lost nothing', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  await produceTo(broker, 'orders', batch('a'), { partition: 1 })
  await commitOffset(broker, 'orders', 1n)
  const crashes = await crashesDuring(broker, () => remove(broker, 'orders'))
  const found = new Set<number>()
  for (const fileSystem of crashes) {
    const after = await openTestBroker({ fileSystem })
    const count = await partitionsOf(after, 'orders')
    found.add(count)
    expect(folders(fileSystem, 'orders')).toHaveLength(count)
    if (count > 0) {
      const { values } = await fetchFrom(after, 'orders', 0n, { partition: 1 })
      expect([values, await committedOffset(after, 'orders')]).toEqual([['a'], 1n])
    } else {
      await createTopic(after, 'orders', 1)
      expect(await committedOffset(after, 'orders')).toBe(-1n)
    }
    await after.broker.close()
  }
  expect(found.has(0)).toBe(true)
})

test('adding partitions that was cut off anywhere has happened or not', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 1)
  await produceTo(broker, 'orders', batch('a'))
  const topics = [
    createCreatePartitionsRequestCreatePartitionsTopic({
      name: 'orders',
      count: 3,
      assignments: null,
    }),
  ]
  const crashes = await crashesDuring(broker, () =>
    broker.ask(createPartitions, createCreatePartitionsRequest({ topics })),
  )
  const found = new Set<number>()
  for (const fileSystem of crashes) {
    const after = await openTestBroker({ fileSystem })
    const count = await partitionsOf(after, 'orders')
    found.add(count)
    expect(folders(fileSystem, 'orders')).toHaveLength(count)
    expect(await fetchFrom(after, 'orders')).toMatchObject({ values: ['a'] })
    await after.broker.close()
  }
  expect([...found].sort()).toEqual([1, 3])
})

describe('folders and records that do not agree', () => {
  function watched(): { runtime: ManualRuntime; warnings: string[] } {
    const warnings: string[] = []
    const warn = (_fields: object, message: string) => void warnings.push(message)
    const logger: Logger = { debug() {}, info() {}, warn, error: warn }
    return { runtime: new ManualRuntime(logger), warnings }
  }

  test('a partition whose folder is missing starts anew, with a warning', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 2)
    await produceTo(broker, 'orders', batch('a'))
    await broker.broker.close()
    broker.fileSystem.remove('orders-1')
    const { runtime, warnings } = watched()
    const again = await openTestBroker({ fileSystem: broker.fileSystem, runtime })
    expect(warnings).toEqual([expect.stringContaining('missing')])
    expect(await produceTo(again, 'orders', batch('b'), { partition: 1 })).toMatchObject({
      baseOffset: 0n,
    })
    expect(await fetchFrom(again, 'orders')).toMatchObject({ values: ['a'] })
  })

  test('records whose topic is not known any more are kept and served, with a warning', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 2)
    await produceTo(broker, 'orders', batch('a'), { partition: 1 })
    await broker.broker.close()
    broker.fileSystem.remove('__cluster_metadata-0')
    const { runtime, warnings } = watched()
    const again = await openTestBroker({ fileSystem: broker.fileSystem, runtime })
    expect(warnings.join()).toContain('kept and served')
    expect(await partitionsOf(again, 'orders')).toBe(2)
    expect(await fetchFrom(again, 'orders', 0n, { partition: 1 })).toMatchObject({ values: ['a'] })
    expect(await partitionsOf(await again.restart(), 'orders')).toBe(2)
  })

  test('a folder that is not a partition is left alone', async () => {
    const broker = await openTestBroker()
    await broker.broker.close()
    broker.fileSystem.makeDirectory('photos-2024')
    broker.fileSystem.open('photos-2024/sea.jpg', { create: true }).write(new Uint8Array([1]), 0)
    const again = await openTestBroker({ fileSystem: broker.fileSystem })
    expect(await metadataOf(again, ['photos'])).toMatchObject([
      { error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    ])
    expect(broker.fileSystem.list('photos-2024')).toEqual(['sea.jpg'])
  })
})
