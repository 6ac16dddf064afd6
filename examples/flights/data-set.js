/**
 * The flights of the `vega-datasets` package: three million departures in the United States, read from its Parquet
 * file in chunks. Each becomes one event, with the airport of origin as its key and the departure as its event time.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

/**
 * @typedef {{ row: number, origin: string, destination: string, delay: number, distance: number }} Flight
 * @typedef {{ flight: Flight, departure: Date }} Departure
 */

const rowsPerChunk = 100_000

/**
 * The first `count` flights, in the order of the file.
 * @param {number} count 1 to 3,000,000
 * @returns {AsyncGenerator<Departure[]>}
 */
export async function* readFlights(count) {
  // The package exports only its index of addresses, which lies one folder below its root.
  const index = createRequire(import.meta.url).resolve('vega-datasets')
  const file = await asyncBufferFromFile(join(dirname(index), '..', 'data', 'flights-3m.parquet'))
  for (let start = 0; start < count; start += rowsPerChunk) {
    const rowEnd = Math.min(count, start + rowsPerChunk)
    const rows = await parquetReadObjects({ file, compressors, rowStart: start, rowEnd })
    yield rows.map((row, i) => ({
      flight: {
        row: start + i,
        origin: String(row.origin),
        destination: String(row.destination),
        delay: Number(row.delay),
        distance: Number(row.distance),
      },
      departure: new Date(row.date),
    }))
  }
}
