/**
 * Which entries of a set of cells have changed since the last commit, and what each was before. As lists, and by slot where an entry
 * has one: most changes are to entries that are there, and asking a map by the text of a key takes longer than all else.
 */
import type { Stamped } from './store.ts'

/** What an entry was at the last commit; undefined: not there. */
export type Before = Stamped | undefined

const noSlot = -1

export class ChangedEntries {
  #keys: string[] = []
  #befores: Before[] = []
  /** Where each is now; -1: nowhere. */
  #slots: number[] = []
  /** By slot: the place in the lists, counted from 1; 0: not changed. */
  #places = new Int32Array(0)
  /** Of those that have no slot now. */
  readonly #gone = new Map<string, number>()

  get size(): number {
    return this.#keys.length
  }

  has(key: string, slot: number | undefined): boolean {
    return this.#placeOf(key, slot) > 0
  }

  /** What a key was that has changed. */
  beforeOf(key: string, slot: number | undefined): Before {
    return this.#befores[this.#placeOf(key, slot) - 1]
  }

  /** The first change of a key since the last commit; `slot`: what it has before it changes. */
  add(key: string, slot: number | undefined, before: Before): void {
    const place = this.#keys.push(key)
    this.#befores.push(before)
    this.#slots.push(slot ?? noSlot)
    if (slot === undefined) this.#gone.set(key, place)
    else this.#places[slot] = place
  }

  /** Takes back the last `add`. */
  rollBack(): void {
    const key = this.#keys.pop()!
    this.#befores.pop()
    const slot = this.#slots.pop()!
    if (slot === noSlot) this.#gone.delete(key)
    else this.#places[slot] = 0
  }

  /** There are so many slots now. */
  grow(slots: number): void {
    const places = new Int32Array(slots)
    places.set(this.#places)
    this.#places = places
  }

  /** A key has come to have a slot. */
  came(key: string, slot: number): void {
    const place = this.#gone.size === 0 ? undefined : this.#gone.get(key)
    if (place === undefined) return
    this.#gone.delete(key)
    this.#slots[place - 1] = slot
    this.#places[slot] = place
  }

  /** A key has lost its slot. */
  went(key: string, slot: number): void {
    const place = this.#places[slot]!
    if (place === 0) return
    this.#gone.set(key, place)
    this.#slots[place - 1] = noSlot
    this.#places[slot] = 0
  }

  /** In the order in which they changed first; `slot`: -1 where there is none. */
  forEach(tell: (key: string, before: Before, slot: number) => void): void {
    for (let i = 0; i < this.#keys.length; i++) {
      tell(this.#keys[i]!, this.#befores[i], this.#slots[i]!)
    }
  }

  keys(): readonly string[] {
    return this.#keys
  }

  clear(): void {
    for (const slot of this.#slots) if (slot !== noSlot) this.#places[slot] = 0
    this.#gone.clear()
    this.#keys = []
    this.#befores = []
    this.#slots = []
  }

  #placeOf(key: string, slot: number | undefined): number {
    if (slot !== undefined) return this.#places[slot]!
    return this.#gone.size === 0 ? 0 : (this.#gone.get(key) ?? 0)
  }
}
