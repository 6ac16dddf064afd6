/**
 * Any number of values for a key and a time: what joins keep of their streams. With a retention, what is that much older than
 * the newest entry is not found any more, and is removed soon after, from the changelog too.
 */
import type { Undo } from '../task/undo.ts'
import { CellStore } from './cell-store.ts'
import type { NewCells } from './cells.ts'
import { IndexedCells } from './indexed-cells.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { inMemory } from './memory-cells.ts'
import type { StoreSpec } from './store-spec.ts'
import { TimeIndex } from './time-index.ts'
import { parseTimeKey, timeKey, timeNames } from './time-key.ts'
import { valueCodec } from './value-codec.ts'

export interface TimelineEntry {
  readonly key: unknown
  readonly timeMs: number
  /** Tells those of one key and time apart: 0 and up. */
  readonly sequence: number
  readonly value: unknown
}

export class TimelineStore extends CellStore<IndexedCells> {
  readonly #keys: KeyCodec
  readonly #index: TimeIndex

  constructor(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory) {
    const keys = keyCodec(spec.key, spec.name)
    const index = new TimeIndex()
    const names = timeNames(keys)
    const codec = valueCodec(spec.value, spec.name)
    super(spec, new IndexedCells(newCells, { codec, undo, ...names }, index), names)
    this.#keys = keys
    this.#index = index
  }

  /** Whether the retention lets an entry of this time be found. */
  keeps(timeMs: number): boolean {
    return timeMs >= this.#firstKept
  }

  /** Of one key, by time; `from` and `to` are inclusive. */
  range(key: unknown, from: number, to: number): TimelineEntry[] {
    const text = this.#keys.toText(key)
    return this.#index
      .range(text, Math.max(from, this.#firstKept), to)
      .map(({ timeMs, sequence, text: whole }) => ({
        key,
        timeMs,
        sequence,
        value: this.cells.get(whole)!.value,
      }))
  }

  /** How many entries of a key can be found. */
  count(key: unknown): number {
    return this.#index.count(this.#keys.toText(key), this.#firstKept)
  }

  /** Entries of all keys up to and with a time, by time, then key. */
  through(timeMs: number): TimelineEntry[] {
    return this.#index.through(timeMs).map((whole) => {
      const { key, ...at } = parseTimeKey(whole)
      return { key: this.#keys.fromText(key), ...at, value: this.cells.get(whole)!.value }
    })
  }

  /** The greatest time; undefined when the store is empty. */
  get lastTime(): number | undefined {
    return this.#index.last
  }

  /** The first time that is later; undefined when there is none. */
  firstTimeAfter(timeMs: number): number | undefined {
    return this.#index.firstAfter(timeMs)
  }

  /** How many entries of all keys have a time. */
  countAt(timeMs: number): number {
    return this.#index.countAt(timeMs)
  }

  /** Adds one more for the key and time, and returns its number. */
  add(key: unknown, timeMs: number, value: unknown): number {
    const sequence = this.#index.nextSequence(this.#keys.toText(key), timeMs)
    this.put(key, timeMs, sequence, value)
    return sequence
  }

  put(key: unknown, timeMs: number, sequence: number, value: unknown): void {
    this.cells.put(timeKey(this.#keys.toText(key), timeMs, sequence), value, timeMs)
    this.#expire()
  }

  remove({ key, timeMs, sequence }: Omit<TimelineEntry, 'value'>): void {
    const text = timeKey(this.#keys.toText(key), timeMs, sequence)
    if (this.cells.has(text)) this.cells.put(text, null, timeMs)
  }

  /** In batches, because to take one out of a long list takes as long as to take out many. */
  #expire(): void {
    const firstKept = this.#firstKept
    const slackMs = (this.spec.retentionMs ?? 0) / 16
    if (!(this.#index.first! < firstKept - slackMs)) return
    const gone = this.#index.through(firstKept - 1)
    this.cells.removeAll(gone, () => this.#index.dropThrough(firstKept - 1))
  }

  get #firstKept(): number {
    const { retentionMs } = this.spec
    const last = this.#index.last
    if (retentionMs === undefined || last === undefined) return Number.NEGATIVE_INFINITY
    return last - retentionMs + 1
  }
}
