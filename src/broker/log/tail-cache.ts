/**
 * The newest appends of a partition, kept in memory so that consumers at the tail never touch the disk. Bounded for
 * each partition and, through the shared budget, for the process.
 */

/** A part of no larger a buffer is kept as it is. */
const sharedBytesMax = 128 * 1024
/** What an append takes besides its bytes: of appends of a hundred bytes each that is most of it. */
const entryBytes = 300

export interface CachedAppend {
  readonly baseOffset: bigint
  readonly nextOffset: bigint
  readonly bytes: Uint8Array
}

/** A cache that can let go of what it holds. */
export interface Evictable {
  /** Lets go of something; false when there is nothing. */
  evict(): boolean
}

/** Bytes that all caches of a process hold together. */
export class CacheBudget {
  readonly bytesMax: number
  usedBytes = 0
  /** Caches that hold something, by their last addition, oldest first. */
  readonly #caches = new Set<Evictable>()

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** `cache` has just grown: whoever was idle longest makes room. */
  makeRoom(cache: Evictable): void {
    this.#caches.delete(cache)
    this.#caches.add(cache)
    for (const oldest of this.#caches) {
      while (this.usedBytes > this.bytesMax && oldest.evict());
      if (this.usedBytes <= this.bytesMax) return
      this.#caches.delete(oldest)
    }
  }

  forget(cache: Evictable): void {
    this.#caches.delete(cache)
  }
}

export class TailCache implements Evictable {
  readonly #budget: CacheBudget
  readonly #bytesMax: number
  #entries: (CachedAppend | undefined)[] = []
  #first = 0
  #usedBytes = 0

  constructor(budget: CacheBudget, bytesMax: number) {
    this.#budget = budget
    this.#bytesMax = bytesMax
  }

  add(appended: CachedAppend): void {
    const entry = alone(appended)
    this.#entries.push(entry)
    this.#count(sizeOf(entry))
    while (this.#usedBytes > this.#bytesMax) this.evict()
    this.#budget.makeRoom(this)
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }

  /** Lets go of the oldest entry; false when there is none. */
  evict(): boolean {
    const entry = this.#entries[this.#first]
    if (!entry) return false
    this.#entries[this.#first++] = undefined
    this.#count(-sizeOf(entry))
    return true
  }

  /** Lets go of what ends at or below `offset`. */
  evictBelow(offset: bigint): void {
    for (let oldest = this.#entries[this.#first]; oldest && oldest.nextOffset <= offset; ) {
      this.evict()
      oldest = this.#entries[this.#first]
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
    return this.#entries.slice(low) as CachedAppend[]
  }

  clear(): void {
    this.#count(-this.#usedBytes)
    this.#budget.forget(this)
    this.#entries = []
    this.#first = 0
  }

  #count(bytes: number): void {
    this.#usedBytes += bytes
    this.#budget.usedBytes += bytes
  }
}

function sizeOf({ bytes }: CachedAppend): number {
  return entryBytes + bytes.length
}

/** A small part of a large request would keep the whole in memory: it is copied. */
function alone(entry: CachedAppend): CachedAppend {
  const { bytes } = entry
  const wholeBytes = bytes.buffer.byteLength
  if (wholeBytes <= sharedBytesMax || wholeBytes <= 2 * bytes.length) return entry
  return { ...entry, bytes: new Uint8Array(bytes) }
}
