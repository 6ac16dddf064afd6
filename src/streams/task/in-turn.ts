/** One after the other; waits only where something takes its time. */

/** Calls `each` with one after the other. */
export function eachInTurn<T>(
  list: readonly T[],
  each: (one: T, index: number) => void | Promise<void>,
): void | Promise<void> {
  for (let i = 0; i < list.length; i++) {
    const waiting = each(list[i]!, i)
    if (waiting) {
      return waiting.then(async () => {
        for (let rest = i + 1; rest < list.length; rest++) await each(list[rest]!, rest)
      })
    }
  }
  return undefined
}

/** `next` once what is `waiting` is done; at once where nothing is. */
export function inTurn(
  waiting: void | Promise<void>,
  next: () => void | Promise<void>,
): void | Promise<void> {
  return waiting ? waiting.then(next) : next()
}
