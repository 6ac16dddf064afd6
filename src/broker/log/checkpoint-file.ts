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

/** A leader epoch, and where in the log it begins. */
export interface EpochStart {
  readonly epoch: number
  readonly startOffset: bigint
}

/** The lines of offsets by folder: `topic partition offset`. */
export function offsetLines(offsets: ReadonlyMap<string, bigint>): string[] {
  return linesOf(offsets, String)
}

/** The lines of epochs by folder: `topic partition epoch startOffset`. */
export function epochLines(epochs: ReadonlyMap<string, EpochStart>): string[] {
  return linesOf(epochs, ({ epoch, startOffset }) => `${epoch} ${startOffset}`)
}

/** Lines of `topic partition offset`; a damaged line makes the whole checkpoint undefined. */
export function readOffsetCheckpoint(
  fileSystem: FileSystem,
  path: string,
): Map<string, bigint> | undefined {
  return readByFolder(fileSystem, path, /^(\d+)$/, ([, offset]) => BigInt(offset!))
}

/** Lines of `topic partition epoch startOffset`; a damaged line makes the whole checkpoint undefined. */
export function readEpochCheckpoint(
  fileSystem: FileSystem,
  path: string,
): Map<string, EpochStart> | undefined {
  return readByFolder(fileSystem, path, /^(\d+) (\d+)$/, ([, epoch, startOffset]) => ({
    epoch: Number(epoch),
    startOffset: BigInt(startOffset!),
  }))
}

function linesOf<T>(values: ReadonlyMap<string, T>, tell: (value: T) => string): string[] {
  return [...values].map(([folder, value]) => {
    const dash = folder.lastIndexOf('-')
    return `${folder.slice(0, dash)} ${folder.slice(dash + 1)} ${tell(value)}`
  })
}

/** By folder what stands in each line behind topic and partition. */
function readByFolder<T>(
  fileSystem: FileSystem,
  path: string,
  shape: RegExp,
  read: (match: RegExpExecArray) => T,
): Map<string, T> | undefined {
  const values = new Map<string, T>()
  for (const line of readCheckpoint(fileSystem, path) ?? ['damaged']) {
    const place = /^(\S+) (\d+) (.+)$/.exec(line)
    const match = place && shape.exec(place[3]!)
    if (!match) return undefined
    values.set(`${place[1]}-${place[2]}`, read(match))
  }
  return values
}
