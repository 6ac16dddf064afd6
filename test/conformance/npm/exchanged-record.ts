/** Records in a form that all clients' can be brought to, and how each client writes and reads them. */
import { bytes, Client, Message, Offset, topic as ourTopic } from '../../../src/index.ts'
import * as kafkajs from './kafkajs-client.ts'
import type { ServedBroker } from './served-broker.ts'

export interface ExchangedRecord {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer])[]
  readonly timestamp: number
}

export type Outgoing = Omit<ExchangedRecord, 'partition'> & { readonly partition?: number }

/** One client, as far as records go. */
export interface RecordClient {
  readonly compressions: readonly kafkajs.Compression[]
  write(
    broker: ServedBroker,
    topic: string,
    records: readonly Outgoing[],
    compression: kafkajs.Compression,
  ): Promise<void>
  /** So many from the beginning, by partition and in order. */
  read(broker: ServedBroker, topic: string, count: number): Promise<ExchangedRecord[]>
}

export const allCompressions = Object.keys(kafkajs.compressions) as kafkajs.Compression[]

const ours: RecordClient = {
  compressions: allCompressions,
  async write(broker, name, records, compression) {
    await using client = new Client(broker.url)
    const producer = client.producer(ourTopic(name, { key: bytes, value: bytes }), { compression })
    await producer.sendBatch(records.map(({ value, ...options }) => new Message(value, options)))
  },
  async read(broker, name, count) {
    await using client = new Client(broker.url)
    const records: ExchangedRecord[] = []
    const consumer = client.consumer(ourTopic(name, { key: bytes, value: bytes }), {
      offset: Offset.earliest,
    })
    for await (const record of consumer.take(count)) {
      const { partition, key, timestamp } = record
      // A tombstone, which the types of a topic do not speak of.
      const value = record.value as Uint8Array | null
      records.push({
        partition,
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: record.rawHeaders.map(([header, content]) => [header, Buffer.from(content ?? '')]),
        timestamp: timestamp.getTime(),
      })
    }
    return byPartition(records)
  },
}

const kafkajsClient: RecordClient = {
  compressions: allCompressions,
  async write(broker, topic, records, compression) {
    const producer = await kafkajs.connected(kafkajs.createKafkajs(broker).producer())
    const messages = records.map(({ headers, timestamp, ...rest }) => ({
      ...rest,
      headers: Object.fromEntries(headers),
      timestamp: String(timestamp),
    }))
    await producer.send({ topic, messages, compression: kafkajs.compressions[compression] })
  },
  async read(broker, topic, count) {
    const read = await kafkajs.readAll(kafkajs.createKafkajs(broker), topic, count)
    const records = read.map(({ partition, message: { key, value, headers, timestamp } }) => ({
      partition,
      key,
      value,
      headers: Object.entries(headers ?? {}).map(
        ([name, header]) => [name, header as Buffer] as const,
      ),
      timestamp: Number(timestamp),
    }))
    return byPartition(records)
  },
}

export const recordClients: { readonly [name: string]: RecordClient } = {
  'kafka-do': ours,
  kafkajs: kafkajsClient,
}

/** For comparing and for showing what differs; comparing buffers byte by byte would take seconds. */
export function inBase64(records: readonly Outgoing[]): object[] {
  const base64 = (bytes: Buffer | null) => bytes?.toString('base64') ?? null
  return records.map(({ key, value, headers, ...rest }) => ({
    key: base64(key),
    value: base64(value),
    headers: headers.map(([name, header]) => [name, base64(header)]),
    ...rest,
  }))
}

export function byPartition(records: readonly ExchangedRecord[]): ExchangedRecord[] {
  return [...records].sort((a, b) => a.partition - b.partition)
}
