/** Keys with a time, by key and by time. The order of those of one key is time, then number. */
import type { CellIndex } from './indexed-cells.ts'
import { lowerBound } from './sorted.ts'
import { parseTimeKey } from './time-key.ts'

export interface Moment {
  readonly timeMs: number
  readonly sequence: number
  /** The whole key. */
  readonly text: string
}

export class TimeIndex implements CellIndex {
  readonly #byKey = new Map<string, Moment[]>()
  readonly #byTime = new Map<number, Set<string>>()
  /** Ascending. Times that nothing is left of stay for a while. */
  #times: number[] = []
  /** Nothing is left of the times before it. */
  #first = 0

  add(text: string): void {
    const { key, timeMs, sequence } = parseTimeKey(text)
    const ofTime = this.#byTime.get(timeMs)
    if (ofTime?.has(text)) return
    if (ofTime) ofTime.add(text)
    else {
      this.#byTime.set(timeMs, new Set([text]))
      this.#insertTime(timeMs)
    }
    const moment = { timeMs, sequence, text }
    const moments = this.#byKey.get(key)
    if (moments) moments.splice(positionOf(moments, timeMs, sequence), 0, moment)
    else this.#byKey.set(key, [moment])
  }

  delete(text: string): void {
    const { key, timeMs, sequence } = parseTimeKey(text)
    const ofTime = this.#byTime.get(timeMs)
    if (!ofTime?.delete(text)) return
    if (ofTime.size === 0) this.#byTime.delete(timeMs)
    const moments = this.#byKey.get(key)!
    moments.splice(positionOf(moments, timeMs, sequence), 1)
    if (moments.length === 0) this.#byKey.delete(key)
  }

  /** The least time there is; undefined when there is nothing. */
  get first(): number | undefined {
    this.#skipEmpty()
    return this.#times[this.#first]
  }

  /** The greatest time there is; undefined when there is nothing. */
  get last(): number | undefined {
    while (this.#times.length > 0 && !this.#byTime.has(this.#times.at(-1)!)) this.#times.pop()
    this.#first = Math.min(this.#first, this.#times.length)
    return this.#times.at(-1)
  }

  /** The first time that is later; undefined when there is none. */
  firstAfter(timeMs: number): number | undefined {
    let at = lowerBound(this.#times, timeMs + 1)
    while (at < this.#times.length && !this.#byTime.has(this.#times[at]!)) at++
    return this.#times[at]
  }

  /** How many there are of a time. */
  countAt(timeMs: number): number {
    return this.#byTime.get(timeMs)?.size ?? 0
  }

  /** Of one key, `from` and `to` inclusive. */
  range(key: string, from: number, to: number): readonly Moment[] {
    const moments = this.#byKey.get(key)
    if (!moments) return []
    return moments.slice(positionOf(moments, from, 0), positionOf(moments, to + 1, 0))
  }

  /** The last of a key up to and with a time. */
  lastUntil(key: string, timeMs: number): Moment | undefined {
    const moments = this.#byKey.get(key)
    if (!moments) return undefined
    if (moments.at(-1)!.timeMs <= timeMs) return moments.at(-1)
    return moments[positionOf(moments, timeMs + 1, 0) - 1]
  }

  /** How many moments a key has from a time on. */
  count(key: string, from: number): number {
    const moments = this.#byKey.get(key)
    return moments ? moments.length - positionOf(moments, from, 0) : 0
  }

  /** The number that a next moment of the key and time has. */
  nextSequence(key: string, timeMs: number): number {
    const moments = this.#byKey.get(key)
    const before = moments?.[positionOf(moments, timeMs + 1, 0) - 1]
    return before?.timeMs === timeMs ? before.sequence + 1 : 0
  }

  /** Whole keys up to and with a time, by time, key and number. */
  through(timeMs: number): string[] {
    this.#skipEmpty()
    return this.#collect(this.#first, timeMs)
  }

  /** As `through`, from a time on. */
  between(from: number, to: number): string[] {
    return this.#collect(lowerBound(this.#times, from), to)
  }

  /** Removes everything up to and with a time. */
  dropThrough(timeMs: number): void {
    const dropped = this.through(timeMs).map(parseTimeKey)
    for (const key of new Set(dropped.map((one) => one.key))) {
      const moments = this.#byKey.get(key)!
      moments.splice(0, positionOf(moments, timeMs + 1, 0))
      if (moments.length === 0) this.#byKey.delete(key)
    }
    for (const time of new Set(dropped.map((one) => one.timeMs))) this.#byTime.delete(time)
    this.#compact()
  }

  #skipEmpty(): void {
    while (this.#first < this.#times.length && !this.#byTime.has(this.#times[this.#first]!)) {
      this.#first++
    }
  }

  #collect(index: number, timeMs: number): string[] {
    const found: string[] = []
    for (let i = index; i < this.#times.length && this.#times[i]! <= timeMs; i++) {
      const ofTime = this.#byTime.get(this.#times[i]!)
      if (ofTime) found.push(...(ofTime.size === 1 ? ofTime : [...ofTime].sort()))
    }
    return found
  }

  #insertTime(timeMs: number): void {
    const times = this.#times
    if (times.length === 0 || times.at(-1)! < timeMs) {
      times.push(timeMs)
      return
    }
    const at = lowerBound(times, timeMs)
    if (times[at] !== timeMs) times.splice(at, 0, timeMs)
    this.#first = Math.min(this.#first, at)
  }

  #compact(): void {
    if (this.#times.length <= 2 * this.#byTime.size) return
    this.#times = this.#times.filter((time) => this.#byTime.has(time))
    this.#first = 0
  }
}

/** Index of the first moment that is not before. */
function positionOf(moments: readonly Moment[], timeMs: number, sequence: number): number {
  let low = 0
  let high = moments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { timeMs: time, sequence: number } = moments[middle]!
    if (time < timeMs || (time === timeMs && number < sequence)) low = middle + 1
    else high = middle
  }
  return low
}
