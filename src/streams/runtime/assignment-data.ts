/**
 * What members of a stream application tell each other inside the group protocol, as user data of its assignor: one blob with
 * each subscription, one with each assignment. Each begins with its version in a byte. A later version only adds fields to the
 * end: it is read as far as this one knows it. The leader writes the lowest version that it was told.
 *
 * Tasks are told as sub-topology and partition in the numbers of the member whom the blob is from or for: a process with another
 * topology counts its sub-topologies in another way.
 */
import { ByteReader } from '../../protocol/byte-reader.ts'
import { ByteWriter } from '../../protocol/byte-writer.ts'

/** The newest that is known here. */
export const assignmentDataVersion = 1

/** A task: partition `partition` of each topic of a sub-topology. */
export interface TaskNumber {
  readonly subTopology: number
  readonly partition: number
}

/** What a member runs, as far as the leader needs to know. */
export interface SubTopologyShape {
  readonly index: number
  /** That it reads. */
  readonly topics: readonly string[]
  readonly isStateful: boolean
}

/** With a subscription: of one member to the leader. */
export interface MemberData {
  readonly version: number
  /** Of its topology. */
  readonly fingerprint: string
  readonly processId: string
  readonly subTopologies: readonly SubTopologyShape[]
  /** Tasks whose state its process has, and the changelog entries that it lacks. */
  readonly lags: readonly (TaskNumber & { readonly lag: number })[]
  /** Tasks whose state it was told to keep a copy of. */
  readonly standby: readonly TaskNumber[]
  /** Tasks whose state it was told to make a copy of, in order to run them. */
  readonly warmup: readonly TaskNumber[]
  /** Tasks that it was promised: their owner was to give them up first. */
  readonly promised: readonly TaskNumber[]
}

/** With an assignment: of the leader to one member, besides its partitions. */
export interface AssignmentData {
  readonly version: number
  readonly standby: readonly TaskNumber[]
  readonly warmup: readonly TaskNumber[]
  /** Tasks that it is to have as soon as their owner has given them up. */
  readonly promised: readonly TaskNumber[]
}

export function encodeMemberData(data: MemberData): Uint8Array {
  const writer = new ByteWriter()
  writer.writeUint8(data.version)
  writer.writeString(data.fingerprint, true)
  writer.writeString(data.processId, true)
  writeArray(writer, data.subTopologies, ({ index, topics, isStateful }) => {
    writer.writeUnsignedVarint(index)
    writer.writeBool(isStateful)
    writeArray(writer, topics, (topic) => writer.writeString(topic, true))
  })
  writeArray(writer, data.lags, (entry) => {
    writeTask(writer, entry)
    writer.writeVarlong(BigInt(entry.lag))
  })
  writeTasks(writer, data.standby)
  writeTasks(writer, data.warmup)
  writeTasks(writer, data.promised)
  return writer.finish().slice()
}

/** Throws `CorruptDataError`. */
export function decodeMemberData(bytes: Uint8Array): MemberData {
  const reader = new ByteReader(bytes)
  return {
    version: reader.readUint8(),
    fingerprint: reader.readString(true),
    processId: reader.readString(true),
    subTopologies: readArray(reader, () => ({
      index: reader.readUnsignedVarint(),
      isStateful: reader.readBool(),
      topics: readArray(reader, () => reader.readString(true)),
    })),
    lags: readArray(reader, () => ({ ...readTask(reader), lag: Number(reader.readVarlong()) })),
    standby: readTasks(reader),
    warmup: readTasks(reader),
    promised: readTasks(reader),
  }
}

export function encodeAssignmentData(data: AssignmentData): Uint8Array {
  const writer = new ByteWriter()
  writer.writeUint8(data.version)
  writeTasks(writer, data.standby)
  writeTasks(writer, data.warmup)
  writeTasks(writer, data.promised)
  return writer.finish().slice()
}

/** Throws `CorruptDataError`. */
export function decodeAssignmentData(bytes: Uint8Array): AssignmentData {
  const reader = new ByteReader(bytes)
  return {
    version: reader.readUint8(),
    standby: readTasks(reader),
    warmup: readTasks(reader),
    promised: readTasks(reader),
  }
}

function writeTasks(writer: ByteWriter, tasks: readonly TaskNumber[]): void {
  writeArray(writer, tasks, (task) => writeTask(writer, task))
}

function writeTask(writer: ByteWriter, { subTopology, partition }: TaskNumber): void {
  writer.writeUnsignedVarint(subTopology)
  writer.writeUnsignedVarint(partition)
}

function writeArray<T>(writer: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  writer.writeArrayLength(items.length, true)
  for (const item of items) write(item)
}

function readTasks(reader: ByteReader): TaskNumber[] {
  return readArray(reader, () => readTask(reader))
}

function readTask(reader: ByteReader): TaskNumber {
  return { subTopology: reader.readUnsignedVarint(), partition: reader.readUnsignedVarint() }
}

function readArray<T>(reader: ByteReader, read: () => T): T[] {
  return Array.from({ length: reader.readArrayLength(true) }, read)
}
