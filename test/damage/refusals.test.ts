/** What a broker serves, and what it refuses by name, when a part of its own records is damaged. */
import { expect, test } from 'vitest'
import type { Logger } from '../../src/core/runtime.ts'
import {
  createFindCoordinatorRequest,
  findCoordinator,
} from '../../src/protocol/messages/generated/find-coordinator.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import {
  batch,
  committedOffset,
  fetchFrom,
  openTestBroker,
  produceTo,
} from '../broker/test-broker.ts'
import { TransactionalProducer } from '../broker/transactional-producer.ts'
import { contentOf, headersIn, overwrite } from '../log/log-fixture.ts'
import { copyOf, dataFolder, topic } from './data-folder.ts'

/** A broker on a folder whose internal log has a flipped bit in its first batch, and what it logs. */
async function withDamaged(internal: string) {
  const fileSystem = copyOf((await dataFolder('closed')).files)
  const path = `${internal}-0/${'0'.repeat(20)}.log`
  const content = contentOf(fileSystem, path)
  content[headersIn(content)[0]!.position + 23]! ^= 0x40
  overwrite(fileSystem, path, content)
  const lines: string[] = []
  const note = (_fields: object, message: string) => void lines.push(message)
  const logger: Logger = { debug() {}, info() {}, warn: note, error: note }
  return { lines, broker: await openTestBroker({ fileSystem, runtime: new ManualRuntime(logger) }) }
}

const coordinatorOf = async (
  broker: Awaited<ReturnType<typeof withDamaged>>['broker'],
  keyType: number,
) =>
  (
    await broker.ask(
      findCoordinator,
      createFindCoordinatorRequest({ keyType, coordinatorKeys: ['x'] }),
    )
  ).coordinators[0]!

test('damaged offsets: groups are refused with what to do, all else is served', async () => {
  const { lines, broker } = await withDamaged('__consumer_offsets')
  expect(lines.join()).toMatch(
    /__consumer_offsets-0 is damaged \(offsets 0 to 0\): .*kafka-do doctor/,
  )
  expect(await coordinatorOf(broker, 0)).toMatchObject({
    errorCode: -1,
    errorMessage: expect.stringMatching(/groups are refused.*kafka-do doctor/),
  })
  await expect(committedOffset(broker, topic)).rejects.toThrowError(/groups are refused/)
  expect((await fetchFrom(broker, topic)).error).toBe('NONE')
  expect((await produceTo(broker, topic, batch('more'))).error).toBe('NONE')
  const producer = await TransactionalProducer.open(broker, 'another')
  expect(await producer.send(topic, 'more')).toBe('NONE')
})

test('damaged transactions: transactional ids are refused, groups are served', async () => {
  const { broker } = await withDamaged('__transaction_state')
  expect(await coordinatorOf(broker, 1)).toMatchObject({ errorCode: -1 })
  const producer = new TransactionalProducer(broker, 'another')
  await expect(producer.init()).rejects.toThrowError(/transactional ids are refused/)
  expect(await coordinatorOf(broker, 0)).toMatchObject({ errorCode: 0 })
  expect(await committedOffset(broker, topic)).toBe(5n)
  expect((await produceTo(broker, topic, batch('more'))).error).toBe('NONE')
})

test('damaged topics: they are served from their folders, with retention off', async () => {
  const { lines, broker } = await withDamaged('__cluster_metadata')
  expect(lines.join()).toMatch(/__cluster_metadata-0 is damaged/)
  expect(lines.join()).toMatch(/retention is off/)
  expect((await fetchFrom(broker, topic)).error).toBe('NONE')
  expect(await committedOffset(broker, topic)).toBe(5n)
})

test('what a reader meets again and again is logged once', async () => {
  const { lines, broker } = await withDamaged(topic)
  for (let i = 0; i < 5; i++) expect((await fetchFrom(broker, topic)).error).toBe('CORRUPT_MESSAGE')
  expect(lines.filter((line) => line === 'damaged data')).toHaveLength(1)
})
