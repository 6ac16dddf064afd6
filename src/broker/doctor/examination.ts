/**
 * What is wrong with a data folder that no broker has open. Every file is read; nothing is changed. What was being written
 * when the broker died is no damage: the next start cuts it off.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { silentLogger } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import {
  offsetLines,
  readCheckpoint,
  readEpochCheckpoint,
  readOffsetCheckpoint,
  replaceCheckpoint,
} from '../log/checkpoint-file.ts'
import { readMeta } from '../log/folder-meta.ts'
import { logStarts } from '../log/log-starts.ts'
import {
  begunEpochs,
  cleanedTo,
  cleanMarker,
  logFolders,
  recoveryPoints,
} from '../log/log-store.ts'
import type { LostRange } from '../log/lost-range.ts'
import { ProducerState } from '../log/producer-state.ts'
import { readClockState, retentionClock } from '../log/retention-clock-checkpoint.ts'
import { Segment, segmentName } from '../log/segment.ts'
import {
  hasTransactionIndexChecksums,
  TransactionIndexChecksums,
} from '../log/transaction-index-checksums.ts'
import { metadataTopic, offsetsTopic, transactionsTopic } from '../topics/topic-name.ts'
import type { Finding } from './finding.ts'
import { rewriteSegment } from './rewrite-segment.ts'
import { damagedIndexes, type ExaminedSegment, examineSegment } from './segment-examination.ts'
import { setAside } from './set-aside.ts'

/** What of the broker's own a loss in an internal log may have been. */
const meaningOf: { readonly [folder: string]: string } = {
  [`${metadataTopic}-0`]: 'topics, their configs, or the producer ids in use',
  [`${offsetsTopic}-0`]: 'offsets that groups have committed',
  [`${transactionsTopic}-0`]: 'the state of transactions and fenced producers',
}

/** All findings, in the order in which they are to be repaired. Throws `CorruptDataError` for a folder of another version. */
export async function examine(fileSystem: FileSystem): Promise<Finding[]> {
  return new Examination(fileSystem).all()
}

class Examination {
  readonly #fileSystem: FileSystem
  readonly #isClean: boolean
  readonly #findings: Finding[] = []

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem
    this.#isClean = fileSystem.stat(cleanMarker) !== undefined
  }

  async all(): Promise<Finding[]> {
    this.#meta()
    const points = this.#checkpoint(recoveryPoints)
    const starts = this.#checkpoint(logStarts)
    this.#checkpoint(cleanedTo)
    if (this.#fileSystem.stat(begunEpochs) && !readEpochCheckpoint(this.#fileSystem, begunEpochs))
      this.#aside(begunEpochs, 'is damaged', undefined)
    if (this.#fileSystem.stat(retentionClock) && !readClockState(this.#fileSystem, silentLogger))
      this.#aside(retentionClock, 'is damaged', undefined)
    const folders = logFolders(this.#fileSystem)
    // Folders that are gone with all they held.
    for (const name of points.keys()) if (!folders.includes(name)) folders.push(name)
    for (const folder of folders.sort())
      await this.#partition(folder, points.get(folder) ?? 0n, starts)
    return this.#findings
  }

  #meta(): void {
    try {
      readMeta(this.#fileSystem)
    } catch (error) {
      if (!(error instanceof CorruptDataError) || error.code !== 'CORRUPT_MESSAGE') throw error
      this.#aside('meta.properties', 'is damaged', 'the id of the cluster')
    }
  }

  #checkpoint(name: string): Map<string, bigint> {
    const read = readOffsetCheckpoint(this.#fileSystem, name)
    if (!read && this.#fileSystem.stat(name)) {
      const isStarts = name === logStarts
      this.#aside(
        name,
        'is damaged',
        isStarts ? 'where logs begin: deleted records may be back' : undefined,
      )
    }
    return read ?? new Map()
  }

  async #partition(
    folder: string,
    recoveryPoint: bigint,
    starts: Map<string, bigint>,
  ): Promise<void> {
    const fileSystem = this.#fileSystem
    const logStart = starts.get(folder) ?? 0n
    const names = fileSystem.list(folder)
    const bases = names
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => BigInt(name.slice(0, 20)))
    if (bases.length === 0) return this.#withoutLog(folder, logStart, recoveryPoint)
    if (bases[0]! > logStart) this.#lostStart(folder, { from: logStart, to: bases[0]! }, starts)
    const sums = this.#transactionIndexes(folder)
    for (const [i, base] of bases.entries()) {
      const next = bases[i + 1]
      await this.#segment(folder, base, next, recoveryPoint)
      const index = `${folder}/${segmentName(base)}.txnindex`
      const content = readWhole(fileSystem, index) ?? new Uint8Array(0)
      if ((this.#isClean || next !== undefined) && sums && !sums.vouchesFor(base, content))
        this.#byStart(index, 'does not match its checksum')
    }
    for (const name of names) {
      const path = `${folder}/${name}`
      if (name.endsWith('.snapshot') && !isSoundSnapshot(readWhole(fileSystem, path)!))
        this.#aside(path, 'is damaged', undefined)
    }
    const epochs = `${folder}/leader-epoch-checkpoint`
    if (fileSystem.stat(epochs) && !readCheckpoint(fileSystem, epochs))
      this.#aside(epochs, 'is damaged', undefined)
  }

  async #segment(
    folder: string,
    base: bigint,
    next: bigint | undefined,
    recoveryPoint: bigint,
  ): Promise<void> {
    const fileSystem = this.#fileSystem
    const stored = recoveryPoint > base ? recoveryPoint : undefined
    const examined = await examineSegment(fileSystem, folder, base, next ?? stored)
    const { gaps, endOffset, bytesAfterEnd } = examined
    // After a crash, what comes after the recovery point was perhaps being written.
    const isTorn = !this.#isClean && next === undefined && endOffset >= recoveryPoint
    if (gaps.length > 0 || (bytesAfterEnd > 0 && !isTorn)) {
      this.#damagedLog(folder, examined)
      return
    }
    if (!this.#isClean && next === undefined) return
    for (const path of damagedIndexes(fileSystem, examined))
      this.#aside(path, 'does not agree with its log', undefined)
  }

  #damagedLog(folder: string, examined: ExaminedSegment): void {
    const fileSystem = this.#fileSystem
    const { segment, gaps } = examined
    this.#findings.push({
      path: `${segment.path}.log`,
      damage: 'contains damaged data, or data is missing',
      lost: gaps.length === 0 ? undefined : lostText(folder, gaps),
      remedy: 'the file is set aside and rewritten with the sound data; readers skip the rest',
      repair: async () => {
        const { baseOffset } = segment
        const end = gaps.at(-1)?.to ?? examined.endOffset
        const endsAt = end > examined.endOffset ? end : examined.endOffset
        const opened = Segment.open(fileSystem, folder, baseOffset, 4096, endsAt)
        await rewriteSegment(fileSystem, opened, gaps)
        opened.close()
      },
    })
  }

  #withoutLog(folder: string, logStart: bigint, recoveryPoint: bigint): void {
    if (recoveryPoint <= logStart) return
    const fileSystem = this.#fileSystem
    const gap = { from: logStart, to: recoveryPoint }
    this.#findings.push({
      path: folder,
      damage: 'has lost its log files',
      lost: lostText(folder, [gap]),
      remedy: 'an empty log is created that continues where the lost one ended',
      repair: async () => {
        fileSystem.makeDirectory(folder)
        await fileSystem.syncDirectory('')
        const segment = Segment.create(fileSystem, folder, logStart, 4096)
        segment.nextOffset = recoveryPoint
        await rewriteSegment(fileSystem, segment, [gap])
        segment.close()
      },
    })
  }

  #lostStart(folder: string, gap: LostRange, starts: Map<string, bigint>): void {
    this.#findings.push({
      path: folder,
      damage: 'has lost its first files',
      lost: lostText(folder, [gap]),
      remedy: `the log now begins at offset ${gap.to}`,
      repair: async () => {
        starts.set(folder, gap.to)
        await replaceCheckpoint(this.#fileSystem, logStarts, offsetLines(starts))
      },
    })
  }

  #transactionIndexes(folder: string): TransactionIndexChecksums | undefined {
    const sums = TransactionIndexChecksums.read(this.#fileSystem, folder)
    if (!sums && this.#isClean && hasTransactionIndexChecksums(this.#fileSystem, folder))
      this.#byStart(`${folder}/txnindex-checksums`, 'is damaged')
    return sums
  }

  #byStart(path: string, damage: string): void {
    this.#findings.push({
      path,
      damage,
      lost: undefined,
      remedy: 'the next start of the broker rebuilds it from the log',
      repair: undefined,
    })
  }

  #aside(path: string, damage: string, lost: string | undefined): void {
    this.#findings.push({
      path,
      damage,
      lost,
      remedy: 'it is set aside, and the next start of the broker creates a new one',
      repair: () => setAside(this.#fileSystem, path),
    })
  }
}

function isSoundSnapshot(bytes: Uint8Array): boolean {
  return new ProducerState().restore(bytes, 0)
}

function lostText(folder: string, gaps: readonly LostRange[]): string {
  const ranges = gaps.map(({ from, to }) =>
    to - from === 1n ? `offset ${from}` : `offsets ${from} to ${to - 1n}`,
  )
  const meaning = meaningOf[folder]
  return `${ranges.join(', ')}${meaning ? `: ${meaning}` : ''}`
}
