/**
 * Which leader epoch wrote which part of the log (KIP-101), in Kafka's `leader-epoch-checkpoint` file.
 *
 * An epoch that has begun is stored with the first records that are written in it: a sync of the log tells nobody of them
 * before. Until then nothing is lost with it but its number, which the next start would give again (`unsaved`).
 */
import type { FileSystem } from '../../storage/file-system.ts'
import { type EpochStart, replaceCheckpoint } from './checkpoint-file.ts'

const unknownEpoch = -1

export class LeaderEpochs {
  readonly #fileSystem: FileSystem
  readonly #path: string
  readonly #hasCheckpoint: boolean
  #starts: EpochStart[]
  #isSaved = true
  #saving: Promise<void> | undefined

  /** `lines`: those of the checkpoint; undefined where there is none that can be trusted. */
  constructor(fileSystem: FileSystem, path: string, lines: readonly string[] | undefined) {
    this.#fileSystem = fileSystem
    this.#path = path
    this.#starts = parse(lines ?? [])
    this.#hasCheckpoint = this.#starts.length > 0
  }

  /** The current epoch; 0 when none was ever noted. */
  get current(): number {
    return this.#starts.at(-1)?.epoch ?? 0
  }

  /** The epoch that wrote, or will write, the record at `offset`. */
  at(offset: bigint): number {
    return this.#starts.findLast((start) => start.startOffset <= offset)?.epoch ?? 0
  }

  /** The current epoch while it is not stored; else undefined. */
  get unsaved(): EpochStart | undefined {
    return this.#isSaved ? undefined : this.#starts.at(-1)
  }

  /** Notes that `epoch` writes from `startOffset` on. */
  begin(epoch: number, startOffset: bigint): void {
    if (this.#starts.at(-1)?.epoch === epoch) return
    this.#starts = [
      ...this.#starts.filter((start) => start.startOffset < startOffset),
      { epoch, startOffset },
    ]
    this.#isSaved = false
  }

  /** Stores what has begun. Durable when it resolves; at once where it is already. */
  save(): Promise<void> | undefined {
    if (this.#isSaved) return undefined
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  /**
   * Adopts an epoch found in the log itself, where the checkpoint was lost: no checksum covers it there. Where there is one,
   * the log knows at most the next: of records that came to the disk though they were never synced.
   */
  observe(epoch: number, startOffset: bigint): void {
    if (this.#hasCheckpoint && epoch !== this.current + 1) return
    if (epoch <= this.current && this.#starts.length > 0) return
    this.#starts.push({ epoch: Math.max(0, epoch), startOffset })
    if (epoch > 0) this.#isSaved = false
  }

  /**
   * The largest epoch not past `epoch`, and where it ended. Of an epoch whose records are all gone only the end is known:
   * where the log begins now. Undefined for an epoch that has not been yet.
   */
  endOf(
    epoch: number,
    logStartOffset: bigint,
    logEndOffset: bigint,
  ): { epoch: number; endOffset: bigint } | undefined {
    if (epoch === this.current) return { epoch, endOffset: logEndOffset }
    const starts = this.#starts.length > 0 ? this.#starts : [{ epoch: 0, startOffset: 0n }]
    const kept = starts.filter((_, i) => {
      const end = starts[i + 1]?.startOffset
      return end === undefined || end > logStartOffset
    })
    const next = kept.find((start) => start.epoch > epoch)
    if (epoch === unknownEpoch || !next) return undefined
    const last = kept.findLast((start) => start.epoch <= epoch)
    const endOffset = next.startOffset > logStartOffset ? next.startOffset : logStartOffset
    return { epoch: last?.epoch ?? epoch, endOffset }
  }

  async #save(): Promise<void> {
    const lines = this.#starts.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)
    await replaceCheckpoint(this.#fileSystem, this.#path, lines)
    this.#isSaved = true
  }
}

function parse(lines: readonly string[]): EpochStart[] {
  const starts: EpochStart[] = []
  for (const line of lines) {
    const match = /^(\d+) (\d+)$/.exec(line)
    if (!match) return []
    starts.push({ epoch: Number(match[1]), startOffset: BigInt(match[2]!) })
  }
  return starts
}
