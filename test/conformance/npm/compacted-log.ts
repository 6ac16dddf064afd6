/**
 * A compacted topic for clients to read to its end: many small segments of records that were overtaken, tombstones, aborted
 * and committed transactions; compacted, and then served by a broker that was started anew, so that what is read is what
 * is on disk.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Client, Message, Offset } from '../../../src/index.ts'
import { createServer } from '../../../src/server/server.ts'
import {
  type ExchangedRecord,
  inBase64,
  type RecordClient,
  recordClients,
} from './exchanged-record.ts'
import type { ServedBroker } from './served-broker.ts'

const topic = 'compacted'
const rounds = 60
const perRound = 40
const configs = {
  'cleanup.policy': 'compact',
  'segment.bytes': '16384',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '0',
}
/** Compaction keeps the newest record of each key: what is left of all rounds, with what the last segments hold, is less than this. */
const leftMax = (rounds * perRound) / 4

type Table = Map<string, string>

/** Writes what is overtaken and what stays; returns the last value of each key. */
async function fill(client: Client): Promise<Table> {
  const table: Table = new Map()
  const producer = client.producer<string>(topic)
  for (let round = 0; round < rounds; round++) {
    const messages = Array.from({ length: perRound }, (_, i) => {
      // Ten keys that come again and again, and now and then one that never does.
      const isOnce = i === 7 && round % 5 === 0
      const key = isOnce ? `once-${round}` : `key-${i % 10}`
      const value = `${round}.${i} `.padEnd(100, 'x')
      table.set(key, value)
      return new Message(value, { key })
    })
    await producer.sendBatch(messages)
    if (round % 10 === 3) {
      await producer.send(null, { key: `once-${round - 3}` })
      table.delete(`once-${round - 3}`)
    }
    if (round < rounds - 20 && round % 4 === 1) await transact(client, table, round)
  }
  await producer.close()
  return table
}

/** Every other transaction is aborted: what it wrote overtakes nothing. */
async function transact(client: Client, table: Table, round: number): Promise<void> {
  const isAborted = round % 8 === 1
  const sent = [1, 2, 3].map((n) => [`in-transaction-${n}`, `${round}`.padEnd(50)] as const)
  const running = client.transaction(topic, { id: 'filler' }, async (tx) => {
    for (const [key, value] of sent) await tx.send(value, { key })
    if (isAborted) throw new Error('abort')
  })
  if (isAborted) await running.catch(() => undefined)
  else await running
  if (!isAborted) for (const [key, value] of sent) table.set(key, value)
}

function tableOf(records: readonly ExchangedRecord[]): Table {
  const table: Table = new Map()
  for (const { key, value } of records) {
    const text = JSON.parse(String(value ?? 'null')) as string | null
    if (text === null) table.delete(String(key))
    else table.set(String(key), text)
  }
  return table
}

/** Tests that each client reads what ours reads, to the end, and that this is the newest of every key. */
export function describeCompacted(clients: { readonly [name: string]: RecordClient }): void {
  describe('a compacted log, after a restart, is read to its end', () => {
    let folder = ''
    let table: Table
    let broker: (ServedBroker & { close(): Promise<void> }) | undefined
    let expected: ExchangedRecord[] = []

    const serve = async (logCleanerBackoff: string) => {
      const server = await createServer({
        data: folder,
        port: 0,
        broker: { logCleanerBackoff, groupMinSessionTimeout: 100, fetchMaxWait: 300 },
      })
      const { port, url } = server
      return { port, url, bootstrap: `127.0.0.1:${port}`, close: () => server.close() }
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kafka-do-compacted-'))
      const before = await serve('50ms')
      await using client = new Client(before.url)
      await client.admin.createTopic(topic, { configs })
      table = await fill(client)
      // A record at the end, so that it is known how many there are.
      await client.produce(topic, 'end', { key: 'end' })
      table.set('end', 'end')
      const isCompacted = async () => (await countToEnd(before)) < leftMax
      await vi.waitUntil(isCompacted, { timeout: 60_000, interval: 200 })
      await client.close()
      await before.close()
      // From now on nothing changes.
      broker = await serve('1h')
      expected = await recordClients['kafka-do']!.read(broker, topic, await countToEnd(broker))
    })
    afterAll(async () => {
      await broker?.close()
      await rm(folder, { recursive: true, force: true })
    })

    test('nothing is lost, and what was overtaken is gone', () => {
      expect(tableOf(expected)).toEqual(table)
      expect(expected.length).toBeLessThan(leftMax)
    })

    for (const [name, client] of Object.entries(clients)) {
      test(`by ${name}`, async () => {
        const read = await client.read(broker!, topic, expected.length)
        expect(inBase64(read)).toEqual(inBase64(expected))
      })
    }
  })
}

/** How many records our client reads up to the one that says that it is the last. */
async function countToEnd(broker: ServedBroker): Promise<number> {
  await using client = new Client(broker.url)
  let count = 0
  for await (const { value } of client.consumer<string>(topic, { offset: Offset.earliest })) {
    count++
    if (value === 'end') break
  }
  return count
}
