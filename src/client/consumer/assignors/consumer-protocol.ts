/**
 * What members tell each other inside the group protocol: Kafka's ConsumerProtocol. Each blob begins with its version
 * as an int16; a newer version is read as the newest known one, whose fields it begins with.
 *
 * The generation has a field of its own from version 2 on. Java clients before that (up to 3.1) put it into the user
 * data of their cooperative assignor, as an int32; it is written to both places and read from either.
 */
import { CorruptDataError } from '../../../core/errors.ts'
import { groupBy } from '../../../core/group-by.ts'
import type { DataMessage } from '../../../protocol/api.ts'
import { ByteReader } from '../../../protocol/byte-reader.ts'
import { ByteWriter } from '../../../protocol/byte-writer.ts'
import {
  consumerProtocolAssignment,
  createConsumerProtocolAssignment,
} from '../../../protocol/messages/generated/consumer-protocol-assignment.ts'
import {
  consumerProtocolSubscription,
  createConsumerProtocolSubscription,
} from '../../../protocol/messages/generated/consumer-protocol-subscription.ts'
import type { TopicPartition } from './assignor.ts'

export interface Subscription {
  readonly topics: readonly string[]
  readonly ownedPartitions: readonly TopicPartition[]
  /** -1: unknown. */
  readonly generationId: number
  /** What the assignor adds. */
  readonly userData: Uint8Array | null
}

export interface Assignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array | null
}

export function encodeSubscription({
  topics,
  ownedPartitions,
  generationId,
  userData,
}: Subscription): Uint8Array {
  return encode(
    consumerProtocolSubscription,
    createConsumerProtocolSubscription({
      topics: [...topics].sort(),
      userData,
      ownedPartitions: toTopics(ownedPartitions),
      generationId,
      rackId: null,
    }),
  )
}

/** Throws `CorruptDataError`. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const message = decode(consumerProtocolSubscription, bytes)
  const { topics, userData } = message
  const generationId =
    message.generationId < 0 && userData?.length === 4
      ? new ByteReader(userData).readInt32()
      : message.generationId
  const ownedPartitions = fromTopics(message.ownedPartitions)
  return { topics, ownedPartitions, generationId, userData: userData ? userData.slice() : null }
}

/** What Java's cooperative assignor adds. */
export function generationData(generationId: number): Uint8Array | null {
  if (generationId < 0) return null
  const writer = new ByteWriter()
  writer.writeInt32(generationId)
  return writer.finish().slice()
}

export function encodeAssignment({ partitions, userData }: Assignment): Uint8Array {
  return encode(
    consumerProtocolAssignment,
    createConsumerProtocolAssignment({ assignedPartitions: toTopics(partitions), userData }),
  )
}

/** Throws `CorruptDataError`. */
export function decodeAssignment(bytes: Uint8Array): Assignment {
  const { assignedPartitions, userData } = decode(consumerProtocolAssignment, bytes)
  return {
    partitions: fromTopics(assignedPartitions),
    userData: userData ? userData.slice() : null,
  }
}

function encode<T>(message: DataMessage<T>, content: T): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(message.maxVersion)
  message.encode(writer, content, message.maxVersion)
  return writer.finish().slice()
}

function decode<T>(message: DataMessage<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes)
  const version = reader.readInt16()
  if (version < message.minVersion) {
    throw new CorruptDataError(`A group member sent ${message.name} with version ${version}`, {
      code: 'CORRUPT_MESSAGE',
    })
  }
  return message.decode(reader, Math.min(version, message.maxVersion))
}

function toTopics(
  partitions: readonly TopicPartition[],
): { topic: string; partitions: number[] }[] {
  return [...groupBy(partitions, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map(({ partition }) => partition).sort((a, b) => a - b),
  }))
}

function fromTopics(
  topics: readonly { topic: string; partitions: readonly number[] }[],
): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}
