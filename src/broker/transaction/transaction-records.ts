/**
 * The records of `__transaction_state`, in Kafka's own format, so that its tools read them: key version 0 (the
 * transactional id), value version 1 (flexible, KIP-890). A null value removes the id.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { ByteReader } from '../../protocol/byte-reader.ts'
import { ByteWriter } from '../../protocol/byte-writer.ts'
import type {
  TopicPartition,
  TransactionSnapshot,
  TransactionStatus,
} from './transaction-messages.ts'

const keyVersion = 0
const valueVersion = 1
const previousProducerIdTag = 0
const nextProducerIdTag = 1
const clientVersionTag = 2

/** By Kafka's number. Dead (6) and PrepareEpochFence (7) are never stored. */
const statuses: readonly TransactionStatus[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

export function encodeTransactionKey(id: string): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(keyVersion)
  writer.writeString(id, false)
  return writer.finish().slice()
}

export function encodeTransactionValue(snapshot: TransactionSnapshot): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(valueVersion)
  writer.writeInt64(snapshot.producerId)
  writer.writeInt16(snapshot.producerEpoch)
  writer.writeInt32(snapshot.timeoutMs)
  writer.writeInt8(statuses.indexOf(snapshot.status))
  if (snapshot.status === 'Empty') writer.writeArrayLength(-1, true)
  else writePartitions(writer, snapshot.partitions)
  writer.writeInt64(BigInt(snapshot.updatedAtMs))
  writer.writeInt64(BigInt(snapshot.startedAtMs))
  const { previousProducerId, nextProducerId, clientVersion } = snapshot
  const tags: [tag: number, write: () => void][] = []
  if (previousProducerId >= 0n) {
    tags.push([previousProducerIdTag, () => writer.writeInt64(previousProducerId)])
  }
  if (nextProducerId >= 0n) tags.push([nextProducerIdTag, () => writer.writeInt64(nextProducerId)])
  if (clientVersion !== 0) tags.push([clientVersionTag, () => writer.writeInt16(clientVersion)])
  writer.writeUnsignedVarint(tags.length)
  for (const [tag, write] of tags) {
    writer.writeUnsignedVarint(tag)
    const mark = writer.beginSized()
    write()
    writer.endSized(mark)
  }
  return writer.finish().slice()
}

/** Undefined for keys that a later version has added. Throws `CorruptDataError`. */
export function decodeTransactionKey(bytes: Uint8Array): string | undefined {
  const reader = new ByteReader(bytes)
  return reader.readInt16() === keyVersion ? reader.readString(false) : undefined
}

/** Reads versions 0 and 1. Throws `CorruptDataError`. */
export function decodeTransactionValue(bytes: Uint8Array): TransactionSnapshot {
  const reader = new ByteReader(bytes)
  const version = reader.readInt16()
  if (version !== 0 && version !== valueVersion) throw unreadable(`a value of version ${version}`)
  const isFlexible = version >= 1
  const producerId = reader.readInt64()
  const producerEpoch = reader.readInt16()
  const timeoutMs = reader.readInt32()
  const number = reader.readInt8()
  const status = statuses[number]
  if (!status) throw unreadable(`transaction status ${number}`)
  const partitions = readPartitions(reader, isFlexible)
  const updatedAtMs = Number(reader.readInt64())
  const startedAtMs = Number(reader.readInt64())
  const tagged = isFlexible ? readTags(reader) : noTags
  return {
    producerId,
    producerEpoch,
    lastProducerEpoch: -1,
    timeoutMs,
    status,
    partitions,
    updatedAtMs,
    startedAtMs,
    ...tagged,
  }
}

const noTags = { previousProducerId: -1n, nextProducerId: -1n, clientVersion: 0 } as const

function readTags(reader: ByteReader) {
  let tags: Pick<TransactionSnapshot, 'previousProducerId' | 'nextProducerId' | 'clientVersion'> =
    noTags
  for (let left = reader.readTaggedFieldCount(); left > 0; left--) {
    const tag = reader.readUnsignedVarint()
    const end = reader.readTaggedFieldSize() + reader.position
    if (tag === previousProducerIdTag) tags = { ...tags, previousProducerId: reader.readInt64() }
    else if (tag === nextProducerIdTag) tags = { ...tags, nextProducerId: reader.readInt64() }
    else if (tag === clientVersionTag) {
      tags = { ...tags, clientVersion: reader.readInt16() >= 2 ? 2 : 0 }
    } else reader.position = end
    reader.endTaggedField(end)
  }
  return tags
}

/** Topics with their partitions. Kafka reads null only where the status is Empty. */
function writePartitions(writer: ByteWriter, partitions: readonly TopicPartition[]): void {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const ofTopic = byTopic.get(topic)
    if (ofTopic) ofTopic.push(partition)
    else byTopic.set(topic, [partition])
  }
  writer.writeArrayLength(byTopic.size, true)
  for (const [topic, ids] of byTopic) {
    writer.writeString(topic, true)
    writer.writeArrayLength(ids.length, true)
    for (const id of ids) writer.writeInt32(id)
    writer.writeUnsignedVarint(0)
  }
}

function readPartitions(reader: ByteReader, isFlexible: boolean): TopicPartition[] {
  const partitions: TopicPartition[] = []
  for (let topics = reader.readNullableArrayLength(isFlexible); topics > 0; topics--) {
    const topic = reader.readString(isFlexible)
    for (let ids = reader.readArrayLength(isFlexible); ids > 0; ids--) {
      partitions.push({ topic, partition: reader.readInt32() })
    }
    if (isFlexible) reader.skipTaggedFields()
  }
  return partitions
}

function unreadable(what: string): CorruptDataError {
  return new CorruptDataError(
    `__transaction_state holds ${what}, which this kafka-do cannot read`,
    {
      code: 'UNSUPPORTED_DATA_FORMAT',
    },
  )
}
