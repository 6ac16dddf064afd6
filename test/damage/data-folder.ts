/**
 * The data folder that the trials damage, and what a reader must find in it: a topic in several segments with plain,
 * committed and aborted records, a topic with a config of its own, an offset of a group and a transactional id. Made once,
 * as an orderly close leaves it and as a kill does.
 */
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { copyFiles, FaultyFileSystem } from '../broker/faulty-file-system.ts'
import { runAll } from '../broker/settled.ts'
import {
  batch,
  commitOffset,
  createTopic,
  openTestBroker,
  produceTo,
} from '../broker/test-broker.ts'
import { TransactionalProducer } from '../broker/transactional-producer.ts'

export interface Expected {
  /** By offset; every record that was acknowledged. */
  readonly records: ReadonlyMap<bigint, string>
  readonly aborted: ReadonlySet<string>
  readonly endOffset: bigint
  /** Everything below was known to be on stable storage. */
  readonly recoveryPoint: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface DataFolder extends Expected {
  readonly stop: 'closed' | 'killed'
  readonly files: FileSystem
}

export const topic = 'orders'
export const configuredTopic = 'kept'
export const retentionMs = '1234567000'
export const committed = 5n
export const transactionalId = 'teller'

export async function dataFolder(stop: 'closed' | 'killed'): Promise<DataFolder> {
  const broker = await openTestBroker()
  const configs = { 'segment.bytes': '1024', 'index.interval.bytes': '100' }
  await createTopic(broker, topic, 1, configs)
  await createTopic(broker, configuredTopic, 1, { 'retention.ms': retentionMs })
  const records = new Map<bigint, string>()
  const aborted = new Set<string>()
  let endOffset = 0n
  const plain = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const value = `plain ${endOffset}`
      records.set(endOffset, value)
      const { baseOffset } = await produceTo(broker, topic, batch(value))
      if (baseOffset !== endOffset) throw new Error(`appended at ${baseOffset}`)
      endOffset++
    }
  }
  const producer = await TransactionalProducer.open(broker, transactionalId)
  const transaction = async (isCommitted: boolean) => {
    for (let i = 0; i < 2; i++) {
      const value = `${isCommitted ? 'committed' : 'aborted'} ${endOffset}`
      records.set(endOffset, value)
      if (!isCommitted) aborted.add(value)
      await producer.send(topic, value)
      endOffset++
    }
    await producer.end(isCommitted)
    endOffset++
  }
  await plain(9)
  await transaction(true)
  await transaction(false)
  await plain(9)
  await commitOffset(broker, topic, 2n)
  await transaction(false)
  await commitOffset(broker, topic, committed)
  await plain(8)
  await transaction(false)
  await transaction(true)
  // The recovery points are noted.
  broker.runtime.advance(1000)
  await runAll()
  const recoveryPoint = endOffset
  await plain(2)
  const files = createMemoryFileSystem()
  if (stop === 'closed') await broker.broker.close()
  copyFiles(broker.fileSystem, files)
  const { producerId, producerEpoch } = producer
  return {
    stop,
    files,
    records,
    aborted,
    endOffset,
    recoveryPoint: stop === 'closed' ? endOffset : recoveryPoint,
    producerId,
    producerEpoch,
  }
}

export function copyOf(files: FileSystem): FaultyFileSystem {
  const copy = createMemoryFileSystem()
  copyFiles(files, copy)
  return new FaultyFileSystem(copy)
}
