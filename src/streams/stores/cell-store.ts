/** What stores have in common that keep their entries in one set of cells, each under a text of its own. */
import type { Cells } from './cells.ts'
import type { IndexedCells } from './indexed-cells.ts'
import type { Store, TellChange } from './store.ts'
import type { StoreSpec } from './store-spec.ts'

/** How the cells' texts are written in the changelog. */
export interface TextNames {
  toBytes(text: string): Uint8Array
  fromBytes(bytes: Uint8Array): string
}

export abstract class CellStore<C extends Cells | IndexedCells> implements Store {
  readonly spec: StoreSpec
  protected readonly cells: C
  readonly #names: TextNames

  constructor(spec: StoreSpec, cells: C, names: TextNames) {
    this.spec = spec
    this.cells = cells
    this.#names = names
  }

  get size(): number {
    return this.cells.size
  }

  get sizeInBytes(): number {
    return this.cells.sizeInBytes
  }

  changes(tell: TellChange<string | Uint8Array>): void {
    this.cells.changes((text, value, timestampMs) =>
      tell(this.#names.toBytes(text), value, timestampMs),
    )
  }

  hasChanges(): boolean {
    return this.cells.hasChanges
  }

  commit(): void {
    this.cells.commit()
  }

  abort(): void {
    this.cells.abort()
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestampMs: number): void {
    this.cells.restore(this.#names.fromBytes(key), value, timestampMs)
  }

  load(key: Uint8Array, timestampMs: number): void {
    this.cells.load(this.#names.fromBytes(key), timestampMs)
  }
}
