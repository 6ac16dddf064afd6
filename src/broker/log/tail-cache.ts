/**
 * The newest appends of a partition, kept in memory so that consumers at the tail never touch the disk. Bounded for
 * each partition and, through the shared budget, for the process.
 */

export interface CachedAppend {
  readonly baseOffset: bigint
  readonly nextOffset: bigint
  readonly bytes: Uint8Array
}

/** Bytes that all caches of a process hold together. */
export class CacheBudget {
  readonly bytesMax: number
  usedBytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }
}

export class TailCache {
  readonly #budget: CacheBudget
  readonly #bytesMax: number
  #entries: CachedAppend[] = []
  #first = 0
  #usedBytes = 0

  constructor(budget: CacheBudget, bytesMax: number) {
    this.#budget = budget
    this.#bytesMax = bytesMax
  }

  add(entry: CachedAppend): void {
    this.#entries.push(entry)
    this.#count(entry.bytes.length)
    while (
      this.#usedBytes > this.#bytesMax ||
      (this.#budget.usedBytes > this.#budget.bytesMax && this.#usedBytes > 0)
    ) {
      this.#count(-this.#entries[this.#first]!.bytes.length)
      this.#first++
    }
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }

  /** Appends from the one that holds `offset` on; undefined when it is not cached. Offsets are contiguous. */
  from(offset: bigint): readonly CachedAppend[] | undefined {
    const oldest = this.#entries[this.#first]
    if (!oldest || offset < oldest.baseOffset) return undefined
    let low = this.#first
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.nextOffset <= offset) low = middle + 1
      else high = middle
    }
    return this.#entries.slice(low)
  }

  clear(): void {
    this.#count(-this.#usedBytes)
    this.#entries = []
    this.#first = 0
  }

  #count(bytes: number): void {
    this.#usedBytes += bytes
    this.#budget.usedBytes += bytes
  }
}
