/** Names as a pattern: `orders-*`. Everything but `*` stands for itself. */
export function nameFilter(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true
  const parts = pattern.split('*')
  return (name) => matches(name, parts)
}

/** Each part as early as it is found, the last at the end: no pattern takes longer than the name times its parts. */
function matches(name: string, parts: readonly string[]): boolean {
  const [first = '', ...others] = parts
  if (others.length === 0) return name === first
  if (!name.startsWith(first)) return false
  const last = others.pop()!
  let at = first.length
  for (const part of others) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
