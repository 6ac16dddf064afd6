/**
 * One value for a key and a window's start. By start first, so that windows that are over go as a whole: in the time that the
 * windows take, not their keys.
 */
import type { Undo } from '../task/undo.ts'
import type { Cells, NewCells } from './cells.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { inMemory } from './memory-cells.ts'
import { insertSorted } from './sorted.ts'
import { windowKeys } from './span-keys.ts'
import type { Stamped, Store, TellChange } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { type ValueCodec, valueCodec } from './value-codec.ts'

export class WindowStore implements Store {
  readonly spec: StoreSpec
  readonly #keys: KeyCodec
  readonly #values: ValueCodec
  readonly #undo: Undo
  readonly #newCells: NewCells
  readonly #windows = new Map<number, Cells>()
  /** The one that was used last: most records are of the same as the one before. */
  #lastStart = Number.NaN
  #lastWindow: Cells | undefined
  /** Starts of the windows, ascending. */
  #starts: number[] = []
  /** Windows that are gone, unless the transaction is aborted. */
  #expired: [start: number, window: Cells][] = []
  /** Windows with changes since the last commit. */
  readonly #changed = new Set<number>()

  constructor(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory) {
    this.spec = spec
    this.#newCells = newCells
    this.#keys = keyCodec(spec.key, spec.name)
    this.#values = valueCodec(spec.value, spec.name)
    this.#undo = undo
  }

  get size(): number {
    let size = 0
    for (const window of this.#windows.values()) size += window.size
    return size
  }

  get sizeInBytes(): number {
    let bytes = 0
    for (const window of this.#windows.values()) bytes += window.sizeInBytes
    return bytes
  }

  get(key: unknown, start: number): Stamped | undefined {
    return this.#windowAt(start)?.get(this.#keys.toText(key))
  }

  /** As of the last commit. */
  committed(key: unknown, start: number): Stamped | undefined {
    return this.#heldWindow(start)?.committed(this.#keys.toText(key))
  }

  /** Null removes. */
  put(key: unknown, start: number, value: unknown, timestampMs: number): void {
    this.#changed.add(start)
    this.#window(start).put(this.#keys.toText(key), value, timestampMs)
  }

  /** Starts of the windows there are, ascending. */
  starts(): readonly number[] {
    return this.#starts
  }

  /** Of one window, in the order of the keys' text. */
  *entries(start: number): Generator<[key: unknown, entry: Stamped]> {
    const window = this.#windows.get(start)
    if (!window) return
    for (const text of [...window.keys()].sort()) {
      const entry = window.get(text)
      if (entry) yield [this.#keys.fromText(text), entry]
    }
  }

  /** As `starts`; those that were there at the last commit, and perhaps others. */
  startsOf(isCommitted: boolean): readonly number[] {
    return isCommitted ? [...this.#expired.map(([start]) => start), ...this.#starts] : this.#starts
  }

  /** All entries, by start, then in the order of the keys' text. */
  *windows(isCommitted: boolean): Generator<[key: unknown, start: number, entry: Stamped]> {
    for (const start of this.startsOf(isCommitted)) {
      if (!isCommitted) {
        for (const [key, entry] of this.entries(start)) yield [key, start, entry]
        continue
      }
      const window = this.#heldWindow(start)!
      const texts = [...window.committedKeys()].map(([text]) => text).sort()
      for (const text of texts) {
        const entry = window.committed(text)
        if (entry) yield [this.#keys.fromText(text), start, entry]
      }
    }
  }

  /** Forgets windows that start before `start`. */
  expire(start: number): void {
    if (this.#starts[0]! < start) this.#expireBefore(start)
  }

  #expireBefore(start: number): void {
    const starts = this.#starts
    const firstKept = starts.findIndex((one) => one >= start)
    const gone = starts.slice(0, firstKept < 0 ? starts.length : firstKept)
    this.#starts = starts.slice(gone.length)
    const windows = gone.map((one): [number, Cells] => [one, this.#windows.get(one)!])
    for (const one of gone) this.#windows.delete(one)
    this.#forgetLast()
    this.#expired.push(...windows)
    this.#undo.add(() => {
      this.#expired.length -= windows.length
      this.#bringBack(windows)
    })
  }

  changes(tell: TellChange<string | Uint8Array>): void {
    // What closed before it was ever committed is not told of.
    for (const [start, window] of this.#expired) {
      for (const [text, timestampMs] of window.committedKeys()) {
        tell(this.#changelogKey(text, start), null, timestampMs)
      }
    }
    for (const start of this.#changed) {
      this.#windows
        .get(start)
        ?.changes((text, value, timestampMs) =>
          tell(this.#changelogKey(text, start), value, timestampMs),
        )
    }
  }

  hasChanges(): boolean {
    return this.#changed.size > 0 || this.#expired.length > 0
  }

  commit(): void {
    // A window that is gone may have begun anew since.
    for (const [, window] of this.#expired) window.drop()
    this.#expired = []
    for (const start of this.#changed) this.#windows.get(start)?.commit()
    this.#changed.clear()
  }

  abort(): void {
    this.#bringBack(this.#expired)
    this.#expired = []
    for (const start of this.#changed) this.#windows.get(start)?.abort()
    this.#changed.clear()
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestampMs: number): void {
    const { key: ofKey, startMs } = windowKeys.fromBytes(key)
    if (value === null && !this.#windows.has(startMs)) return
    this.#window(startMs).restore(this.#keys.fromBytes(ofKey), value, timestampMs)
  }

  load(key: Uint8Array, timestampMs: number): void {
    const { key: ofKey, startMs } = windowKeys.fromBytes(key)
    this.#window(startMs).load(this.#keys.fromBytes(ofKey), timestampMs)
  }

  /** Also one that is gone only since the last commit. */
  #heldWindow(start: number): Cells | undefined {
    return this.#windows.get(start) ?? this.#expired.find(([one]) => one === start)?.[1]
  }

  #changelogKey(text: string, start: number): Uint8Array {
    return windowKeys.finish(this.#keys.toBytes(text, windowKeys.suffixSize), start, start)
  }

  #windowAt(start: number): Cells | undefined {
    if (start !== this.#lastStart || !this.#lastWindow) {
      this.#lastStart = start
      this.#lastWindow = this.#windows.get(start)
    }
    return this.#lastWindow
  }

  /** Windows have come or gone otherwise than one by one. */
  #forgetLast(): void {
    this.#lastWindow = undefined
  }

  #window(start: number): Cells {
    let window = this.#windowAt(start)
    if (!window) {
      window = this.#newCells({
        codec: this.#values,
        undo: this.#undo,
        toBytes: (text) => this.#changelogKey(text, start),
        fromBytes: (bytes) => this.#keys.fromBytes(windowKeys.fromBytes(bytes).key),
        keepsKeys: true,
      })
      this.#windows.set(start, window)
      this.#lastWindow = window
      insertSorted(this.#starts, start)
    }
    return window
  }

  #bringBack(windows: readonly (readonly [number, Cells])[]): void {
    for (const [start, window] of windows) {
      if (!this.#windows.has(start)) insertSorted(this.#starts, start)
      this.#windows.set(start, window)
    }
    this.#forgetLast()
  }
}
