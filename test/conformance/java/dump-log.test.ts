/** Kafka's own reader of log files, on a data folder that our broker has written under load. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from '../../../src/index.ts'
import { createServer } from '../../../src/server/server.ts'
import { describeJava } from '../../kafka/describe-java.ts'
import { tool } from '../../kafka/java-tools.ts'

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const perCompression = 400

describeJava('Java tools: kafka-dump-log', () => {
  let folder: string
  let files: string[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-dump-log-'))
    const server = await createServer({ data: folder, port: 0, broker: { segmentBytes: 40_000 } })
    const kafka = new Client(server.url)
    await kafka.admin.createTopic('orders')
    for (const compression of compressions) {
      const producer = kafka.producer<string>('orders', { compression, batchSize: 4096 })
      for (let n = 0; n < perCompression; n += 20) {
        const values = Array.from({ length: 20 }, (_, i) =>
          `${compression} ${n + i} `.padEnd(400, 'x'),
        )
        await producer.sendBatch(values)
      }
    }
    for (let n = 0; n < 20; n++) {
      await kafka
        .transaction('orders', async (tx) => {
          await tx.send(`transaction ${n}`)
          if (n % 2 === 1) throw new Error('abort')
        })
        .catch(() => undefined)
    }
    const stop = new AbortController()
    let seen = 0
    await kafka.consume('orders', { group: 'readers', signal: stop.signal }, () => {
      if (++seen === 500) stop.abort()
    })
    await kafka.close()
    await server.close()
    const all = await readdir(folder, { recursive: true })
    files = all.map((name) => join(folder, name)).sort()
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const named = (pattern: RegExp) => files.filter((file) => pattern.test(file))
  const dump = (of: readonly string[], ...options: string[]) =>
    tool('dump-log', ['--files', of.join(','), ...options])
  /** What it prints of files that do not fit together. */
  const complaints = /mismatch|corrupt|not found|Found timestamp|Exception|isvalid: false/i

  test('every record of every segment, in every compression', async () => {
    const logs = named(/orders-0\/\d+\.log$/)
    expect(logs.length).toBeGreaterThan(3)
    const printed = await dump(logs, '--deep-iteration', '--print-data-log')
    expect(printed).not.toMatch(complaints)
    for (const compression of compressions) {
      const payloads = printed.match(new RegExp(`payload: "${compression} \\d+ `, 'g')) ?? []
      expect(payloads, compression).toHaveLength(perCompression)
      expect(printed).toContain(`compresscodec: ${compression}`)
    }
    expect(printed.match(/endTxnMarker: COMMIT/g)).toHaveLength(10)
    expect(printed.match(/endTxnMarker: ABORT/g)).toHaveLength(10)
  })

  test('the offset and time indexes fit the segments', async () => {
    const indexes = named(/orders-0\/\d+\.(index|timeindex)$/)
    expect(indexes.length).toBeGreaterThan(6)
    expect(await dump(indexes, '--index-sanity-check')).not.toMatch(complaints)
    expect(await dump(indexes, '--verify-index-only')).not.toMatch(complaints)
  })

  test('the index of aborted transactions', async () => {
    const printed = await dump(named(/orders-0\/\d+\.txnindex$/))
    expect(printed.match(/producerId: \d+/g)).toHaveLength(10)
  })

  test('the snapshots of producers', async () => {
    const printed = await dump(named(/orders-0\/\d+\.snapshot$/))
    expect(printed).toMatch(/producerId: \d+ producerEpoch: \d+/)
    expect(printed).not.toMatch(complaints)
  })

  test('the offsets of groups and the states of transactions', async () => {
    const offsets = await dump(named(/__consumer_offsets-0\/\d+\.log$/), '--offsets-decoder')
    expect(offsets).toContain('"group":"readers"')
    expect(offsets).toContain('"topic":"orders"')
    const states = await dump(
      named(/__transaction_state-0\/\d+\.log$/),
      '--transaction-log-decoder',
    )
    expect(states).toContain('"transactionStatus":5')
    expect(states).toMatch(/"transactionalId":"kafka-do-/)
  })
})
