/** One value a key: totals, tables. */
import type { Undo } from '../task/undo.ts'
import { CellStore } from './cell-store.ts'
import type { Cells, NewCells } from './cells.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { inMemory } from './memory-cells.ts'
import type { Stamped, Store } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { valueCodec } from './value-codec.ts'

export class KeyValueStore extends CellStore<Cells> {
  readonly restoreText: Store['restoreText']
  readonly #keys: KeyCodec

  constructor(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory) {
    const keys = keyCodec(spec.key, spec.name)
    const codec = valueCodec(spec.value, spec.name)
    const keepsKeys = spec.isScanned ?? false
    super(spec, newCells({ codec, undo, keepsKeys, ...keys }), keys)
    this.#keys = keys
    const { cells } = this
    if (keys.isText && codec.isText && cells.restoreText) {
      this.restoreText = (key, value, timestampMs) => cells.restoreText!(key, value, timestampMs)
    }
  }

  get(key: unknown): Stamped | undefined {
    return this.cells.get(this.#keys.toText(key))
  }

  /** As of the last commit. */
  committed(key: unknown): Stamped | undefined {
    return this.cells.committed(this.#keys.toText(key))
  }

  /** Null removes. */
  put(key: unknown, value: unknown, timestampMs: number): void {
    this.cells.put(this.#keys.toText(key), value, timestampMs)
  }

  /** In the order of the keys' text. */
  *entries(): Generator<[key: unknown, entry: Stamped]> {
    for (const text of [...this.cells.keys()].sort()) {
      const entry = this.cells.get(text)
      if (entry) yield [this.#keys.fromText(text), entry]
    }
  }

  /** As of the last commit, in no order; also where not all keys are in memory. */
  async *scan(): AsyncGenerator<[key: unknown, entry: Stamped]> {
    for await (const [text, entry] of this.cells.scan()) yield [this.#keys.fromText(text), entry]
  }

  /** As `entries`, as of the last commit. */
  *committedEntries(): Generator<[key: unknown, entry: Stamped]> {
    const texts = [...this.cells.committedKeys()].map(([text]) => text).sort()
    for (const text of texts) {
      const entry = this.cells.committed(text)
      if (entry) yield [this.#keys.fromText(text), entry]
    }
  }
}
