/** One segment as the doctor sees it: where sound batches are missing, and whether its indexes agree with the log. */
import type { FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import { OffsetIndex, TimeIndex } from '../log/index-file.ts'
import type { LostRange } from '../log/lost-range.ts'
import { Segment } from '../log/segment.ts'

const anyInterval = 4096

export interface ExaminedSegment {
  readonly segment: Segment
  /** Offsets that no sound batch stands for, up to where the segment has to end. */
  readonly gaps: LostRange[]
  /** The offset after the last sound batch. */
  readonly endOffset: bigint
  /** Bytes after the last sound batch. */
  readonly bytesAfterEnd: number
  /** Where each batch begins, by its last offset. */
  readonly positions: ReadonlyMap<bigint, number>
}

/** `endsAt`: where the next segment begins, or where the log was closed; undefined when that is not known. */
export async function examineSegment(
  fileSystem: FileSystem,
  folder: string,
  baseOffset: bigint,
  endsAt: bigint | undefined,
): Promise<ExaminedSegment> {
  const segment = Segment.open(fileSystem, folder, baseOffset, anyInterval, endsAt)
  const gaps: LostRange[] = []
  const positions = new Map<bigint, number>()
  let endOffset = baseOffset
  let endPosition = 0
  for await (const batches of segment.scanSound()) {
    for (const { header, filePosition, isAfterDamage } of batches) {
      // Compaction leaves gaps too, and no damage before them.
      if (isAfterDamage && header.baseOffset > endOffset)
        gaps.push({ from: endOffset, to: header.baseOffset })
      endOffset = header.lastOffset + 1n
      endPosition = filePosition + header.sizeInBytes
      positions.set(header.lastOffset, filePosition)
    }
  }
  if (endsAt !== undefined && endOffset < endsAt) gaps.push({ from: endOffset, to: endsAt })
  const bytesAfterEnd = segment.sizeInBytes - endPosition
  segment.close()
  return { segment, gaps, endOffset, bytesAfterEnd, positions }
}

/** The files of a segment's indexes that do not agree with its log. A missing one is made anew when it is needed. */
export function damagedIndexes(fileSystem: FileSystem, examined: ExaminedSegment): string[] {
  const { segment, positions } = examined
  const { baseOffset, path } = segment
  const damaged: string[] = []
  const offsetBytes = readWhole(fileSystem, `${path}.index`)
  if (offsetBytes) {
    const offsets = new OffsetIndex(baseOffset, offsetBytes)
    const agrees = offsets.entries().every(([last, at]) => positions.get(last) === at)
    if (offsetBytes.length % 8 !== 0 || !agrees) damaged.push(`${path}.index`)
  }
  const timeBytes = readWhole(fileSystem, `${path}.timeindex`)
  if (timeBytes) {
    const times = new TimeIndex(baseOffset, timeBytes)
    const last = times.last()
    const isInside = !last || positions.has(last.offset)
    if (timeBytes.length % 12 !== 0 || !times.isSound() || !isInside)
      damaged.push(`${path}.timeindex`)
  }
  return damaged
}
