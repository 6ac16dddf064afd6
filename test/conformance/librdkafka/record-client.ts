/** How confluent-kafka, librdkafka's Python client, writes and reads records. */
import { expect } from 'vitest'
import type { RecordClient } from '../npm/exchanged-record.ts'
import { ConfluentProcess, type ConfluentRecord, confluent } from './confluent.ts'

const packed = (part: Buffer | null) => part?.toString('base64') ?? null
const unpacked = (part: string | null) => (part === null ? null : Buffer.from(part, 'base64'))

async function withProcess<T>(work: (client: ConfluentProcess) => Promise<T>): Promise<T> {
  if (confluent.missing !== undefined) throw new Error(confluent.missing)
  const client = await ConfluentProcess.start(confluent.program)
  try {
    return await work(client)
  } finally {
    await client.kill()
  }
}

/** Of partition 0 only. */
export const librdkafka: RecordClient = {
  compressions: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
  write: ({ bootstrap }, topic, records, compression) =>
    withProcess(async (client) => {
      const how = { 'compression.type': compression, 'linger.ms': 50 }
      await client.call('producer', 'p', { config: { 'bootstrap.servers': bootstrap, ...how } })
      const sent = records.map(({ key, value, headers, timestamp }) => ({
        ...{ topic, partition: 0, timestamp, key: packed(key), value: packed(value) },
        headers: headers.map(([name, header]) => [name, packed(header)]),
      }))
      const delivered = await client.call('produce', 'p', { records: sent })
      expect(delivered).toEqual(records.map((_, i) => [0, i]))
    }),
  read: ({ bootstrap }, topic, count) =>
    withProcess(async (client) => {
      const config = { 'bootstrap.servers': bootstrap, 'group.id': 'reader' }
      await client.call('consumer', 'c', { config })
      await client.call('assign', 'c', { partitions: [[topic, 0, 0]] })
      const read = await client.call<ConfluentRecord[]>('read', 'c', { count })
      return read.map(({ partition, key, value, headers, timestamp }) => ({
        ...{ partition, timestamp, key: unpacked(key), value: unpacked(value) },
        headers: headers.map(([name, header]) => [name, unpacked(header)!] as const),
      }))
    }),
}
