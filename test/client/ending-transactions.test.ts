/** Transactions whose client or consumer ends in the middle of them: each is all or nothing, and in nobody's way. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, ClosedError } from '../../src/index.ts'
import { isServed, useCluster } from './test-cluster.ts'

describe('in the middle of a transaction', () => {
  const cluster = useCluster()
  let folder: string
  let kafka: Client
  let other: Client

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-ending-'))
    // Clients of one process share the broker of a folder.
    const open = () => (isServed ? cluster.open() : new Client(`file:${folder}`))
    kafka = open()
    other = open()
    await other.admin.createTopic('out')
  })
  afterEach(async () => {
    await Promise.allSettled([kafka.close(), other.close()])
    await rm(folder, { recursive: true, force: true })
  })

  /** What another client sees of the topic; it waits for what is still open. */
  async function read(): Promise<unknown[]> {
    await other.produce('out', 'end')
    const values: unknown[] = []
    for await (const { value } of other.consumer('out')) {
      if (value === 'end') break
      values.push(value)
    }
    return values
  }

  test('close() lets one finish that is about to', async () => {
    const transaction = kafka.transaction('out', async (tx) => {
      await tx.send(1)
      closing = kafka.close()
      await tx.send(2)
      return 'done'
    })
    let closing: Promise<void> | undefined
    expect(await transaction).toBe('done')
    await closing
    expect(await read()).toEqual([1, 2])
  })

  test('close() aborts one that goes on, and says so to it', async () => {
    let isSent: () => void = () => undefined
    const sent = new Promise<void>((resolve) => {
      isSent = resolve
    })
    const never = new Promise<void>(() => undefined)
    const transaction = kafka.transaction('out', async (tx) => {
      await tx.send(1)
      isSent()
      await never
    })
    const failure = expect(transaction).rejects.toThrow(ClosedError)
    await sent
    await kafka.close()
    await failure
    expect(await read()).toEqual([])
  })

  test('close() called and awaited by its own work does not wait for ever', async () => {
    const transaction = kafka.transaction('out', async (tx) => {
      await tx.send(1)
      await kafka.close()
      await tx.send(2)
    })
    await expect(transaction).rejects.toThrow(ClosedError)
    expect(await read()).toEqual([])
  })

  test.each(['signal', 'consumer'] as const)(
    'a consumer that is stopped (by its %s) commits the offset with it',
    async (way) => {
      await other.producer('in').sendBatch([1, 2, 3])
      const stop = new AbortController()
      const consumer = kafka.consumer<number>('in', { group: 'copy', signal: stop.signal })
      let closing: Promise<void> | undefined
      await consumer.forEach(async (record) => {
        await kafka.transaction('out', async (tx) => {
          await tx.send(record.value)
          if (record.value === 2) {
            if (way === 'signal') stop.abort()
            else closing = consumer.close()
          }
          await tx.commitOffsets(record)
        })
      })
      await closing
      // Apache Kafka answers the end of a transaction before its marker is in the offsets.
      const committed = async () => {
        const { partitions } = await other.admin.describeGroup('copy')
        return partitions.map((partition) => partition.committed)
      }
      await expect.poll(committed, { timeout: 20_000 }).toEqual([2n])
      expect(await read()).toEqual([1, 2])
    },
  )
})
