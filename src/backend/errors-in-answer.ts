/**
 * The error codes in an answer, wherever they stand: of the whole, of a topic, of a partition. Kafka's answers have them in
 * lists of parts, at most three deep.
 */

/** Parts of one answer that are looked at: an answer of 10,000 topics is not gone through for this. */
const partsMax = 1000
const depthMax = 3

/** Calls `seen` with each code that is not 0. */
export function eachErrorCode(response: unknown, seen: (errorCode: number) => void): void {
  let left = partsMax
  const look = (part: object, depth: number) => {
    if (--left < 0) return
    for (const key in part) {
      const value = (part as { readonly [key: string]: unknown })[key]
      if (key === 'errorCode') {
        if (typeof value === 'number' && value !== 0) seen(value)
      } else if (depth < depthMax && Array.isArray(value)) {
        for (const one of value) {
          // A list of numbers or texts has no error in it.
          if (typeof one !== 'object' || one === null) break
          look(one, depth + 1)
          if (left < 0) return
        }
      }
    }
  }
  if (typeof response === 'object' && response !== null) look(response, 0)
}
