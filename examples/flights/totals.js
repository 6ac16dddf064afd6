/**
 * What is counted: flights and minutes of delay for each airport. Kept apart for each partition, together with the
 * offset it has come to, so that a record that is delivered again is recognised and not counted again.
 *
 * @typedef {{ [origin: string]: { flights: number, delay: number } }} ByOrigin
 * @typedef {{ nextOffset: number, byOrigin: ByOrigin }} PartitionTotals
 */

/** @param {ByOrigin} totals @param {{ origin: string, delay: number }} flight */
export function count(totals, flight) {
  totals[flight.origin] ??= { flights: 0, delay: 0 }
  const entry = /** @type {{ flights: number, delay: number }} */ (totals[flight.origin])
  entry.flights++
  entry.delay += flight.delay
}

/** @param {Iterable<PartitionTotals>} partitions @returns {ByOrigin} */
export function merge(partitions) {
  /** @type {ByOrigin} */
  const merged = {}
  for (const { byOrigin } of partitions) {
    for (const [origin, { flights, delay }] of Object.entries(byOrigin)) {
      merged[origin] ??= { flights: 0, delay: 0 }
      const entry = /** @type {{ flights: number, delay: number }} */ (merged[origin])
      entry.flights += flights
      entry.delay += delay
    }
  }
  return merged
}

/** @param {ByOrigin} totals */
export function flightsIn(totals) {
  return Object.values(totals).reduce((sum, { flights }) => sum + flights, 0)
}

/** @param {ByOrigin} a @param {ByOrigin} b @returns {string[]} airports whose figures differ */
export function differences(a, b) {
  const origins = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...origins].filter(
    (origin) => a[origin]?.flights !== b[origin]?.flights || a[origin]?.delay !== b[origin]?.delay,
  )
}
