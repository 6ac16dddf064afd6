/**
 * The stores of one task in files: a database of its own. What is written to it was committed before, and goes in together with the
 * offset up to which each store's changelog is in it, in one batch: a crash at any point leaves the files as of some commit, and
 * the rest is read from the changelog. Entries of a changelog say the last value of a key, so reading some of them twice does no
 * harm.
 *
 *   0 0 0            what the stores are, as JSON
 *   0 0 1            when it was last written, epoch milliseconds
 *   0 0 2 ‖ store    offset in the changelog ‖ how many entries
 *   store ‖ key      an entry; a store is a number from 1, two bytes
 */
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { CorruptDataError } from '../../core/errors.ts'
import type { NewCells } from '../stores/cells.ts'
import { DiskCells, type FileChange, type HotCells, type StoreFiles } from '../stores/disk-cells.ts'
import { inMemory } from '../stores/memory-cells.ts'
import type { Store } from '../stores/store.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import { decodeEntry, encodeEntry } from './file-entry.ts'
import type { HotValues } from './hot-values.ts'
import { type StateEngine, stateDamaged } from './state-engine.ts'

/** Of the form of the files. */
const version = 1
const shapeKey = new Uint8Array([0, 0, 0])
const usedKey = new Uint8Array([0, 0, 1])

/** What the files say of themselves. */
interface Shape {
  readonly version: number
  readonly stores: readonly { readonly name: string; readonly shape: string }[]
}

/** A store, and the id of the topic that is its changelog: entries of another topic of that name are not its own. */
export interface FiledStore {
  readonly spec: StoreSpec
  readonly origin: string
}

export interface TaskFilesOptions {
  readonly engine: StateEngine
  /** For messages. */
  readonly path: string
  readonly stores: readonly FiledStore[]
  readonly hot: HotValues
  /** Epoch milliseconds. */
  now(): number
}

/** Entries that were collected, and are not written yet, before a restoration waits for them. */
const collectedMax = 5000

export class TaskFiles {
  readonly path: string
  readonly #options: TaskFilesOptions
  readonly #engine: StateEngine
  readonly #files = new Map<string, Files>()
  #collected: Collected[] = []
  /** As of what was written last: epoch milliseconds; 0 for new files. */
  usedMs = 0
  #writing: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #isClosed = false
  /** An entry was found to be damaged. */
  isDamaged = false

  private constructor(options: TaskFilesOptions) {
    this.path = options.path
    this.#options = options
    this.#engine = options.engine
    options.stores.forEach(({ spec }, i) => {
      const files = new Files(spec, i + 1, options.engine, options.hot, {
        collect: (change) => this.#collected.push(change),
        damaged: (what) => this.#damaged(what),
      })
      this.#files.set(spec.name, files)
    })
  }

  /** Takes the files as they are; those of other stores, or of another version, begin anew. */
  static async open(options: TaskFilesOptions): Promise<TaskFiles> {
    const files = new TaskFiles(options)
    await files.#open()
    return files
  }

  /** Up to where the changelogs are in the files of any stores, by store; and when they were last written. */
  static async look(
    engine: StateEngine,
  ): Promise<{ positions: Map<string, bigint>; usedMs: number }> {
    const positions = new Map<string, bigint>()
    readShape(engine)?.stores.forEach(({ name }, i) => {
      const found = readPosition(engine, i + 1)
      if (found) positions.set(name, found.position)
    })
    return { positions, usedMs: readUsed(engine) }
  }

  /** Where the cells of a store are to be. */
  cellsOf({ name }: StoreSpec): NewCells {
    const files = this.#files.get(name)
    return files ? (options) => files.newCells(options) : inMemory
  }

  /** Up to here the changelog is in the files; undefined where nothing is. */
  positionOf(store: string): bigint | undefined {
    return this.#files.get(store)?.written
  }

  /** All stores together. */
  positions(): Map<string, bigint> {
    return new Map(
      [...this.#files].flatMap(([name, { written }]) =>
        written === undefined ? [] : [[name, written] as const],
      ),
    )
  }

  /** Bytes on disk, as of the last look. */
  sizeOf(store: string): number | undefined {
    return this.#files.get(store)?.sizeInBytes
  }

  /** Tells stores that keep their keys in memory which ones there are. */
  async load(stores: ReadonlyMap<string, Store>): Promise<void> {
    for (const [name, files] of this.#files) {
      if (!files.keepsKeys) continue
      const store = stores.get(name)!
      for await (const [key, , timestampMs] of files.scan()) store.load(key, timestampMs)
    }
    for (const files of this.#files.values()) await files.measure()
  }

  /** The store has its changelog up to here; to be written with the entries. */
  note(store: string, position: bigint): void {
    const files = this.#files.get(store)
    if (files && position > (files.noted ?? -1n)) files.noted = position
  }

  /** There is enough to be written. */
  get isFull(): boolean {
    return this.#collected.length >= collectedMax
  }

  /** Writes what was collected, and up to where that is the changelog. Rejects when that has failed, now or before. */
  write(): Promise<void> {
    const collected = this.#collected
    const noted = [...this.#files.values()].filter(({ noted, written }) => noted !== written)
    if (collected.length === 0 && noted.length === 0) return this.settled()
    this.#collected = []
    const positions = new Map(noted.map((files) => [files, files.noted!]))
    this.#writing = this.#writing.then(() => this.#write(collected, positions))
    return this.settled()
  }

  /** All that was to be written is. Rejects when it could not be. */
  async settled(): Promise<void> {
    await this.#writing
    if (this.#failure) throw this.#failure.error
  }

  /** Says that this process still has them. */
  mark(): void {
    this.#writing = this.#writing.then(() => this.#write([], new Map()))
  }

  /** Removes everything, so that the changelogs are read from their beginnings. Only before the stores are there. */
  async clear(): Promise<void> {
    await this.#engine.clear()
    await this.#begin()
  }

  /** Waits for what is being written; what was only collected is in the changelog. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#collected = []
    if (!this.#failure && !this.isDamaged) this.mark()
    await this.#writing
    for (const files of this.#files.values()) files.close()
    await this.#engine.close()
  }

  async #open(): Promise<void> {
    const shape = readShape(this.#engine)
    if (JSON.stringify(shape) !== JSON.stringify(this.#shape())) {
      if (shape) await this.#engine.clear()
      return this.#begin()
    }
    this.usedMs = readUsed(this.#engine)
    for (const files of this.#files.values()) files.open()
  }

  async #begin(): Promise<void> {
    this.usedMs = 0
    for (const files of this.#files.values()) files.begin()
    await this.#engine.write([[shapeKey, encodeUtf8(JSON.stringify(this.#shape()))]])
  }

  #shape(): Shape {
    const stores = this.#options.stores.map(({ spec, origin }) => ({
      name: spec.name,
      shape: [spec.kind, spec.key.name, spec.value.name, spec.windowMs ?? '-', origin].join(' '),
    }))
    return { version, stores }
  }

  /** Never rejects: the failure is kept for whoever asks. */
  async #write(
    collected: readonly Collected[],
    positions: ReadonlyMap<Files, bigint>,
  ): Promise<void> {
    if (this.#failure) return
    try {
      const touched = new Set(collected.map(({ files }) => files))
      for (const files of touched) {
        await files.countIn(collected.filter((one) => one.files === files))
      }
      const usedMs = this.#options.now()
      const batch = collected.map(({ change, at }) => [at, bytesOf(change, at)] as const)
      const marks = [...new Set([...touched, ...positions.keys()])].map(
        (files) => [files.markKey, files.mark(positions.get(files) ?? files.written)] as const,
      )
      await this.#engine.write([...batch, ...marks, [usedKey, float64(usedMs)]])
      this.usedMs = usedMs
      for (const [files, position] of positions) files.written = position
      for (const { change } of collected) change.written()
      for (const files of touched) await files.measureNow()
    } catch (error) {
      this.#failure = { error }
    }
  }

  #damaged(what: string): CorruptDataError {
    this.isDamaged = true
    return new CorruptDataError(
      `The state in ${this.path} is damaged: ${what}. It is set aside, and restored from the changelog, when the application starts again`,
      { code: stateDamaged },
    )
  }
}

interface Collected {
  readonly files: Files
  readonly change: FileChange
  /** The key in the database. */
  readonly at: Uint8Array
}

interface FilesEvents {
  collect(change: Collected): void
  damaged(what: string): CorruptDataError
}

/** Writes between two looks at how much of the disk a store takes. */
const writesPerLook = 100

/** One store's part of the database. */
class Files implements StoreFiles {
  readonly spec: StoreSpec
  readonly markKey: Uint8Array
  readonly #prefix: Uint8Array
  readonly #after: Uint8Array
  readonly #engine: StateEngine
  readonly #hot: HotValues
  readonly #events: FilesEvents
  readonly #parts = new Set<HotCells>()
  /** Of the changelog, as the files have it. */
  written: bigint | undefined
  /** To be written next. */
  noted: bigint | undefined
  count = 0
  readonly keepsKeys: boolean
  sizeInBytes = 0
  #writes = 0

  constructor(
    spec: StoreSpec,
    number: number,
    engine: StateEngine,
    hot: HotValues,
    events: FilesEvents,
  ) {
    this.spec = spec
    this.#prefix = new Uint8Array([number >> 8, number & 0xff])
    this.#after = new Uint8Array([(number + 1) >> 8, (number + 1) & 0xff])
    this.markKey = markKeyOf(number)
    // Windows make their cells later, so they cannot be asked.
    this.keepsKeys = spec.kind !== 'key-value' || (spec.isScanned ?? false)
    this.#engine = engine
    this.#hot = hot
    this.#events = events
  }

  open(): void {
    const found = readPosition(this.#engine, numberOf(this.#prefix))
    this.written = found?.position
    this.noted = found?.position
    this.count = found?.count ?? 0
  }

  begin(): void {
    this.written = undefined
    this.noted = undefined
    this.count = 0
    this.sizeInBytes = 0
  }

  newCells(options: Parameters<NewCells>[0]): DiskCells {
    return new DiskCells(options, this)
  }

  newHot(): HotCells {
    const part = this.#hot.part()
    this.#parts.add(part)
    return {
      get: (key) => part.get(key),
      set: (key, cell, bytes) => part.set(key, cell, bytes),
      delete: (key) => part.delete(key),
      drop: () => {
        part.drop()
        this.#parts.delete(part)
      },
    }
  }

  read(key: Uint8Array): { data: Uint8Array; timestampMs: number } | undefined {
    const at = concatBytes([this.#prefix, key])
    const found = this.#engine.get(at)
    return found && this.#decoded(at, found)
  }

  collect(change: FileChange): void {
    const at = concatBytes([this.#prefix, change.key])
    this.#events.collect({ files: this, change, at })
  }

  // Not a generator: what it sees is what is there when it is called.
  scan(): AsyncIterable<readonly [key: Uint8Array, data: Uint8Array, timestampMs: number]> {
    return this.#entries(this.#engine.scan(this.#prefix, this.#after))
  }

  /** Takes into account what is about to be written. */
  async countIn(collected: readonly Collected[]): Promise<void> {
    if (this.keepsKeys) return
    const unsure = collected.filter(({ change }) => change.existed === undefined)
    const found = unsure.length > 0 ? await this.#engine.has(unsure.map(({ at }) => at)) : []
    const existed = new Map(unsure.map((one, i) => [one, found[i]!]))
    for (const one of collected) {
      const before = one.change.existed ?? existed.get(one)!
      const after = one.change.data !== null
      if (before !== after) this.count += after ? 1 : -1
    }
  }

  mark(position: bigint | undefined): Uint8Array {
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    view.setBigInt64(0, position ?? -1n)
    view.setFloat64(8, this.count)
    return bytes
  }

  async measureNow(): Promise<void> {
    if (this.#writes++ % writesPerLook === 0) await this.measure()
  }

  async measure(): Promise<void> {
    this.sizeInBytes = await this.#engine.size(this.#prefix, this.#after)
  }

  close(): void {
    for (const part of this.#parts) part.drop()
    this.#parts.clear()
  }

  async *#entries(
    found: AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>,
  ): AsyncGenerator<readonly [key: Uint8Array, data: Uint8Array, timestampMs: number]> {
    for await (const [at, bytes] of found) {
      const { data, timestampMs } = this.#decoded(at, bytes)
      yield [at.subarray(this.#prefix.length), data, timestampMs]
    }
  }

  #decoded(at: Uint8Array, bytes: Uint8Array): { data: Uint8Array; timestampMs: number } {
    const entry = decodeEntry(at, bytes)
    if (!entry) throw this.#events.damaged(`an entry of the store '${this.spec.name}' is not whole`)
    return entry
  }
}

function bytesOf({ data, timestampMs }: FileChange, at: Uint8Array): Uint8Array | null {
  return data === null ? null : encodeEntry(at, data, timestampMs)
}

function markKeyOf(number: number): Uint8Array {
  return new Uint8Array([0, 0, 2, number >> 8, number & 0xff])
}

function numberOf(prefix: Uint8Array): number {
  return prefix[0]! * 256 + prefix[1]!
}

function readShape(engine: StateEngine): Shape | undefined {
  const bytes = engine.get(shapeKey)
  if (!bytes) return undefined
  try {
    return JSON.parse(decodeUtf8(bytes)) as Shape
  } catch (cause) {
    throw new CorruptDataError('what the files say of themselves cannot be read', {
      code: stateDamaged,
      cause,
    })
  }
}

function readPosition(
  engine: StateEngine,
  number: number,
): { position: bigint; count: number } | undefined {
  const bytes = engine.get(markKeyOf(number))
  if (bytes?.length !== 16) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const position = view.getBigInt64(0)
  return position < 0n ? undefined : { position, count: view.getFloat64(8) }
}

function readUsed(engine: StateEngine): number {
  const bytes = engine.get(usedKey)
  if (bytes?.length !== 8) return 0
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0)
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return bytes
}
