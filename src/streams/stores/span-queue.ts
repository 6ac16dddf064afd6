/**
 * The entries of a `SpanStore` by their end, so that those that are over are found without looking at the others: a heap. An
 * entry that the store holds no longer stays in it until its turn, and is passed over then.
 */
import type { Undo } from '../task/undo.ts'

/** A stretch of time of one key that a store has a value for. */
export interface Span {
  /** As the store's maps have it. */
  readonly keyText: string
  /** Among the cells. */
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  /** The store has a value for it. */
  isHeld: boolean
}

export class SpanQueue {
  readonly #undo: Undo
  readonly #heap: Span[] = []
  /** Since the last commit. */
  #taken: Span[] = []

  constructor(undo: Undo) {
    this.#undo = undo
  }

  push(span: Span): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(span)
    while (at > 0) {
      const above = (at - 1) >>> 1
      if (heap[above]!.endMs <= span.endMs) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = span
  }

  /** Takes out those that end at `endMsMax` or before; each is given once. By end, key and start. */
  take(endMsMax: number): Span[] {
    const first = this.#first()
    if (first === undefined || first.endMs > endMsMax) return []
    const taken: Span[] = []
    for (let span = this.#first(); span && span.endMs <= endMsMax; span = this.#first()) {
      taken.push(this.#pop())
    }
    this.#note(taken)
    return taken.sort(inOrder)
  }

  /** Takes out one of those that end first: the first by key and start. */
  takeFirst(): Span | undefined {
    const first = this.#first()
    if (first === undefined) return undefined
    const [taken, ...others] = this.take(first.endMs)
    // These are back before anyone asks.
    for (const span of others) this.#putBack(span)
    return taken
  }

  commit(): void {
    this.#taken = []
  }

  /** The store is as at the last commit again, and what it took back it has pushed. */
  abort(): void {
    const taken = this.#taken
    this.#taken = []
    for (const span of taken) if (span.isHeld) this.push(span)
  }

  #putBack(span: Span): void {
    this.#taken.splice(this.#taken.lastIndexOf(span), 1)
    this.push(span)
  }

  #note(taken: readonly Span[]): void {
    this.#taken.push(...taken)
    this.#undo.add(() => {
      for (const span of taken) {
        const at = this.#taken.lastIndexOf(span)
        if (at < 0) continue
        this.#taken.splice(at, 1)
        if (span.isHeld) this.push(span)
      }
    })
  }

  /** What is not there any more is let go of here. */
  #first(): Span | undefined {
    while (this.#heap.length > 0 && !this.#heap[0]!.isHeld) this.#pop()
    return this.#heap[0]
  }

  #pop(): Span {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.endMs < heap[below]!.endMs) below++
      if (heap[below]!.endMs >= last.endMs) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
    return first
  }
}

function inOrder(a: Span, b: Span): number {
  if (a.endMs !== b.endMs) return a.endMs - b.endMs
  if (a.keyText !== b.keyText) return a.keyText < b.keyText ? -1 : 1
  return a.startMs - b.startMs
}
