/**
 * Cells whose values are on disk. In layers; what a layer says of a key hides what those below say:
 *
 *   changed   since the last commit; an abort drops it
 *   pending   committed or restored, and on its way to the files
 *   hot       read or written lately: as the files have it, and decoded
 *   files     as of some commit, never ahead of the changelog
 *
 * Keys are in memory, too, where the store has to find them by anything else than themselves (`keepsKeys`).
 */
import { invalid } from '../../core/options.ts'
import type { Undo } from '../task/undo.ts'
import type { Cells, CellsOptions } from './cells.ts'
import type { Stamped, TellChange } from './store.ts'
import { Encoded, encodedSize, type ValueCodec } from './value-codec.ts'

/** An entry as files have it; no data: to be removed. */
export interface FileChange {
  readonly key: Uint8Array
  readonly data: string | Uint8Array | null
  readonly timestampMs: number
  /** Whether the files have an entry for the key once all that was collected before is written; undefined: to be looked up. */
  readonly existed: boolean | undefined
  /** It is in the files. */
  written(): void
}

/** The files of one store. */
export interface StoreFiles {
  /** Throws where they are damaged or cannot be read. */
  read(key: Uint8Array): { readonly data: Uint8Array; readonly timestampMs: number } | undefined
  /** To be written with the next batch. */
  collect(change: FileChange): void
  /** All entries as they are when it is called, by key. */
  scan(): AsyncIterable<readonly [key: Uint8Array, data: Uint8Array, timestampMs: number]>
  /** Entries. Kept only where the cells do not keep their keys. */
  readonly count: number
  newHot(): HotCells
}

/** Values that were used lately. */
export interface HotCells {
  get(key: string): Cell | undefined
  set(key: string, cell: Cell, bytes: number): void
  delete(key: string): void
  /** They are not used any more. */
  drop(): void
}

/** Undefined: removed. */
export interface Cell {
  value: unknown
  readonly timestampMs: number
  /** As it is written; known from when it is asked for until it is in the files. */
  data?: string | Uint8Array | undefined
}

export class DiskCells implements Cells {
  readonly #codec: ValueCodec
  readonly #undo: Undo
  readonly #toBytes: (key: string) => Uint8Array
  readonly #fromBytes: (bytes: Uint8Array) => string
  readonly #files: StoreFiles
  readonly #hot: HotCells
  #changed = new Map<string, Cell>()
  readonly #pending = new Map<string, Cell>()
  /** All keys, with their times, those of `changed` included. */
  readonly #keys: Map<string, number> | undefined
  /** What `keys` had of those that have changed since the last commit. */
  #keysBefore = new Map<string, number | undefined>()
  #keyBytes = 0

  constructor(options: CellsOptions, files: StoreFiles) {
    this.#codec = options.codec
    this.#undo = options.undo
    this.#toBytes = options.toBytes
    this.#fromBytes = options.fromBytes
    this.#files = files
    this.#hot = files.newHot()
    if (options.keepsKeys) this.#keys = new Map()
  }

  get size(): number {
    return this.#keys ? this.#keys.size : this.#files.count
  }

  /** Of what is in memory because it has to be: the keys. */
  get sizeInBytes(): number {
    return this.#keyBytes
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  get(key: string): Stamped | undefined {
    const changed = this.#changed.get(key)
    return changed ? this.#stamped(changed) : this.committed(key)
  }

  committed(key: string): Stamped | undefined {
    return this.#stamped(this.#committed(key))
  }

  has(key: string): boolean {
    return this.#keys ? this.#keys.has(key) : this.get(key) !== undefined
  }

  keys(): IterableIterator<string> {
    return this.#allKeys().keys()
  }

  #allKeys(): Map<string, number> {
    if (this.#keys) return this.#keys
    throw invalid(
      'The entries of a store on disk are read asynchronously: use for await (… of store.entries())',
    )
  }

  put(key: string, value: unknown, timestampMs: number): void {
    const before = this.#changed.get(key)
    const keyBefore = this.#keys?.get(key)
    if (this.#keys && !before) this.#keysBefore.set(key, keyBefore)
    this.#undo.add(() => {
      if (before) this.#changed.set(key, before)
      else {
        this.#changed.delete(key)
        this.#keysBefore.delete(key)
      }
      this.#setKey(key, keyBefore)
    })
    this.#changed.set(key, { value: value === null ? undefined : value, timestampMs })
    this.#setKey(key, value === null ? undefined : timestampMs)
  }

  changes(tell: TellChange<string>): void {
    for (const [key, cell] of this.#changed) {
      if (cell.value !== undefined) tell(key, this.#dataOf(cell), cell.timestampMs)
      else {
        const before = this.#committed(key)
        if (before?.value !== undefined) tell(key, null, before.timestampMs)
      }
    }
  }

  *committedKeys(): Generator<[key: string, timestampMs: number]> {
    for (const [key, timestampMs] of this.#allKeys()) {
      if (!this.#changed.has(key)) yield [key, timestampMs]
    }
    for (const [key, before] of this.#keysBefore) if (before !== undefined) yield [key, before]
  }

  commit(): void {
    for (const [key, cell] of this.#changed) {
      // What never was is not to be removed.
      if (cell.value === undefined && this.#committed(key)?.value === undefined) continue
      this.#collect(key, cell)
    }
    this.#changed = new Map()
    this.#keysBefore = new Map()
  }

  abort(): void {
    for (const [key, before] of this.#keysBefore) this.#setKey(key, before)
    this.#changed = new Map()
    this.#keysBefore = new Map()
  }

  restore(key: string, value: Uint8Array | null, timestampMs: number): void {
    const held = value === null ? undefined : this.#codec.hold(value)
    if (held === undefined && this.#keys && !this.#keys.has(key)) return
    const data = held instanceof Encoded ? held.data : (value ?? undefined)
    this.#collect(key, { value: held, timestampMs, data })
    this.#setKey(key, held === undefined ? undefined : timestampMs)
  }

  forget(key: string): void {
    this.restore(key, null, 0)
  }

  load(key: string, timestampMs: number): void {
    if (this.#keys) this.#setKey(key, timestampMs)
  }

  drop(): void {
    for (const [key] of this.committedKeys())
      this.#collect(key, { value: undefined, timestampMs: 0 })
    this.#hot.drop()
  }

  /** All entries as of the last commit, also when their keys are not in memory. In no order. */
  async *scan(): AsyncGenerator<[key: string, entry: Stamped]> {
    const pending = new Map(this.#pending)
    // It sees what is there now, although it is read later.
    const inFiles = this.#files.scan()
    for await (const [bytes, data, timestampMs] of inFiles) {
      const key = this.#fromBytes(bytes)
      if (pending.has(key)) continue
      const entry = this.#stamped({ value: this.#codec.hold(data), timestampMs })
      if (entry) yield [key, entry]
    }
    for (const [key, cell] of pending) {
      const entry = this.#stamped(cell)
      if (entry) yield [key, entry]
    }
  }

  #committed(key: string): Cell | undefined {
    const near = this.#pending.get(key) ?? this.#hot.get(key)
    if (near) return near
    if (this.#keys && !this.#changed.has(key) && !this.#keys.has(key)) return undefined
    const found = this.#files.read(this.#toBytes(key))
    if (!found) return undefined
    const { data, timestampMs } = found
    const cell: Cell = { value: this.#codec.hold(data), timestampMs }
    this.#hot.set(key, cell, key.length + data.length)
    return cell
  }

  #collect(key: string, cell: Cell): void {
    const before = this.#pending.get(key) ?? this.#hot.get(key)
    const existed = before ? before.value !== undefined : undefined
    this.#pending.set(key, cell)
    this.#hot.delete(key)
    const data = cell.value === undefined ? null : this.#dataOf(cell)
    this.#files.collect({
      key: this.#toBytes(key),
      data,
      timestampMs: cell.timestampMs,
      existed,
      written: () => {
        if (this.#pending.get(key) !== cell) return
        this.#pending.delete(key)
        cell.data = undefined
        if (data !== null) this.#hot.set(key, cell, key.length + encodedSize(data))
      },
    })
  }

  #dataOf(cell: Cell): string | Uint8Array {
    cell.data ??= this.#codec.encode(cell.value)
    return cell.data
  }

  #stamped(cell: Cell | undefined): Stamped | undefined {
    if (cell === undefined || cell.value === undefined) return undefined
    if (cell.value instanceof Encoded) cell.value = this.#codec.decode(cell.value.data)
    const { value, timestampMs } = cell
    return { value, timestampMs }
  }

  #setKey(key: string, timestampMs: number | undefined): void {
    const keys = this.#keys
    if (!keys) return
    const had = keys.has(key)
    if (timestampMs === undefined) {
      if (keys.delete(key)) this.#keyBytes -= key.length
    } else {
      keys.set(key, timestampMs)
      if (!had) this.#keyBytes += key.length
    }
  }
}
