/** What tests of stream applications write and read: records with their keys and times, and a topic up to now. */
import { bytes, type Client, type Headers, Message, topic } from '../../src/index.ts'

export interface Sent {
  readonly key: string | null
  readonly value: unknown
  readonly timestamp?: number | undefined
  readonly headers?: Headers | undefined
}

/** They keep what has old timestamps. */
export async function createTopics(
  kafka: Client,
  partitions: number,
  ...names: string[]
): Promise<void> {
  const config = { partitions, retention: -1 }
  await Promise.all(names.map((name) => kafka.admin.createTopic(name, config)))
}

/** One after the other, so that those of a partition lie there in this order. */
export async function send(kafka: Client, name: string, ...records: Sent[]): Promise<void> {
  const messages = records.map(
    ({ key, value, timestamp, headers }) =>
      new Message(value, {
        ...(key !== null && { key }),
        ...(timestamp !== undefined && { timestamp: new Date(timestamp) }),
        ...(headers && { headers }),
      }),
  )
  await kafka.producer(name).sendBatch(messages)
}

export interface Read<V = unknown> {
  readonly partition: number
  readonly key: string | null
  readonly value: V
  readonly timestamp: number
  readonly headers: { readonly [name: string]: string | null }
}

/** The first records of a topic, as committed readers see them; waits until so many are there. */
export async function read<V = unknown>(
  kafka: Client,
  name: string,
  count: number,
): Promise<Read<V>[]> {
  const records = await kafka.consumer<V>(name).take(count).toArray()
  return records.map(({ partition, key, value, timestamp, headers }) => ({
    partition,
    key,
    value,
    timestamp: timestamp.getTime(),
    headers,
  }))
}

/** What was written for each key, in its order. */
export function byKey<V>(records: readonly Read<V>[]): { [key: string]: V[] } {
  const values: { [key: string]: V[] } = {}
  for (const { key, value } of records) {
    values[String(key)] ??= []
    values[String(key)]!.push(value)
  }
  return values
}

export interface RawRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: { readonly [name: string]: string | null }
}

const endKey = 'the end'

/** All that committed readers see of a topic now, as it is stored, partition by partition. Adds a record to each to know the ends. */
export async function readToEnd(kafka: Client, name: string): Promise<RawRecord[]> {
  const { offsets } = await kafka.admin.describeTopic(name)
  const raw = topic<Uint8Array, Uint8Array>(name, { key: bytes, value: bytes })
  const end = new TextEncoder().encode(endKey)
  for (let partition = 0; partition < offsets.length; partition++)
    await kafka.produce(raw, end, { key: end, partition })
  const read: RawRecord[][] = offsets.map(() => [])
  let ends = 0
  for await (const { key, value, partition, timestamp, headers } of kafka.consumer(raw)) {
    if (key !== null && new TextDecoder().decode(key) === endKey) {
      if (++ends === offsets.length) break
    } else read[partition]!.push({ key, value, timestamp: timestamp.getTime(), headers })
  }
  return read.flat()
}
