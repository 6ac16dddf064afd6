/**
 * What a key's value was at a time. An update of the past becomes a version among the others. Versions that are of no more use
 * for any time within the retention are gone with the next commit.
 *
 * The changelog has a record for each version, its time as the record's. Compaction keeps the last of a key, so the newest
 * version is written behind one of the past.
 */
import type { Undo } from '../task/undo.ts'
import { CellStore } from './cell-store.ts'
import type { NewCells } from './cells.ts'
import { IndexedCells } from './indexed-cells.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { inMemory } from './memory-cells.ts'
import type { Stamped, TellChange } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { type Moment, TimeIndex } from './time-index.ts'
import { parseTimeKey, timeKey, timeNames } from './time-key.ts'
import { deletedData, type ValueCodec, valueCodec } from './value-codec.ts'

/** Stands for the null of a key that was deleted at that time. */
const deleted = Symbol('deleted')

export class VersionedStore extends CellStore<IndexedCells> {
  readonly #keys: KeyCodec
  readonly #index: TimeIndex
  /** What was of no more use at the horizon when that was here is gone. */
  #sweptMs = 0

  constructor(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory) {
    const keys = keyCodec(spec.key, spec.name)
    const index = new TimeIndex()
    const names = timeNames(keys)
    const codec = withDeleted(valueCodec(spec.value, spec.name))
    super(spec, new IndexedCells(newCells, { codec, undo, ...names }, index), names)
    this.#keys = keys
    this.#index = index
  }

  /** The newest value; with a time, the one that was valid then: undefined where that is longer ago than the retention. */
  get(key: unknown, asOfMs = Number.MAX_SAFE_INTEGER): Stamped | undefined {
    const text = this.#keys.toText(key)
    const version = this.#versionAt(text, asOfMs)
    if (!version) return undefined
    // The newest version is kept however old it is; of others, only what the retention covers is whole.
    if (asOfMs < this.#horizon && version !== this.#newest(text)) return undefined
    return readable(this.cells.get(version.text)!)
  }

  /** The newest value as of the last commit. */
  committed(key: unknown): Stamped | undefined {
    const versions = this.#index.range(this.#keys.toText(key), 0, Number.MAX_SAFE_INTEGER - 1)
    for (const { text } of [...versions].reverse()) {
      const found = this.cells.committed(text)
      if (found) return readable(found)
    }
    return undefined
  }

  /**
   * Adds a version; null: the key was deleted. False when that is longer ago than the retention, so that it was not added.
   */
  put(key: unknown, value: unknown, timestampMs: number): boolean {
    if (timestampMs < this.#horizon) return false
    const text = timeKey(this.#keys.toText(key), timestampMs, 0)
    this.cells.put(text, value === null ? deleted : value, timestampMs)
    return true
  }

  /** Whether the key has no version after this time. */
  isNewest(key: unknown, timestampMs: number): boolean {
    return (this.#newest(this.#keys.toText(key))?.timeMs ?? timestampMs) <= timestampMs
  }

  /** Newest values, in the order of the keys' text. */
  *entries(): Generator<[key: unknown, entry: Stamped]> {
    const keys = new Set([...this.cells.keys()].map((text) => parseTimeKey(text).key))
    for (const text of [...keys].sort()) {
      const entry = readable(this.cells.get(this.#newest(text)!.text)!)
      if (entry) yield [this.#keys.fromText(text), entry]
    }
  }

  override changes(tell: TellChange<string | Uint8Array>): void {
    const changes: { key: string; value: string | Uint8Array | null; timestampMs: number }[] = []
    this.cells.changes((text, value, timestampMs) => {
      const { key } = parseTimeKey(text)
      changes.push({ key, value: value === deletedData ? null : value, timestampMs })
    })
    changes.sort((a, b) => a.timestampMs - b.timestampMs)
    const lastWritten = new Map<string, number>()
    for (const { key, value, timestampMs } of changes) {
      lastWritten.set(key, timestampMs)
      tell(this.#keys.toBytes(key), value, timestampMs)
    }
    for (const [text, timestampMs] of lastWritten) {
      const newest = this.#newest(text)
      if (newest && newest.timeMs > timestampMs) this.#tellNewest(text, newest, tell)
    }
  }

  override commit(): void {
    super.commit()
    const horizon = this.#horizon
    for (const whole of this.#index.between(this.#sweptMs, horizon)) {
      const { key, timeMs } = parseTimeKey(whole)
      for (const older of this.#index.range(key, 0, timeMs - 1)) this.cells.forget(older.text)
      if (!readable(this.cells.get(whole)!)) this.cells.forget(whole)
    }
    this.#sweptMs = horizon
  }

  override restore(key: Uint8Array, value: Uint8Array | null, timestampMs: number): void {
    const text = timeKey(this.#keys.fromBytes(key), timestampMs, 0)
    this.cells.restore(text, value ?? deletedData, timestampMs)
  }

  /** From here on the versions are whole. */
  get #horizon(): number {
    return Math.max((this.#index.last ?? 0) - this.spec.retentionMs!, 0)
  }

  #newest(text: string): Moment | undefined {
    return this.#versionAt(text, Number.MAX_SAFE_INTEGER)
  }

  #versionAt(text: string, asOfMs: number): Moment | undefined {
    return this.#index.lastUntil(text, asOfMs)
  }

  #tellNewest(text: string, { text: whole }: Moment, tell: TellChange<string | Uint8Array>): void {
    const { value, timestampMs } = this.cells.get(whole)!
    const data =
      value === deleted ? null : valueCodec(this.spec.value, this.spec.name).encode(value)
    tell(this.#keys.toBytes(text), data, timestampMs)
  }
}

function readable(entry: Stamped): Stamped | undefined {
  return entry.value === deleted ? undefined : entry
}

/** As `codec`, for values that may be `deleted`, which is no bytes at all. */
function withDeleted(codec: ValueCodec): ValueCodec {
  return {
    ...codec,
    encode: (value) => (value === deleted ? deletedData : codec.encode(value)),
    hold: (bytes) => (bytes === deletedData ? deleted : codec.hold(bytes)),
  }
}
