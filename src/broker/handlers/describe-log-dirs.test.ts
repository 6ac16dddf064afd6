import { expect, test } from 'vitest'
import { FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import {
  createDescribeLogDirsRequest,
  createDescribeLogDirsRequestDescribableLogDirTopic,
  describeLogDirs,
} from '../../protocol/messages/generated/describe-log-dirs.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

const sent = batch('some', 'records')

async function withRecords(): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  await createTopic(broker, 'others')
  await produceTo(broker, 'orders', sent.slice(), { partition: 1 })
  return broker
}

/** The sizes by `topic-partition`. */
async function sizes({ ask }: TestBroker, wanted: { [topic: string]: number[] } | null = null) {
  const topics =
    wanted &&
    Object.entries(wanted).map(([topic, partitions]) =>
      createDescribeLogDirsRequestDescribableLogDirTopic({ topic, partitions }),
    )
  const { results } = await ask(describeLogDirs, createDescribeLogDirsRequest({ topics }))
  expect(results).toHaveLength(1)
  return Object.fromEntries(
    results[0]!.topics.flatMap(({ name, partitions }) =>
      partitions.map((one) => [`${name}-${one.partitionIndex}`, Number(one.partitionSize)]),
    ),
  )
}

test.each([1, 2, 3, 4, 5])('version %i: one folder', async (version) => {
  const { ask } = await withRecords()
  const request = createDescribeLogDirsRequest({
    topics: [
      createDescribeLogDirsRequestDescribableLogDirTopic({ topic: 'others', partitions: [0] }),
    ],
  })
  expect(await ask(describeLogDirs, request, { version })).toEqual({
    throttleTimeMs: 0,
    errorCode: 0,
    results: [
      {
        errorCode: 0,
        logDir: 'faulty:',
        topics: [
          {
            name: 'others',
            partitions: [
              { partitionIndex: 0, partitionSize: 0n, offsetLag: 0n, isFutureKey: false },
            ],
          },
        ],
        totalBytes: -1n,
        usableBytes: -1n,
        isCordoned: false,
      },
    ],
  })
})

test('how much room there is, as the system tells, from version 4 on', async () => {
  const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
  fileSystem.space = () => ({ totalBytes: 8e9, freeBytes: 5e9 })
  const { ask } = await openTestBroker({ fileSystem })
  const room = async (version: number) => {
    const request = createDescribeLogDirsRequest({ topics: null })
    const { results } = await ask(describeLogDirs, request, { version })
    return results.map(({ totalBytes, usableBytes }) => [totalBytes, usableBytes])
  }
  expect(await room(5)).toEqual([[8_000_000_000n, 5_000_000_000n]])
  expect(await room(3)).toEqual([[-1n, -1n]])
  // It changes, and what is not known is -1.
  fileSystem.space = () => ({ totalBytes: 8e9, freeBytes: undefined })
  expect(await room(4)).toEqual([[8_000_000_000n, -1n]])
})

test('the size of every partition, the internal ones too', async () => {
  expect(await sizes(await withRecords())).toEqual({
    '__consumer_offsets-0': 0,
    '__transaction_state-0': 0,
    'orders-0': 0,
    'orders-1': sent.length,
    'others-0': 0,
  })
})

test('named partitions; what does not exist is left out', async () => {
  const broker = await withRecords()
  const wanted = { orders: [1, 1, 7, -1], nowhere: [0], others: [], __cluster_metadata: [0] }
  expect(await sizes(broker, wanted)).toEqual({ 'orders-1': sent.length })
  expect(await sizes(broker, {})).toEqual({})
})

test('a topic that is named twice is there once', async () => {
  const { ask } = await withRecords()
  const request = createDescribeLogDirsRequest({
    topics: [0, 1].map((partition) =>
      createDescribeLogDirsRequestDescribableLogDirTopic({
        topic: 'orders',
        partitions: [partition],
      }),
    ),
  })
  const [folder] = (await ask(describeLogDirs, request)).results
  expect(folder!.topics).toMatchObject([
    { name: 'orders', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] },
  ])
})
