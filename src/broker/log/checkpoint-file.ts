/**
 * Small files that are replaced as a whole: written beside the old one, synced, renamed over it, and the folder
 * synced. A crash at any step leaves the old or the new one.
 */
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'

/** Durable when it resolves. */
export async function replaceFile(
  fileSystem: FileSystem,
  path: string,
  content: Uint8Array,
): Promise<void> {
  const temporary = `${path}.tmp`
  fileSystem.remove(temporary)
  const file = fileSystem.open(temporary, { create: true })
  try {
    file.write(content, 0)
    await file.sync()
  } catch (error) {
    // It takes space, which may be what there is none of.
    fileSystem.remove(temporary)
    throw error
  } finally {
    file.close()
  }
  fileSystem.rename(temporary, path)
  await fileSystem.syncDirectory(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')
}

/** Kafka's text form of a checkpoint: version 0, the number of lines, the lines. */
export function replaceCheckpoint(
  fileSystem: FileSystem,
  path: string,
  lines: readonly string[],
): Promise<void> {
  return replaceFile(fileSystem, path, checkpointContent(lines))
}

export function checkpointContent(lines: readonly string[]): Uint8Array {
  return encodeUtf8(`0\n${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`)
}

/** The lines of a checkpoint; undefined when it is missing or cannot be trusted. */
export function readCheckpoint(fileSystem: FileSystem, path: string): string[] | undefined {
  const content = readWhole(fileSystem, path)
  if (!content) return undefined
  const [version, count, ...lines] = decodeUtf8(content).split('\n')
  if (version !== '0' || lines.pop() !== '' || lines.length !== Number(count)) return undefined
  return lines
}

/** The lines of offsets by folder: `topic partition offset`. */
export function offsetLines(offsets: ReadonlyMap<string, bigint>): string[] {
  return [...offsets].map(([folder, offset]) => {
    const dash = folder.lastIndexOf('-')
    return `${folder.slice(0, dash)} ${folder.slice(dash + 1)} ${offset}`
  })
}

/** A leader epoch, and where in the log it begins. */
export interface EpochStart {
  readonly epoch: number
  readonly startOffset: bigint
}

/** The lines of epochs by folder: `topic partition epoch startOffset`. */
export function epochLines(epochs: ReadonlyMap<string, EpochStart>): string[] {
  return [...epochs].map(([folder, { epoch, startOffset }]) => {
    const dash = folder.lastIndexOf('-')
    return `${folder.slice(0, dash)} ${folder.slice(dash + 1)} ${epoch} ${startOffset}`
  })
}

/** Lines of `topic partition epoch startOffset`; a damaged line makes the whole checkpoint undefined. */
export function readEpochCheckpoint(
  fileSystem: FileSystem,
  path: string,
): Map<string, EpochStart> | undefined {
  const epochs = new Map<string, EpochStart>()
  for (const line of readCheckpoint(fileSystem, path) ?? ['damaged']) {
    const match = /^(\S+) (\d+) (\d+) (\d+)$/.exec(line)
    if (!match) return undefined
    const start = { epoch: Number(match[3]), startOffset: BigInt(match[4]!) }
    epochs.set(`${match[1]}-${match[2]}`, start)
  }
  return epochs
}

/** Lines of `topic partition offset`; a damaged line makes the whole checkpoint undefined. */
export function readOffsetCheckpoint(
  fileSystem: FileSystem,
  path: string,
): Map<string, bigint> | undefined {
  const offsets = new Map<string, bigint>()
  for (const line of readCheckpoint(fileSystem, path) ?? ['damaged']) {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line)
    if (!match) return undefined
    offsets.set(`${match[1]}-${match[2]}`, BigInt(match[3]!))
  }
  return offsets
}
