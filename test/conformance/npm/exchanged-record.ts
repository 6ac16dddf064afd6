/** Records in a form that all clients' can be brought to, and how each client writes and reads them. */
import { compatibilityPartitioner, compressionsAlgorithms } from '@platformatic/kafka'
import { bytes, Client, Message, Offset, topic as ourTopic } from '../../../src/index.ts'
import * as kafkajs from './kafkajs-client.ts'
import * as platformatic from './platformatic-client.ts'
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
  /** Whether the values of headers are given as text. */
  readonly hasTextHeaders: boolean
  write(
    broker: ServedBroker,
    topic: string,
    records: readonly Outgoing[],
    compression: kafkajs.Compression,
  ): Promise<void>
  /** So many from the beginning, by partition and in order. */
  read(broker: ServedBroker, topic: string, count: number): Promise<ExchangedRecord[]>
}

const all = Object.keys(kafkajs.compressions) as kafkajs.Compression[]

const ours: RecordClient = {
  compressions: all,
  hasTextHeaders: true,
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
        headers: Object.entries(record.headers).map(([header, text]) => [
          header,
          Buffer.from(text),
        ]),
        timestamp: timestamp.getTime(),
      })
    }
    return byPartition(records)
  },
}

const kafkajsClient: RecordClient = {
  compressions: all,
  hasTextHeaders: false,
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

const platformaticClient: RecordClient = {
  compressions: all.filter((name) => compressionsAlgorithms[name].available),
  hasTextHeaders: false,
  async write(broker, topic, records, compression) {
    const messages = records.map(
      ({ key, value, headers, timestamp, partition }): platformatic.BufferToProduce => ({
        topic,
        ...(partition !== undefined && { partition }),
        ...(key && { key }),
        ...(value && { value }),
        headers: new Map(headers.map(([name, header]) => [Buffer.from(name), header])),
        timestamp: BigInt(timestamp),
      }),
    )
    // Its default spreads keys in a way of its own.
    const producer = platformatic.createProducer(broker, { partitioner: compatibilityPartitioner })
    await producer.send({ messages, compression })
  },
  async read(broker, topic, count) {
    const read = await platformatic.readAll(broker, topic, count)
    const records = read.map(({ partition, key, value, headerEntries, timestamp }) => ({
      partition,
      // It gives undefined for null, against its types.
      key: key ?? null,
      value: value ?? null,
      headers: headerEntries.map(([name, header]) => [name.toString(), header] as const),
      timestamp: Number(timestamp),
    }))
    return byPartition(records)
  },
}

export const recordClients: { readonly [name: string]: RecordClient } = {
  'kafka-do': ours,
  kafkajs: kafkajsClient,
  '@platformatic/kafka': platformaticClient,
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

function byPartition(records: readonly ExchangedRecord[]): ExchangedRecord[] {
  return [...records].sort((a, b) => a.partition - b.partition)
}
