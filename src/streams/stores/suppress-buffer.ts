/**
 * Changes of a table that are held back: of each key the last, with the time by which it is to go out and the value that was
 * last let through. Its changelog has all that, so that a restart loses nothing.
 */
import { type Serializer, serializeField } from '../../client/serializer.ts'
import { concatBytes, encodeUtf8 } from '../../core/bytes.ts'
import type { Undo } from '../task/undo.ts'
import type { NewCells } from './cells.ts'
import { inMemory } from './memory-cells.ts'
import { sessionKeys } from './span-keys.ts'
import type { Span } from './span-queue.ts'
import { SpanStore } from './span-store.ts'
import type { Stamped, Store, TellChange } from './store.ts'
import type { StoreSpec } from './store-spec.ts'

/** Null: deleted, or never there. */
export interface Held {
  readonly value: unknown
  /** What those below know of: before the first of the changes that are held back. */
  readonly prior: unknown
}

export class SuppressBuffer implements Store {
  readonly spec: StoreSpec
  readonly #spans: SpanStore
  readonly #undo: Undo
  readonly #held: Serializer<Held>
  readonly #queue
  /** Keys and values, by key and in all; undefined where they have to be counted anew. */
  #bytes: { readonly each: Map<string, number>; total: number } | undefined

  constructor(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory) {
    this.spec = spec
    this.#undo = undo
    this.#held = heldSerializer(spec)
    this.#spans = new SpanStore(
      { ...spec, value: this.#held as Serializer<unknown> },
      sessionKeys,
      undo,
      newCells,
    )
    this.#queue = this.#spans.queue()
  }

  get size(): number {
    return this.#spans.size
  }

  get sizeInBytes(): number {
    return this.#spans.sizeInBytes
  }

  get(key: unknown): (Stamped<Held> & { readonly dueMs: number }) | undefined {
    const [span] = this.#spans.spans(key)
    return span && { ...(this.#spans.at(span) as Stamped<Held>), dueMs: span.endMs }
  }

  /** Holds a change back; the time of the first that is held decides when it is due. */
  put(key: unknown, value: unknown, old: unknown, timestampMs: number, dueMs: number): void {
    const text = this.#spans.textOf(key)
    const [span] = this.#spans.spansOf(text)
    if (span) {
      const { prior } = this.#spans.at(span).value as Held
      this.#spans.replace(span, { value, prior }, timestampMs)
    } else {
      this.#spans.putAt(text, dueMs, dueMs, { value, prior: old ?? null }, timestampMs)
    }
    this.#count(text)
  }

  /** There is nothing to be let through any more. */
  remove(key: unknown): void {
    const [span] = this.#spans.spans(key)
    if (span) this.#remove(span)
  }

  /** Lets go of those that are due by `dueMsMax`, the first first. */
  take(dueMsMax: number): [key: unknown, held: Stamped<Held>][] {
    return this.#queue.take(dueMsMax).map((span) => this.#remove(span))
  }

  /** Lets go of the one that has waited longest. */
  takeFirst(): [key: unknown, held: Stamped<Held>] | undefined {
    const span = this.#queue.takeFirst()
    return span && this.#remove(span)
  }

  /**
   * What all that is held takes when it is written, bytes. Exact, unlike `sizeInBytes`: what goes out early must not depend on
   * when a commit or a restart was.
   */
  bytesHeld(): number {
    if (this.#bytes === undefined) {
      const bytes = { each: new Map<string, number>(), total: 0 }
      for (const [, span] of this.#spans.entries()) {
        const size = this.#sizeOf(span)
        bytes.each.set(span.keyText, size)
        bytes.total += size
      }
      this.#bytes = bytes
      // What the record in hand has put in is counted too.
      this.#undo.add(() => {
        this.#bytes = undefined
      })
    }
    return this.#bytes.total
  }

  changes(tell: TellChange<string | Uint8Array>): void {
    this.#spans.changes(tell)
  }

  hasChanges(): boolean {
    return this.#spans.hasChanges()
  }

  commit(): void {
    this.#spans.commit()
  }

  abort(): void {
    this.#spans.abort()
    this.#bytes = undefined
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestampMs: number): void {
    this.#spans.restore(key, value, timestampMs)
    this.#bytes = undefined
  }

  load(key: Uint8Array, timestampMs: number): void {
    this.#spans.load(key, timestampMs)
    this.#bytes = undefined
  }

  #remove(span: Span): [key: unknown, held: Stamped<Held>] {
    const held = this.#spans.at(span) as Stamped<Held>
    this.#spans.remove(span)
    this.#resize(span.keyText, 0)
    return [this.#spans.keyOf(span), held]
  }

  #count(keyText: string): void {
    if (this.#bytes === undefined) return
    const [span] = this.#spans.spansOf(keyText)
    this.#resize(keyText, this.#sizeOf(span!))
  }

  #resize(keyText: string, size: number): void {
    const bytes = this.#bytes
    if (bytes === undefined) return
    const before = bytes.each.get(keyText) ?? 0
    const set = (to: number, from: number) => {
      bytes.total += to - from
      if (to === 0) bytes.each.delete(keyText)
      else bytes.each.set(keyText, to)
    }
    set(size, before)
    this.#undo.add(() => set(before, size))
  }

  #sizeOf(span: Span): number {
    const { value } = this.#spans.at(span) as Stamped<Held>
    return span.keyText.length + this.#held.serialize(value).length
  }
}

/** length ‖ prior ‖ length ‖ value; length: int32 big endian, -1 for null. */
function heldSerializer({ value: serializer, name }: StoreSpec): Serializer<Held> {
  const write = (value: unknown): Uint8Array => {
    const data = serializeField(serializer, value, 'value', name)
    if (data === null) return int32(-1)
    const bytes = typeof data === 'string' ? encodeUtf8(data) : data
    return concatBytes([int32(bytes.length), bytes])
  }
  const read = (bytes: Uint8Array, at: number): [value: unknown, next: number] => {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(0)
    const next = at + 4 + Math.max(0, length)
    return [length < 0 ? null : serializer.deserialize(bytes.subarray(at + 4, next)), next]
  }
  return {
    name: `held ${serializer.name}`,
    serialize: ({ prior, value }) => concatBytes([write(prior), write(value)]),
    deserialize(bytes) {
      const [prior, next] = read(bytes, 0)
      return { prior, value: read(bytes, next)[0] }
    },
  }
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}
