/**
 * Writes a damaged segment anew: its sound batches as they are, and an empty batch over the offsets of each gap, as
 * compaction leaves one. Readers then go on over it; the damaged file is set aside.
 *
 *   X.log.cleaned written, synced ▶ X.log.swap ▶ X.log set aside ▶ X.log.swap becomes X.log
 *
 * A crash at any step leaves the damaged segment, or a `.swap` that the next start puts in its place.
 */
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import {
  assignOffsets,
  batchOverheadBytes,
  batchPrefixBytes,
  renewCrc,
  viewOf,
} from '../../protocol/records/record-batch.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import type { LostRange } from '../log/lost-range.ts'
import type { Segment } from '../log/segment.ts'
import { setAside } from './set-aside.ts'

/** Offsets that one batch can stand for. */
const offsetsPerBatchMax = 2n ** 31n - 1n

/** `gaps` are those before a batch, and the one up to where the segment has to end. Durable when it resolves. */
export async function rewriteSegment(
  fileSystem: FileSystem,
  segment: Segment,
  gaps: readonly LostRange[],
): Promise<void> {
  const path = `${segment.path}.log`
  const folder = path.slice(0, path.lastIndexOf('/'))
  fileSystem.remove(`${path}.cleaned`)
  const file = fileSystem.open(`${path}.cleaned`, { create: true })
  try {
    const left = [...gaps]
    let leaderEpoch = 0
    for await (const batches of segment.scanSound()) {
      for (const { header, bytes } of batches) {
        while (left.length > 0 && left[0]!.to <= header.baseOffset)
          fill(file, left.shift()!, leaderEpoch)
        leaderEpoch = header.partitionLeaderEpoch
        const end = header.position + header.sizeInBytes
        file.write(bytes.subarray(header.position, end), file.size)
      }
    }
    for (const gap of left) fill(file, gap, leaderEpoch)
    await file.sync()
  } finally {
    file.close()
  }
  fileSystem.rename(`${path}.cleaned`, `${path}.swap`)
  await fileSystem.syncDirectory(folder)
  if (fileSystem.stat(path)) await setAside(fileSystem, path)
  for (const ending of ['index', 'timeindex']) fileSystem.remove(`${segment.path}.${ending}`)
  fileSystem.rename(`${path}.swap`, path)
  await fileSystem.syncDirectory(folder)
}

function fill(file: File, { from, to }: LostRange, leaderEpoch: number): void {
  for (let at = from; at < to; ) {
    const count = to - at < offsetsPerBatchMax ? to - at : offsetsPerBatchMax
    file.write(emptyBatch(at, count, leaderEpoch), file.size)
    at += count
  }
}

/** A batch of `count` offsets from `baseOffset` on, and no record. */
function emptyBatch(baseOffset: bigint, count: bigint, leaderEpoch: number): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(-1, null, null)
  const bytes = builder.build().slice(0, batchOverheadBytes)
  const view = viewOf(bytes)
  view.setInt32(8, batchOverheadBytes - batchPrefixBytes)
  view.setInt32(23, Number(count - 1n))
  view.setInt32(57, 0)
  assignOffsets(bytes, 0, baseOffset, leaderEpoch)
  renewCrc(bytes, 0)
  return bytes
}
