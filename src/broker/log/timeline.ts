/**
 * When the records of a log are from: points of offset and time, for those who want to know how old the record at an offset
 * is without reading it. It answers from memory, and only as finely as its points lie.
 *
 * Every append adds a point, unless the last one is nearly as new. There are at most 64: when they are full, every other
 * one goes, and from then on they lie twice as far apart. So a log that is written to for weeks knows its whole life in 64
 * steps. What was there before the process started is looked up by others and noted here.
 */

/** A record, and when it came. */
export interface TimedOffset {
  /** Where its batch begins, and what follows it. */
  readonly offset: bigint
  readonly nextOffset: bigint
  /** Of the batch that holds it: its largest timestamp, milliseconds since the epoch. */
  readonly timestampMs: number
  /** When it was appended, by this machine's clock; of what was there before, its timestamp, but not the future. */
  readonly arrivedMs: number
}

const pointsMax = 64
/** Points are at first no nearer in time than this. */
const nearestMs = 100

export class Timeline {
  /** By offset. */
  #points: TimedOffset[] = []
  #apartMs = nearestMs
  #newest: TimedOffset | undefined

  /** The newest append; undefined before the first one. */
  get newest(): TimedOffset | undefined {
    return this.#newest
  }

  /** A batch was appended. Offsets grow. */
  appended(point: TimedOffset): void {
    const { arrivedMs } = point
    this.#newest = point
    const last = this.#points.at(-1)
    if (last && arrivedMs - last.arrivedMs < this.#apartMs && arrivedMs >= last.arrivedMs) return
    this.#points.push(point)
    if (this.#points.length >= pointsMax) this.#thinOut()
  }

  /** What a look into the log has found; before the first append the newest record is to be looked up, too. */
  note(point: TimedOffset, { isNewest = false }: { readonly isNewest?: boolean } = {}): void {
    if (isNewest) this.#newest ??= point
    const at = this.#after(point.offset)
    if (this.#points[at - 1]?.offset === point.offset) return
    this.#points.splice(at, 0, point)
    if (this.#points.length >= pointsMax) this.#thinOut()
  }

  /**
   * The last point at or before `offset`; undefined when none is known. `isNear`: the next point came so soon after it that a
   * look into the log would tell little more. Nothing is known before the newest record is.
   */
  at(offset: bigint): { readonly point: TimedOffset; readonly isNear: boolean } | undefined {
    const newest = this.#newest
    if (!newest) return undefined
    if (offset >= newest.offset) return { point: newest, isNear: true }
    const at = this.#after(offset)
    const point = this.#points[at - 1]
    if (!point) return undefined
    const stepMs = (this.#points[at] ?? newest).arrivedMs - point.arrivedMs
    const ageMs = newest.arrivedMs - point.arrivedMs
    return { point, isNear: offset < point.nextOffset || stepMs <= Math.max(1000, ageMs / 16) }
  }

  /** Records below `offset` are gone. */
  forgetBelow(offset: bigint): void {
    // The last one before it still tells of what follows.
    const gone = this.#after(offset) - 1
    if (gone > 0) this.#points.splice(0, gone)
  }

  /** Where the first point after `offset` stands. */
  #after(offset: bigint): number {
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#points[middle]!.offset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #thinOut(): void {
    this.#points = this.#points.filter((_, i) => i % 2 === 0)
    this.#apartMs *= 2
  }
}
