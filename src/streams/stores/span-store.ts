/**
 * Values for a key and a stretch of time that differs from key to key: sessions, sliding windows, what a suppression holds
 * back. By key, in the order of time; and by end, for those that are over. Both are derived from the cells, and follow them
 * when these are undone, aborted or restored.
 */
import type { Undo } from '../task/undo.ts'
import type { Cells, NewCells } from './cells.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { inMemory } from './memory-cells.ts'
import type { SpanKeys } from './span-keys.ts'
import { type Span, SpanQueue } from './span-queue.ts'
import type { Stamped, Store, TellChange } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { valueCodec } from './value-codec.ts'

type Stretch = Omit<Span, 'isHeld'>

const none: readonly Span[] = []

export class SpanStore implements Store {
  readonly spec: StoreSpec
  readonly #keys: KeyCodec
  readonly #spanKeys: SpanKeys
  readonly #cells: Cells
  readonly #undo: Undo
  /** By the key's text: ascending by start, then end. */
  readonly #byKey = new Map<string, Span[]>()
  readonly #queues: SpanQueue[] = []
  /** Entries that have come or gone since the last commit, by their names among the cells. */
  readonly #moved = new Map<string, Stretch>()

  constructor(spec: StoreSpec, spanKeys: SpanKeys, undo: Undo, newCells: NewCells = inMemory) {
    this.spec = spec
    this.#keys = keyCodec(spec.key, spec.name)
    this.#spanKeys = spanKeys
    this.#cells = newCells({
      codec: valueCodec(spec.value, spec.name),
      undo,
      toBytes: (name) => this.#toBytes(spanNamed(name)),
      fromBytes: (bytes) => this.#fromBytes(bytes).name,
      keepsKeys: true,
    })
    this.#undo = undo
  }

  get size(): number {
    return this.#cells.size
  }

  get sizeInBytes(): number {
    return this.#cells.sizeInBytes
  }

  /** All entries by their end, from now on. To be asked for before anything is put in or restored. */
  queue(): SpanQueue {
    const queue = new SpanQueue(this.#undo)
    this.#queues.push(queue)
    return queue
  }

  /** Of one key, ascending by start, then end. Changes with the store: copy it before you write. */
  spans(key: unknown): readonly Span[] {
    return this.spansOf(this.textOf(key))
  }

  /** A key as the store has it: who has several things to ask about a key serialises it once. */
  textOf(key: unknown): string {
    return this.#keys.toText(key)
  }

  /** As `spans`, by the key's text. */
  spansOf(keyText: string): readonly Span[] {
    return this.#byKey.get(keyText) ?? none
  }

  keyOf(span: Span): unknown {
    return this.#keys.fromText(span.keyText)
  }

  /** What a span that the store holds has. */
  at(span: Span): Stamped {
    return this.#cells.get(span.name)!
  }

  get(key: unknown, startMs: number, endMs: number): Stamped | undefined {
    return this.#cells.get(stretch(this.#keys.toText(key), startMs, endMs).name)
  }

  /** Of one key, in no order; `isCommitted`: as of the last commit. */
  *entriesOf(key: unknown, isCommitted: boolean): Generator<[span: Stretch, entry: Stamped]> {
    const keyText = this.#keys.toText(key)
    const spans = new Map<string, Stretch>()
    for (const span of this.#byKey.get(keyText) ?? none) spans.set(span.name, span)
    if (isCommitted) {
      for (const [name, span] of this.#moved) if (span.keyText === keyText) spans.set(name, span)
    }
    for (const [name, span] of spans) {
      const entry = isCommitted ? this.#cells.committed(name) : this.#cells.get(name)
      if (entry) yield [span, entry]
    }
  }

  /** As `entries`, as of the last commit; in the order of time for each key. */
  *committedEntries(): Generator<[key: unknown, span: Stretch, entry: Stamped]> {
    const spans = [...this.#cells.committedKeys()].map(([name]) => spanNamed(name))
    spans.sort((a, b) =>
      a.keyText === b.keyText ? a.startMs - b.startMs : a.keyText < b.keyText ? -1 : 1,
    )
    for (const span of spans) {
      const entry = this.#cells.committed(span.name)
      if (entry) yield [this.#keys.fromText(span.keyText), span, entry]
    }
  }

  /** Null removes. */
  put(key: unknown, startMs: number, endMs: number, value: unknown, timestampMs: number): void {
    this.putAt(this.#keys.toText(key), startMs, endMs, value, timestampMs)
  }

  /** As `put`, by the key's text. */
  putAt(
    keyText: string,
    startMs: number,
    endMs: number,
    value: unknown,
    timestampMs: number,
  ): void {
    this.#put(stretch(keyText, startMs, endMs), value, timestampMs)
  }

  /** Another value for a span that the store holds. */
  replace(span: Span, value: unknown, timestampMs: number): void {
    this.#put(span, value, timestampMs)
  }

  remove(span: Span): void {
    this.#put(span, null, span.endMs)
  }

  /** In the order of the keys' text, then of time. */
  *entries(): Generator<[key: unknown, span: Span, entry: Stamped]> {
    for (const text of [...this.#byKey.keys()].sort()) {
      const key = this.#keys.fromText(text)
      for (const span of [...(this.#byKey.get(text) ?? none)]) {
        if (span.isHeld) yield [key, span, this.at(span)]
      }
    }
  }

  changes(tell: TellChange<string | Uint8Array>): void {
    this.#cells.changes((name, value, timestampMs) =>
      tell(this.#toBytes(spanNamed(name)), value, timestampMs),
    )
  }

  hasChanges(): boolean {
    return this.#cells.hasChanges
  }

  commit(): void {
    this.#cells.commit()
    this.#moved.clear()
    for (const queue of this.#queues) queue.commit()
  }

  abort(): void {
    this.#cells.abort()
    for (const span of this.#moved.values()) this.#follow(span)
    this.#moved.clear()
    for (const queue of this.#queues) queue.abort()
  }

  restore(bytes: Uint8Array, value: Uint8Array | null, timestampMs: number): void {
    const span = this.#fromBytes(bytes)
    this.#cells.restore(span.name, value, timestampMs)
    this.#follow(span)
  }

  load(bytes: Uint8Array, timestampMs: number): void {
    const span = this.#fromBytes(bytes)
    this.#cells.load(span.name, timestampMs)
    this.#follow(span)
  }

  #toBytes({ keyText, startMs, endMs }: Stretch): Uint8Array {
    return this.#spanKeys.toBytes(this.#keys.toBytes(keyText), startMs, endMs)
  }

  #fromBytes(bytes: Uint8Array): Stretch {
    const { key, startMs, endMs } = this.#spanKeys.fromBytes(bytes)
    return stretch(this.#keys.fromBytes(key), startMs, endMs)
  }

  #put(span: Stretch, value: unknown, timestampMs: number): void {
    const { name } = span
    const moves = this.#cells.has(name) !== (value !== null)
    if (moves) {
      this.#moved.set(name, span)
      // Before the cells' own step, so that it is taken back after it.
      this.#undo.add(() => this.#follow(span))
    }
    this.#cells.put(name, value, timestampMs)
    if (moves) this.#follow(span)
  }

  /** What is found by key and by end is what the cells hold. */
  #follow(span: Stretch): void {
    const { keyText, name, startMs, endMs } = span
    const spans = this.#byKey.get(keyText) ?? []
    let at = spans.length
    while (at > 0 && isBefore(span, spans[at - 1]!)) at--
    const held = at > 0 && isSame(span, spans[at - 1]!) ? spans[at - 1] : undefined
    const isHeld = this.#cells.has(name)
    if (isHeld === (held !== undefined)) return
    if (held) {
      held.isHeld = false
      spans.splice(at - 1, 1)
      if (spans.length === 0) this.#byKey.delete(keyText)
      return
    }
    const added = { keyText, name, startMs, endMs, isHeld: true }
    spans.splice(at, 0, added)
    if (spans.length === 1) this.#byKey.set(keyText, spans)
    for (const queue of this.#queues) queue.push(added)
  }
}

function isBefore(a: Stretch, b: Stretch): boolean {
  return a.startMs < b.startMs || (a.startMs === b.startMs && a.endMs < b.endMs)
}

function isSame(a: Stretch, b: Stretch): boolean {
  return a.startMs === b.startMs && a.endMs === b.endMs
}

function stretch(keyText: string, startMs: number, endMs: number): Stretch {
  return { keyText, name: `${startMs}:${endMs}:${keyText}`, startMs, endMs }
}

function spanNamed(name: string): Stretch {
  const first = name.indexOf(':')
  const second = name.indexOf(':', first + 1)
  return {
    startMs: Number(name.slice(0, first)),
    endMs: Number(name.slice(first + 1, second)),
    keyText: name.slice(second + 1),
    name,
  }
}
