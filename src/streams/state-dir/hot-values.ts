/**
 * Values of stores on disk that were used lately, for all stores of an application, up to a number of bytes. In two generations:
 * what is used is young; when the young ones take half of what there is, the old ones go, and the young ones are old. A value that
 * is used between two such turns stays.
 */
import type { Cell, HotCells } from '../stores/disk-cells.ts'

/** What a value takes besides its bytes as they are written. An estimate: objects take more than their text. */
const overhead = 100

export class HotValues {
  readonly #maxBytes: number
  readonly #parts = new Set<HotPart>()
  #youngBytes = 0

  /** 0: none are kept. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  part(): HotCells {
    const part = new HotPart(
      (bytes) => this.#added(bytes),
      () => this.#parts.delete(part),
    )
    this.#parts.add(part)
    return part
  }

  #added(bytes: number): void {
    this.#youngBytes += bytes + overhead
    if (this.#youngBytes <= this.#maxBytes / 2) return
    this.#youngBytes = 0
    for (const part of this.#parts) part.age(this.#maxBytes > 0)
  }
}

interface Sized {
  readonly cell: Cell
  readonly bytes: number
}

class HotPart implements HotCells {
  readonly #added: (bytes: number) => void
  readonly #dropped: () => void
  #young = new Map<string, Sized>()
  #old = new Map<string, Sized>()

  constructor(added: (bytes: number) => void, dropped: () => void) {
    this.#added = added
    this.#dropped = dropped
  }

  get(key: string): Cell | undefined {
    const young = this.#young.get(key)
    if (young) return young.cell
    const old = this.#old.get(key)
    if (!old) return undefined
    this.#old.delete(key)
    this.#young.set(key, old)
    this.#added(old.bytes)
    return old.cell
  }

  set(key: string, cell: Cell, bytes: number): void {
    this.#old.delete(key)
    this.#young.set(key, { cell, bytes })
    this.#added(bytes)
  }

  delete(key: string): void {
    if (!this.#young.delete(key)) this.#old.delete(key)
  }

  drop(): void {
    this.#young = new Map()
    this.#old = new Map()
    this.#dropped()
  }

  age(isKept: boolean): void {
    this.#old = isKept ? this.#young : new Map()
    this.#young = new Map()
  }
}
