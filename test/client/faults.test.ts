/** What an application sees when the disk or the way to the broker fails. */
import { afterEach, describe, expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { CorruptDataError, Offset, StorageError } from '../../src/index.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { SeededRandom } from '../simulation/random.ts'
import { SimulatedDisk } from '../simulation/simulated-disk.ts'
import { UnreliableConnection } from './unreliable-connection.ts'

const runtime = createRuntime()
const tooLarge = { code: 'MESSAGE_TOO_LARGE' }
let opened: BaseClient[] = []
afterEach(async () => {
  await Promise.allSettled(opened.map((client) => client.close()))
  opened = []
})

function open(
  fileSystem: FileSystem,
  wrap: (connection: Connection) => Connection = (connection) => connection,
): BaseClient {
  const config = resolveClientConfig({ url: 'memory:', runtime, retryBackoff: 1 }, {})
  const connection = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem, runtime }),
  )
  const client = new BaseClient(config, wrap(connection))
  opened.push(client)
  return client
}

describe('a full disk', () => {
  test('fails what does not fit with an error that says so, loses nothing, and goes on once there is space', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const kafka = open(disk)
    const producer = kafka.producer<string>('orders', { retryBackoff: 1 })
    const stored: string[] = []
    for (let n = 0; n < 5; n++) {
      await producer.send(`before ${n}`)
      stored.push(`before ${n}`)
    }
    disk.capacityBytes = 0
    const failure = producer.send('too much')
    await expect(failure).rejects.toThrow(StorageError)
    await expect(failure).rejects.toThrow(/full/)
    disk.capacityBytes = Number.POSITIVE_INFINITY
    await producer.send('after')
    const records = await kafka.consumer<string>('orders').take(6).toArray()
    expect(records.map(({ value }) => value)).toEqual([...stored, 'after'])
  })
})

describe('a disk that fails to sync', () => {
  test('takes the partition offline with an error that says so; acknowledged records survive the restart', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(2) })
    const kafka = open(disk)
    await kafka.produce('orders', 'safe')
    disk.failNext('sync', /orders-0.*log$/, 'STORAGE_IO')
    const producer = kafka.producer<string>('orders', { retries: 1, retryBackoff: 1 })
    const failure = producer.send('in doubt')
    await expect(failure).rejects.toThrow(StorageError)
    await expect(failure).rejects.toMatchObject({ outcome: 'unknown' })
    await expect(producer.send('later')).rejects.toThrow(/offline/)
    await kafka.close().catch(() => undefined)
    const after = open(disk.afterDeath('power', { random: new SeededRandom(3) }))
    const [first] = await after.consumer<string>('orders').take(1).toArray()
    expect(first!.value).toBe('safe')
  })
})

describe('a segment that is damaged on the disk', () => {
  test('is reported by offset and never served as good data; a consumer can go on past it', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(4) })
    const kafka = open(disk)
    for (let n = 0; n < 5; n++) await kafka.produce('orders', `record ${n}`)
    await kafka.close()
    const path = 'orders-0/00000000000000000000.log'
    const batchBytes = disk.stat(path)!.size / 5
    disk.flipBit(path, 2 * batchBytes + batchBytes - 3)
    const again = open(disk)
    const seen: string[] = []
    const reading = again.consumer<string>('orders').forEach(({ value }) => void seen.push(value))
    await expect(reading).rejects.toThrow(CorruptDataError)
    expect(seen).toEqual(['record 0', 'record 1'])
    const rest = await again
      .consumer<string>('orders', { offset: Offset.at(3) })
      .take(2)
      .toArray()
    expect(rest.map(({ value }) => value)).toEqual(['record 3', 'record 4'])
  })
})

describe('a connection that breaks', () => {
  test.each([1, 2, 3, 4, 5])(
    'never doubles, loses or reorders what an idempotent producer sends (seed %i)',
    async (seed) => {
      const count = 400
      let lossy: UnreliableConnection | undefined
      const kafka = open(createMemoryFileSystem(), (connection) => {
        lossy = new UnreliableConnection(connection, {
          random: new SeededRandom(seed),
          share: 0.28,
          mishaps: ['request lost', 'answer lost'],
          apis: ['Produce'],
        })
        return lossy
      })
      // Small batches, so that five are under way at once.
      const producer = kafka.producer<number>('numbers', { batchSize: 1024, retryBackoff: 1 })
      await producer.sendBatch(Array.from({ length: count }, (_, n) => n))
      const sends: Promise<unknown>[] = []
      for (let n = count; n < 2 * count; n++) {
        sends.push(producer.send(n))
        if (n % 7 === 0) await sends[sends.length - 1]
      }
      await Promise.all(sends)
      const losses = [...lossy!.counts.values()].reduce((sum, count) => sum + count, 0)
      expect(losses).toBeGreaterThan(5)
      const records = await kafka
        .consumer<number>('numbers')
        .take(2 * count)
        .toArray()
      expect(records.map(({ value }) => value)).toEqual(
        Array.from({ length: 2 * count }, (_, n) => n),
      )
      const { offsets } = await kafka.admin.describeTopic('numbers')
      expect(Number(offsets[0]!.latest)).toBe(2 * count)
    },
  )

  test.each(Array.from({ length: 12 }, (_, n) => n + 1))(
    'never doubles, loses or reorders what has to be split (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed)
      const kafka = open(createMemoryFileSystem(), (connection) => {
        const mishaps = ['request lost', 'answer lost', 'not sent'] as const
        return new UnreliableConnection(connection, {
          random,
          share: 0.2,
          mishaps,
          apis: ['Produce', 'InitProducerId'],
        })
      })
      const limit = 2000
      await kafka.admin.createTopic('small', { configs: { 'max.message.bytes': limit } })
      const producer = kafka.producer<string>('small', { batchSize: 8192, retryBackoff: 1 })
      const sends: Promise<unknown>[] = []
      const expected: string[] = []
      for (let n = 0; n < 300; n++) {
        const isTooLarge = random.chance(0.02)
        const value = `${n}:${'.'.repeat(isTooLarge ? limit : random.below(900))}`
        if (!isTooLarge) expected.push(value)
        sends.push(
          producer.send(value).then(
            () => expect(isTooLarge).toBe(false),
            (error: unknown) => expect([error, isTooLarge]).toMatchObject([tooLarge, true]),
          ),
        )
        if (random.chance(0.05)) await sends[random.below(sends.length)]
      }
      await Promise.all(sends)
      const records = await kafka.consumer<string>('small').take(expected.length).toArray()
      expect(records.map(({ value }) => value)).toEqual(expected)
      const { offsets } = await kafka.admin.describeTopic('small')
      expect(Number(offsets[0]!.latest)).toBe(expected.length)
    },
  )
})
