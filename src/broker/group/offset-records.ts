/**
 * The records of `__consumer_offsets`, in Kafka's own formats, so that its tools read them.
 *
 *   key   int16 version 0–1: group, topic, partition        → value version 3: offset, leader epoch, metadata, time
 *   key   int16 version 2: group                            → value version 3: group metadata and members
 *
 * A null value removes the key.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { ByteReader } from '../../protocol/byte-reader.ts'
import { ByteWriter } from '../../protocol/byte-writer.ts'
import type { GroupSnapshot, MemberSnapshot } from './classic/group-messages.ts'

const offsetKeyVersion = 1
const groupKeyVersion = 2
const valueVersion = 3

export type OffsetsKey =
  | {
      readonly kind: 'offset'
      readonly group: string
      readonly topic: string
      readonly partition: number
    }
  | { readonly kind: 'group'; readonly group: string }

export interface CommittedOffset {
  readonly offset: bigint
  /** -1: unknown. */
  readonly leaderEpoch: number
  readonly metadata: string
  /** Wall-clock milliseconds. */
  readonly committedAtMs: number
  /** Where the record stands in `__consumer_offsets`: the later of two counts. */
  readonly logOffset: bigint
}

export interface StoredGroup {
  readonly snapshot: GroupSnapshot
  /** When it was written, wall-clock milliseconds. */
  readonly storedAtMs: number
}

export function encodeOffsetKey(group: string, topic: string, partition: number): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(offsetKeyVersion)
  writer.writeString(group, false)
  writer.writeString(topic, false)
  writer.writeInt32(partition)
  return writer.finish().slice()
}

export function encodeOffsetValue({
  offset,
  leaderEpoch,
  metadata,
  committedAtMs,
}: Omit<CommittedOffset, 'logOffset'>): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(valueVersion)
  writer.writeInt64(offset)
  writer.writeInt32(leaderEpoch)
  writer.writeString(metadata, false)
  writer.writeInt64(BigInt(committedAtMs))
  return writer.finish().slice()
}

export function encodeGroupKey(group: string): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(groupKeyVersion)
  writer.writeString(group, false)
  return writer.finish().slice()
}

export function encodeGroupValue({ snapshot, storedAtMs }: StoredGroup): Uint8Array {
  const writer = new ByteWriter()
  writer.writeInt16(valueVersion)
  writer.writeString(snapshot.protocolType, false)
  writer.writeInt32(snapshot.generation)
  writer.writeNullableString(snapshot.protocolName, false)
  writer.writeNullableString(snapshot.leaderId, false)
  writer.writeInt64(BigInt(storedAtMs))
  writer.writeArrayLength(snapshot.members.length, false)
  for (const member of snapshot.members) {
    writer.writeString(member.memberId, false)
    writer.writeNullableString(member.groupInstanceId, false)
    writer.writeString(member.clientId, false)
    writer.writeString(member.clientHost, false)
    writer.writeInt32(member.rebalanceTimeoutMs)
    writer.writeInt32(member.sessionTimeoutMs)
    writer.writeBytes(member.subscription, false)
    writer.writeBytes(member.assignment, false)
  }
  return writer.finish().slice()
}

/** Undefined for keys that a later version has added. Throws `CorruptDataError`. */
export function decodeKey(bytes: Uint8Array): OffsetsKey | undefined {
  const reader = new ByteReader(bytes)
  const version = reader.readInt16()
  if (version === groupKeyVersion) return { kind: 'group', group: reader.readString(false) }
  if (version < 0 || version > groupKeyVersion) return undefined
  return {
    kind: 'offset',
    group: reader.readString(false),
    topic: reader.readString(false),
    partition: reader.readInt32(),
  }
}

/** Throws `CorruptDataError`. */
export function decodeOffsetValue(bytes: Uint8Array, logOffset = 0n): CommittedOffset {
  const reader = new ByteReader(bytes)
  checkVersion(reader.readInt16())
  const offset = reader.readInt64()
  const leaderEpoch = reader.readInt32()
  const metadata = reader.readString(false)
  return { offset, leaderEpoch, metadata, committedAtMs: Number(reader.readInt64()), logOffset }
}

/** Throws `CorruptDataError`. */
export function decodeGroupValue(bytes: Uint8Array): StoredGroup {
  const reader = new ByteReader(bytes)
  checkVersion(reader.readInt16())
  const protocolType = reader.readString(false)
  const generation = reader.readInt32()
  const protocolName = reader.readNullableString(false)
  const leaderId = reader.readNullableString(false)
  const storedAtMs = Number(reader.readInt64())
  const members: MemberSnapshot[] = []
  for (let left = reader.readArrayLength(false); left > 0; left--) {
    members.push({
      memberId: reader.readString(false),
      groupInstanceId: reader.readNullableString(false),
      clientId: reader.readString(false),
      clientHost: reader.readString(false),
      rebalanceTimeoutMs: reader.readInt32(),
      sessionTimeoutMs: reader.readInt32(),
      subscription: reader.readBytes(false).slice(),
      assignment: reader.readBytes(false).slice(),
    })
  }
  return { snapshot: { protocolType, generation, protocolName, leaderId, members }, storedAtMs }
}

function checkVersion(version: number): void {
  if (version === valueVersion) return
  throw new CorruptDataError(
    `__consumer_offsets holds a value of version ${version}; this kafka-do reads version ${valueVersion}`,
    {
      code: 'UNSUPPORTED_DATA_FORMAT',
    },
  )
}
