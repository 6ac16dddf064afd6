/**
 * Values and their times by key, in columns rather than in an object for each: a store of a million keys has to fit. Knows
 * what has changed since the last commit.
 */
import type { Undo } from '../task/undo.ts'
import type { Cells, NewCells } from './cells.ts'
import { type Before, ChangedEntries } from './changed-entries.ts'
import type { Stamped, TellChange } from './store.ts'
import { Encoded, encodedSize, type ValueCodec } from './value-codec.ts'

export const inMemory: NewCells = ({ codec, undo }) => new MemoryCells(codec, undo)

/** What a value is taken to have before it is written for the first time, bytes. */
const assumedSize = 8

/** Columns of so many are within the heap: there may be cells for each of many small windows. */
const firstLength = 8

export class MemoryCells implements Cells {
  readonly #codec: ValueCodec
  readonly #undo: Undo
  readonly #slots = new Map<string, number>()
  /** As they are; or, where the slot's size is negative, encoded. */
  readonly #values: unknown[] = []
  #timestamps = new Float64Array(firstLength)
  /** Bytes of each value, as of the last commit; less than zero (`~bytes`) as long as the value is encoded. */
  #sizes = new Int32Array(firstLength)
  #free: number[] = []
  /** A value that was not decoded yet is `Encoded` among what they were before. */
  readonly #changed = new ChangedEntries()
  #bytes = 0
  /** What was looked up last: most entries are read and then written. */
  #lastKey: string | undefined
  #lastSlot: number | undefined
  readonly #rollBack = (key: string, before: Before) => this.#set(key, before)
  readonly #takeBackFirst = (key: string, before: Before) => {
    this.#set(key, before)
    this.#changed.rollBack()
  }

  constructor(codec: ValueCodec, undo: Undo) {
    this.#codec = codec
    this.#undo = undo
    this.#changed.grow(firstLength)
  }

  get size(): number {
    return this.#slots.size
  }

  get sizeInBytes(): number {
    return this.#bytes
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  get(key: string): Stamped | undefined {
    const slot = this.#slotOf(key)
    if (slot === undefined) return undefined
    return { value: this.#valueAt(slot), timestampMs: this.#timestamps[slot]! }
  }

  /** As of the last commit. */
  committed(key: string): Stamped | undefined {
    const slot = this.#slots.get(key)
    if (this.#changed.has(key, slot)) return this.#decoded(this.#changed.beforeOf(key, slot))
    // What was restored stays as it is: a look at all entries would take twice the memory.
    return slot === undefined ? undefined : this.#decoded(this.#rawAt(slot))
  }

  has(key: string): boolean {
    return this.#slotOf(key) !== undefined
  }

  /** All keys, in no order. */
  keys(): IterableIterator<string> {
    return this.#slots.keys()
  }

  async *scan(): AsyncGenerator<[key: string, entry: Stamped]> {
    const keys = new Set([...this.#slots.keys(), ...this.#changed.keys()])
    for (const key of keys) {
      const entry = this.committed(key)
      if (entry) yield [key, entry]
    }
  }

  /** Null removes. */
  put(key: string, value: unknown, timestampMs: number): void {
    const slot = this.#slotOf(key)
    const before = slot === undefined ? undefined : this.#rawAt(slot)
    if (this.#changed.has(key, slot)) this.#undo.addWith(this.#rollBack, key, before)
    else {
      this.#changed.add(key, slot, before)
      this.#undo.addWith(this.#takeBackFirst, key, before)
    }
    if (value !== null) this.#write(key, slot, value, timestampMs)
    else if (slot !== undefined) this.#remove(key, slot)
  }

  changes(tell: TellChange<string>): void {
    this.#changed.forEach((key, before, slot) => {
      if (slot < 0) {
        if (before !== undefined) tell(key, null, before.timestampMs)
        return
      }
      const value = this.#values[slot]
      const isEncoded = this.#sizes[slot]! < 0
      const data = isEncoded ? (value as string | Uint8Array) : this.#codec.encode(value)
      this.#resize(slot, encodedSize(data), isEncoded)
      tell(key, data, this.#timestamps[slot]!)
    })
  }

  /** Keys that the changelog has, with the times that it has them with. */
  *committedKeys(): Generator<[key: string, timestampMs: number]> {
    for (const [key, slot] of this.#slots) {
      if (!this.#changed.has(key, slot)) yield [key, this.#timestamps[slot]!]
    }
    for (const key of this.#changed.keys()) {
      const before = this.#changed.beforeOf(key, this.#slots.get(key))
      if (before) yield [key, before.timestampMs]
    }
  }

  commit(): void {
    this.#changed.clear()
  }

  forget(key: string): void {
    this.#set(key, undefined)
  }

  load(): void {
    throw new TypeError('cells in memory have no files')
  }

  /** Whoever lets go of them lets go of all that they have. */
  drop(): void {}

  abort(): void {
    this.#changed.forEach((key, before) => {
      this.#set(key, before)
    })
    this.#changed.clear()
  }

  restore(key: string, value: Uint8Array | null, timestampMs: number): void {
    if (value === null) this.forget(key)
    else this.#write(key, this.#slots.get(key), this.#codec.hold(value), timestampMs)
  }

  restoreText(key: string, value: string | null, timestampMs: number): void {
    if (value === null) this.forget(key)
    else this.#write(key, this.#slots.get(key), this.#codec.holdText(value), timestampMs)
  }

  #slotOf(key: string): number | undefined {
    if (key !== this.#lastKey) {
      this.#lastSlot = this.#slots.get(key)
      this.#lastKey = key
    }
    return this.#lastSlot
  }

  #set(key: string, entry: Before): void {
    const slot = this.#slots.get(key)
    if (entry !== undefined) this.#write(key, slot, entry.value, entry.timestampMs)
    else if (slot !== undefined) this.#remove(key, slot)
  }

  /** `slot`: the key's, if it has one. */
  #write(key: string, slot: number | undefined, value: unknown, timestampMs: number): void {
    const isEncoded = value instanceof Encoded
    const at = slot ?? this.#insert(key, isEncoded ? encodedSize(value.data) : assumedSize)
    const size = this.#sizes[at]!
    if (isEncoded !== size < 0) this.#sizes[at] = ~size
    this.#values[at] = isEncoded ? value.data : value
    this.#timestamps[at] = timestampMs
  }

  #insert(key: string, size: number): number {
    const slot = this.#free.pop() ?? this.#values.length
    if (slot >= this.#sizes.length) this.#grow()
    this.#slots.set(key, slot)
    this.#lastKey = undefined
    this.#sizes[slot] = size
    this.#bytes += key.length + size
    this.#changed.came(key, slot)
    return slot
  }

  /** By an eighth: half as much again, as arrays grow, is memory that a large store mostly has no use for. */
  #grow(): void {
    const length = this.#sizes.length + Math.max(16, this.#sizes.length >>> 3)
    const [timestamps, sizes] = [new Float64Array(length), new Int32Array(length)]
    timestamps.set(this.#timestamps)
    sizes.set(this.#sizes)
    this.#timestamps = timestamps
    this.#sizes = sizes
    this.#changed.grow(length)
  }

  #remove(key: string, slot: number): void {
    this.#slots.delete(key)
    this.#changed.went(key, slot)
    this.#lastKey = undefined
    this.#bytes -= key.length + this.#sizeAt(slot)
    this.#values[slot] = undefined
    this.#free.push(slot)
  }

  #sizeAt(slot: number): number {
    const size = this.#sizes[slot]!
    return size < 0 ? ~size : size
  }

  #resize(slot: number, size: number, isEncoded: boolean): void {
    this.#bytes += size - this.#sizeAt(slot)
    this.#sizes[slot] = isEncoded ? ~size : size
  }

  #valueAt(slot: number): unknown {
    const value = this.#values[slot]
    const size = this.#sizes[slot]!
    if (size >= 0) return value
    const decoded = this.#codec.decode(value as string | Uint8Array)
    this.#values[slot] = decoded
    this.#sizes[slot] = ~size
    return decoded
  }

  #rawAt(slot: number): Stamped {
    const value = this.#values[slot]
    const isEncoded = this.#sizes[slot]! < 0
    return {
      value: isEncoded ? new Encoded(value as string | Uint8Array) : value,
      timestampMs: this.#timestamps[slot]!,
    }
  }

  #decoded(entry: Before): Stamped | undefined {
    if (!(entry?.value instanceof Encoded)) return entry
    return { value: this.#codec.decode(entry.value.data), timestampMs: entry.timestampMs }
  }
}
