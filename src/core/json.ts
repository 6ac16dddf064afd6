/**
 * What the client returns has offsets as `bigint`, which JSON has not: `JSON.stringify` would throw in the middle of a web
 * handler. Such objects get a `toJSON` that writes them as strings, which any language reads without loss.
 */

/** Not enumerable: spreading, comparing and listing the object's keys do not meet it. */
const toJSON = {
  value(this: object): object {
    const entries = Object.entries(this).map(([key, value]) => [
      key,
      typeof value === 'bigint' ? String(value) : value,
    ])
    return Object.fromEntries(entries)
  },
}

/** Gives `value` a `toJSON` that writes its own bigints as strings; objects inside it are given theirs apart. */
export function printable<T extends object>(value: T): T {
  return Object.defineProperty(value, 'toJSON', toJSON)
}
