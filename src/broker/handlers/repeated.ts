/** What a request names more than once, which most APIs refuse: it would not be clear what is meant. */
export function repeatedIn<T>(values: Iterable<T>): Set<T> {
  const once = new Set<T>()
  const repeated = new Set<T>()
  for (const value of values) {
    if (once.has(value)) repeated.add(value)
    once.add(value)
  }
  return repeated
}
