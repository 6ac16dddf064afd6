/**
 * At the opening of a log: whether its `.txnindex` files can be trusted, and those that cannot made anew from the log. An
 * entry that is missing would give readers of committed records what was aborted.
 *
 *   1. `suspects` are the segments whose file does not match its checksum, or that no checksum vouches for.
 *   2. Whoever replays the log tells of each batch and each abort it finds.
 *   3. `finish` writes what was found. Where the log itself has lost a marker, the entry that the file has of it stays.
 */
import type { Logger } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import type { AbortedTransaction } from './producer-state.ts'
import { type Segment, type SoundBatch, segmentName } from './segment.ts'
import { decodeAborted, encodeAborted } from './transaction-index.ts'
import {
  hasTransactionIndexChecksums,
  TransactionIndexChecksums,
} from './transaction-index-checksums.ts'

interface Found {
  readonly aborted: AbortedTransaction[]
  /** Where no sound batch stands. */
  readonly gaps: { readonly from: bigint; readonly to: bigint }[]
  endOffset: bigint
}

export interface CheckedFolder {
  readonly fileSystem: FileSystem
  readonly logger: Logger
  readonly folder: string
  readonly segments: readonly Segment[]
  /** Segments from this one on were being written to when the broker died, so their files may say anything. */
  readonly unfinishedFrom: Segment | undefined
}

export class TransactionIndexCheck {
  readonly suspects: readonly Segment[]
  readonly #checked: CheckedFolder
  readonly #found = new Map<Segment, Found>()
  /** Indexes whose segment is gone: the segment before it reaches to where that one ended. */
  readonly #orphans = new Map<Segment, string[]>()

  constructor(checked: CheckedFolder) {
    this.#checked = checked
    this.#findOrphans()
    const { fileSystem, folder, segments } = checked
    const hasSums = hasTransactionIndexChecksums(fileSystem, folder)
    const sums = hasSums ? TransactionIndexChecksums.read(fileSystem, folder) : undefined
    const hasAny = hasSums || segments.some((segment) => this.#content(segment).length > 0)
    this.suspects = segments.filter((segment) => {
      if (this.#orphans.has(segment) || this.#isUnfinished(segment)) return true
      return sums ? !sums.vouchesFor(segment.baseOffset, this.#content(segment)) : hasAny
    })
    for (const segment of this.suspects)
      this.#found.set(segment, { aborted: [], gaps: [], endOffset: segment.baseOffset })
  }

  /** A batch of the replay; `aborted` when it is the marker of an abort. */
  note(segment: Segment, batch: SoundBatch, aborted: AbortedTransaction | undefined): void {
    const found = this.#found.get(segment)
    if (!found) return
    const { baseOffset, lastOffset } = batch.header
    if (batch.isAfterDamage) found.gaps.push({ from: batch.expected, to: baseOffset })
    // A repair leaves an empty batch where something was lost.
    if (batch.header.recordCount === 0) found.gaps.push({ from: baseOffset, to: lastOffset + 1n })
    if (aborted) found.aborted.push(aborted)
    found.endOffset = lastOffset + 1n
  }

  /** Durable when it resolves. */
  async finish(): Promise<void> {
    const { fileSystem, logger, folder } = this.#checked
    for (const [segment, { aborted, gaps, endOffset }] of this.#found) {
      const content = this.#content(segment)
      if (endOffset < segment.nextOffset) gaps.push({ from: endOffset, to: segment.nextOffset })
      const orphans = this.#orphans.get(segment) ?? []
      const before = [content, ...orphans.map((path) => readWhole(fileSystem, path)!)]
      const kept = before
        .flatMap(decodeAborted)
        .filter(
          ({ firstOffset, lastOffset }) =>
            firstOffset < lastOffset &&
            gaps.some(({ from, to }) => lastOffset >= from && lastOffset < to),
        )
      const entries = [...aborted, ...kept].sort((a, b) => (a.lastOffset < b.lastOffset ? -1 : 1))
      const made = entries.map(encodeAborted)
      if (!isSame(content, made)) {
        await this.#rewrite(segment, made)
        if (!this.#isUnfinished(segment))
          logger.error(
            { log: folder, segment: segmentName(segment.baseOffset), entries: entries.length },
            'the index of aborted transactions was damaged and has been rebuilt from the log',
          )
      }
      for (const path of orphans) fileSystem.remove(path)
    }
  }

  async #rewrite(segment: Segment, entries: readonly Uint8Array[]): Promise<void> {
    const { fileSystem, folder } = this.#checked
    const path = indexOf(segment)
    const isNew = fileSystem.stat(path) === undefined
    const file = fileSystem.open(path, { create: true })
    let size = 0
    for (const entry of entries) {
      file.write(entry, size)
      size += entry.length
    }
    file.truncate(size)
    await file.sync()
    file.close()
    if (isNew) await fileSystem.syncDirectory(folder)
  }

  #findOrphans(): void {
    const { fileSystem, folder, segments } = this.#checked
    for (const name of fileSystem.list(folder)) {
      if (!/^\d{20}\.txnindex$/.test(name)) continue
      const base = BigInt(name.slice(0, 20))
      const segment = segments.findLast(({ baseOffset }) => baseOffset <= base)
      if (!segment || segment.baseOffset === base) continue
      const paths = this.#orphans.get(segment) ?? []
      this.#orphans.set(segment, [...paths, `${folder}/${name}`])
    }
  }

  #isUnfinished({ baseOffset }: Segment): boolean {
    const { unfinishedFrom } = this.#checked
    return unfinishedFrom !== undefined && baseOffset >= unfinishedFrom.baseOffset
  }

  #content(segment: Segment): Uint8Array {
    const { fileSystem } = this.#checked
    const path = indexOf(segment)
    return (fileSystem.stat(path) && readWhole(fileSystem, path)) ?? new Uint8Array(0)
  }
}

function indexOf(segment: Segment): string {
  return `${segment.path}.txnindex`
}

function isSame(content: Uint8Array, parts: readonly Uint8Array[]): boolean {
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  if (size !== content.length) return false
  let at = 0
  for (const part of parts) for (const byte of part) if (byte !== content[at++]) return false
  return true
}
