/**
 * Values and their times by key: what all stores are made of. In memory (`MemoryCells`) or, but for what is not committed yet, on
 * disk (`DiskCells`). Knows what has changed since the last commit.
 */
import type { Undo } from '../task/undo.ts'
import type { Stamped, TellChange } from './store.ts'
import type { ValueCodec } from './value-codec.ts'

export interface Cells {
  /** How many there are; of what is on disk without its keys in memory, as of the last write. */
  readonly size: number
  readonly sizeInBytes: number
  readonly hasChanges: boolean
  get(key: string): Stamped | undefined
  /** As of the last commit. */
  committed(key: string): Stamped | undefined
  has(key: string): boolean
  /** All keys, in no order. Throws `ConfigError` where they are on disk only. */
  keys(): IterableIterator<string>
  /** All entries as of the last commit, in no order. */
  scan(): AsyncIterable<[key: string, entry: Stamped]>
  /** Null removes. */
  put(key: string, value: unknown, timestampMs: number): void
  /** Tells each entry that has changed: its key, and its value encoded, or null. */
  changes(tell: TellChange<string>): void
  /** Keys that the changelog has, with the times that it has them with. */
  committedKeys(): Iterable<[key: string, timestampMs: number]>
  commit(): void
  abort(): void
  /** Takes in an entry of the changelog; null removes. */
  restore(key: string, value: Uint8Array | null, timestampMs: number): void
  /** As `restore`, of what is written as text. Only where that takes less than from bytes. */
  restoreText?(key: string, value: string | null, timestampMs: number): void
  /** Removes what is of no more use, without telling the changelog. Only right after a commit. */
  forget(key: string): void
  /** An entry that is on disk, when that is opened. */
  load(key: string, timestampMs: number): void
  /** All that was committed goes, with what a commit has just told the changelog. They are not used any more. */
  drop(): void
}

/** How the cells of one store are to be. */
export interface CellsOptions {
  readonly codec: ValueCodec
  readonly undo: Undo
  /** The key in the store's files. Their order is that of the bytes. */
  toBytes(key: string): Uint8Array
  /** The other way round. */
  fromBytes(bytes: Uint8Array): string
  /** All keys stay in memory, because they are asked for in between. */
  readonly keepsKeys: boolean
}

export type NewCells = (options: CellsOptions) => Cells
