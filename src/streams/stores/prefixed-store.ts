/** One value for a key in two parts, `[first, second]`, found by the first: who has subscribed to a key. */
import type { Undo } from '../task/undo.ts'
import { CellStore } from './cell-store.ts'
import type { NewCells } from './cells.ts'
import { type CellIndex, IndexedCells } from './indexed-cells.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { inMemory } from './memory-cells.ts'
import type { Stamped } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { valueCodec } from './value-codec.ts'

export class PrefixedStore extends CellStore<IndexedCells> {
  readonly #keys: KeyCodec
  readonly #index: PrefixIndex

  constructor(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory) {
    const keys = keyCodec(spec.key, spec.name)
    const index = new PrefixIndex()
    const codec = valueCodec(spec.value, spec.name)
    super(spec, new IndexedCells(newCells, { codec, undo, ...keys }, index), keys)
    this.#keys = keys
    this.#index = index
  }

  get(first: unknown, second: unknown): Stamped | undefined {
    return this.cells.get(this.#keys.toText([first, second]))
  }

  /** Null removes. */
  put(first: unknown, second: unknown, value: unknown, timestampMs: number): void {
    this.cells.put(this.#keys.toText([first, second]), value, timestampMs)
  }

  /** What a first part has, in the order of the second. */
  entriesOf(first: unknown): [second: unknown, entry: Stamped][] {
    // Serialised without a second part, a key is the prefix of those that have one.
    const texts = this.#index.of(this.#keys.toText([first, null]))
    return [...texts].sort().map((text) => {
      const [, second] = this.#keys.fromText(text) as readonly [unknown, unknown]
      return [second, this.cells.get(text)!]
    })
  }
}

class PrefixIndex implements CellIndex {
  readonly #byPrefix = new Map<string, Set<string>>()

  of(prefix: string): Iterable<string> {
    return this.#byPrefix.get(prefix) ?? []
  }

  add(text: string): void {
    const prefix = prefixOf(text)
    const texts = this.#byPrefix.get(prefix)
    if (texts) texts.add(text)
    else this.#byPrefix.set(prefix, new Set([text]))
  }

  delete(text: string): void {
    const prefix = prefixOf(text)
    const texts = this.#byPrefix.get(prefix)
    if (texts?.delete(text) && texts.size === 0) this.#byPrefix.delete(prefix)
  }
}

/** The first part is behind its length, an int32. */
function prefixOf(text: string): string {
  let length = 0
  for (let i = 0; i < 4; i++) length = length * 256 + text.charCodeAt(i)
  return text.slice(0, 4 + length)
}
