/** What was seen over time, kept in the page: for rates, and for charts. */

export interface Point {
  /** Epoch milliseconds. */
  readonly at: number
  readonly values: readonly (number | null)[]
}

const pointsMax = 720
const histories = new Map<string, Point[]>()

/** Adds a point, and gives all that there are, oldest first. */
export function note(name: string, values: readonly (number | null)[]): readonly Point[] {
  const points = [...(histories.get(name) ?? []), { at: Date.now(), values }].slice(-pointsMax)
  histories.set(name, points)
  return points
}

export function historyOf(name: string): readonly Point[] {
  return histories.get(name) ?? []
}

interface Seen {
  readonly at: number
  readonly total: bigint
}

const rateWindowMs = 30_000
const totals = new Map<string, Seen[]>()

/** How fast a total grows, in the last half minute, a second; undefined: it was seen once. */
export function rateOf(name: string, total: bigint): number | undefined {
  const now = performance.now()
  const all = totals.get(name) ?? []
  // What was made anew begins at 0.
  const before = all.filter((seen) => now - seen.at < rateWindowMs && seen.total <= total)
  const last = before.at(-1)
  const seen =
    last?.total === total && now - last.at < 500 ? before : [...before, { at: now, total }]
  totals.set(name, seen)
  const first = seen[0]!
  const newest = seen.at(-1)!
  const ms = newest.at - first.at
  return ms < 500 ? undefined : (Number(newest.total - first.total) * 1000) / ms
}
