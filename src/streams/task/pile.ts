/**
 * A list that is filled and emptied for each record. An array that is emptied gives its memory back, and gets other memory with
 * the next item; this one keeps what it has, unless that is much.
 */

/** Places that are kept. */
const keptMax = 64

export class Pile<T> {
  #items: (T | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** `index` below `size`. */
  at(index: number): T {
    return this.#items[index]!
  }

  push(item: T): void {
    this.#items[this.#size++] = item
  }

  /** The last one; undefined when there is none. */
  pop(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#items[--this.#size]
    this.#items[this.#size] = undefined
    return item
  }

  /** Lets go of those from `size` on. */
  cutTo(size: number): void {
    while (this.#size > size) this.pop()
  }

  clear(): void {
    if (this.#size > keptMax) this.#items = []
    else for (let i = 0; i < this.#size; i++) this.#items[i] = undefined
    this.#size = 0
  }
}
