/** Did you mean …? */

/** The name that was probably meant: another case, a beginning of only one, or up to two slips (one in short names). */
export function suggestion(given: string, names: readonly string[]): string | undefined {
  const wanted = given.toLowerCase()
  const same = names.find((name) => name.toLowerCase() === wanted)
  if (same !== undefined) return same
  // Of one letter a slip leaves nothing.
  const allowed = given.length === 1 ? 0 : given.length <= 3 ? 1 : 2
  let best: string | undefined
  let bestDistance = allowed + 1
  for (const name of names) {
    if (Math.abs(name.length - given.length) >= bestDistance) continue
    const distance = slips(wanted, name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  if (best !== undefined) return best
  const longer =
    given.length >= 3 ? names.filter((name) => name.toLowerCase().startsWith(wanted)) : []
  return longer.length === 1 ? longer[0] : undefined
}

export function didYouMean(given: string, names: readonly string[]): string | undefined {
  const near = suggestion(given, names)
  return near === undefined ? undefined : `Did you mean '${near}'?`
}

/** Insertions, deletions, replacements, and neighbours that are the wrong way round (optimal string alignment). */
function slips(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, before[j - 2]! + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
