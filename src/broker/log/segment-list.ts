/**
 * The segments of one log, by base offset, oldest first. Never empty; the last one is written to. The list changes while
 * readers wait for the disk, so they look each segment up by offset.
 */
import type { Segment } from './segment.ts'

export class SegmentList {
  #segments: Segment[]

  constructor(segments: Segment[]) {
    this.#segments = segments
  }

  get all(): readonly Segment[] {
    return this.#segments
  }

  /** The one that is written to. */
  get active(): Segment {
    return this.#segments.at(-1)!
  }

  get sizeInBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeInBytes, 0)
  }

  includes(segment: Segment): boolean {
    return this.#segments.includes(segment)
  }

  /** The one to begin reading at: the last that starts at or before `offset`, else the first. */
  at(offset: bigint): Segment {
    const index = this.#segments.findLastIndex((segment) => segment.baseOffset <= offset)
    return this.#segments[Math.max(0, index)]!
  }

  /** The first that starts at or after `offset`. */
  from(offset: bigint): Segment | undefined {
    return this.#segments.find((segment) => segment.baseOffset >= offset)
  }

  /** From now on `segment` is the one that is written to. */
  add(segment: Segment): void {
    this.#segments.push(segment)
  }

  /** Puts `by` in the place of `from`, which stand side by side. */
  replace(from: readonly Segment[], by: Segment): void {
    const at = this.#segments.indexOf(from[0]!)
    this.#segments.splice(at, from.length, by)
  }

  /** Whether `takeBelow` would take one out. */
  hasBelow(offset: bigint): boolean {
    const [first] = this.#segments
    return first !== this.active && first!.nextOffset <= offset
  }

  /** Takes out those that end at or below `offset`, but the active one. */
  takeBelow(offset: bigint): Segment[] {
    const { active } = this
    const isKept = (segment: Segment) => segment === active || segment.nextOffset > offset
    const taken = this.#segments.filter((segment) => !isKept(segment))
    this.#segments = this.#segments.filter(isKept)
    return taken
  }

  closeFiles(): void {
    for (const segment of this.#segments) segment.close()
  }
}
