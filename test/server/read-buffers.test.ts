/** The memory that responses are read into is used again: nobody may be sent what another reader's read put there. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client, Message, string, topic } from '../../src/index.ts'
import { fetch } from '../../src/protocol/messages/generated/fetch.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { readBuffers } from '../../src/storage/read-buffers.ts'
import { RawClient } from './raw-client.ts'
import { toFetch } from './raw-requests.ts'
import { testCert, testKey } from './test-certificate.ts'

const partitions = 3
const recordsEach = 3000
const t = topic('t', { key: string, value: string })
const valueAt = (partition: number, i: number) => `${partition}/${i} `.repeat(400)

let folder: string
let server: Server
const config = () => ({ data: folder, port: 0 })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-buffers-'))
  server = await createServer(config())
  const kafka = new Client(server.url)
  await kafka.admin.createTopic('t', { partitions })
  const producer = kafka.producer(t)
  for (let partition = 0; partition < partitions; partition++) {
    const messages = Array.from(
      { length: recordsEach },
      (_, i) => new Message(valueAt(partition, i), { partition, key: String(i) }),
    )
    await producer.sendBatch(messages)
  }
  await kafka.close()
  await server.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Each partition in pieces of its own size, twice. */
async function readAll(kafka: Client, maxPartitionFetchBytes: number): Promise<void> {
  for (let time = 0; time < 2; time++) {
    const consumer = kafka.consumer(t, { maxPartitionFetchBytes })
    const next = Array<number>(partitions).fill(0)
    for await (const record of consumer.take(partitions * recordsEach)) {
      const i = next[record.partition]!++
      if (record.value !== valueAt(record.partition, i))
        expect(record.value).toBe(valueAt(record.partition, i))
    }
    await consumer.close()
  }
}

test.each(['plain', 'TLS'])(
  'consumers at once, some that leave in the middle, over %s connections',
  async (kind) => {
    // A log that was just opened is read from the disk.
    const ca = kind === 'TLS' ? testCert : undefined
    server = await createServer({
      ...config(),
      ...(ca && { tls: { cert: testCert, key: testKey } }),
    })
    try {
      const clients = [30_000, 31_000, 100_000, 1_000_000].map(
        () => new Client({ url: server.url, ...(ca && { tls: { ca } }) }),
      )
      const leaving = async () => {
        for (let i = 0; i < 20; i++) {
          const raw = await RawClient.open(server.port, { ...(ca && { ca }) })
          for (let j = 0; j < 3; j++) raw.send(fetch, 11, toFetch(100, 0n, 30_000 + 1000 * (i % 3)))
          if (i % 2 === 0) await raw.until(1)
          raw.socket.destroy()
        }
      }
      const sizes = [30_000, 31_000, 100_000, 1_000_000]
      const reading = clients.map((kafka, i) => readAll(kafka, sizes[i]!))
      await Promise.all([...reading, leaving(), leaving()])
      expect(readBuffers.freeBytes).toBeGreaterThan(0)
      await Promise.all(clients.map((kafka) => kafka.close()))
    } finally {
      await server.close()
    }
  },
)

test('a response that its client has not read yet stays as it is while others are read', async () => {
  server = await createServer({ ...config(), maxUnsentBytes: 7_500_000 })
  const fetched = async (client: RawClient, offset: bigint) => {
    client.forget()
    client.send(fetch, 11, toFetch(100, offset, 7_500_000))
    await client.until(1)
    return client.frames[0]!
  }
  const [slow, other] = [await RawClient.open(server.port), await RawClient.open(server.port)]
  try {
    const wanted = await fetched(other, 0n)
    expect(wanted.length).toBeGreaterThan(7_000_000)
    slow.socket.pause()
    slow.send(fetch, 11, toFetch(100, 0n, 7_500_000))
    // Each is read into memory of the same size.
    for (let i = 1n; i <= 10n; i++) await fetched(other, 100n * i)
    slow.socket.resume()
    await slow.until(1)
    expect(Buffer.compare(slow.frames[0]!, wanted)).toBe(0)
  } finally {
    slow.socket.destroy()
    other.socket.destroy()
    await server.close()
  }
})
