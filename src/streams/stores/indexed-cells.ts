/**
 * Cells with an index of their keys beside them. The index always has exactly the keys that there are: it follows each write,
 * each undo and each abort.
 */
import type { Undo } from '../task/undo.ts'
import type { Cells, CellsOptions, NewCells } from './cells.ts'
import type { Stamped, TellChange } from './store.ts'

export interface CellIndex {
  /** May be there already. */
  add(text: string): void
  /** May not be there. */
  delete(text: string): void
}

export class IndexedCells {
  readonly #cells: Cells
  readonly #undo: Undo
  readonly #index: CellIndex
  /** Written since the last commit. */
  readonly #touched = new Set<string>()

  constructor(newCells: NewCells, options: Omit<CellsOptions, 'keepsKeys'>, index: CellIndex) {
    this.#cells = newCells({ ...options, keepsKeys: true })
    this.#undo = options.undo
    this.#index = index
  }

  get size(): number {
    return this.#cells.size
  }

  get sizeInBytes(): number {
    return this.#cells.sizeInBytes
  }

  get hasChanges(): boolean {
    return this.#cells.hasChanges
  }

  has(text: string): boolean {
    return this.#cells.has(text)
  }

  get(text: string): Stamped | undefined {
    return this.#cells.get(text)
  }

  /** As of the last commit. */
  committed(text: string): Stamped | undefined {
    return this.#cells.committed(text)
  }

  keys(): IterableIterator<string> {
    return this.#cells.keys()
  }

  /** Null removes. */
  put(text: string, value: unknown, timestampMs: number): void {
    this.#touched.add(text)
    // What was added last is undone first: when this runs, the cells are as they were.
    this.#undo.add(() => this.#follow(text))
    this.#cells.put(text, value, timestampMs)
    this.#follow(text)
  }

  /** Removes many; `drop` takes them out of the index at once. */
  removeAll(texts: readonly string[], drop: () => void): void {
    this.#undo.add(() => {
      for (const text of texts) this.#follow(text)
    })
    for (const text of texts) {
      this.#touched.add(text)
      this.#cells.put(text, null, 0)
    }
    drop()
  }

  changes(tell: TellChange<string>): void {
    this.#cells.changes(tell)
  }

  commit(): void {
    this.#cells.commit()
    this.#touched.clear()
  }

  abort(): void {
    this.#cells.abort()
    for (const text of this.#touched) this.#follow(text)
    this.#touched.clear()
  }

  restore(text: string, value: Uint8Array | null, timestampMs: number): void {
    this.#cells.restore(text, value, timestampMs)
    this.#follow(text)
  }

  /** Removes what is of no more use, which is no change: the changelog has something newer. Only right after a commit. */
  forget(text: string): void {
    this.#cells.forget(text)
    this.#index.delete(text)
  }

  load(text: string, timestampMs: number): void {
    this.#cells.load(text, timestampMs)
    this.#follow(text)
  }

  #follow(text: string): void {
    if (this.#cells.has(text)) this.#index.add(text)
    else this.#index.delete(text)
  }
}
