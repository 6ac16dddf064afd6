/**
 * The same flights by airport and day, as the stream processor counts them: in windows of the departures' own times, exactly once.
 * Its totals are kept with its place in the topic, so an interrupted run goes on by itself.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { topic, Window } from 'kafka-do'
import { Progress } from './progress.js'

const dayMs = 24 * 60 * 60 * 1000
const store = 'flights-by-day'

/**
 * @typedef {{ flights: number, delay: number }} Day
 * @typedef {Map<string, Day>} ByDay by airport and day, as `keyOf` has them
 */

/** @type {Day} */
const none = { flights: 0, delay: 0 }

/** @param {string} origin @param {number} startMs */
const keyOf = (origin, startMs) => `${origin} on ${new Date(startMs).toISOString().slice(0, 10)}`

/** What the data set itself says. @param {ByDay} days @param {import('./data-set.js').Departure} departure */
export function countDay(days, { flight, departure }) {
  const startMs = Math.floor(departure.getTime() / dayMs) * dayMs
  const key = keyOf(flight.origin, startMs)
  const { flights, delay } = days.get(key) ?? none
  days.set(key, { flights: flights + 1, delay: delay + flight.delay })
}

/**
 * Counts until all flights are in.
 * @param {import('kafka-do').Client} kafka @param {string} name @param {number} events @param {AbortSignal} signal
 */
export async function countByDay(kafka, name, events, signal) {
  /** @type {import('kafka-do').Topic<import('./data-set.js').Flight>} */
  const flights = topic(name)
  const app = kafka.streams({ app: 'flights-by-day', signal })
  app
    .stream(flights)
    .groupByKey()
    // Airports share partitions, and their flights are not in the order of time.
    .window(Window.tumbling('1d', { grace: '400d' }))
    .reduce(
      none,
      (day, flight) => ({
        flights: day.flights + 1,
        delay: day.delay + flight.delay,
      }),
      { store },
    )
  const running = await app.start()
  /** @type {ByDay} */
  let days = new Map()
  let done = 0
  /** @type {Progress | undefined} */
  let progress
  // A closed application answers no more queries.
  while (!signal.aborted && running.state !== 'failed') {
    /** @type {import('kafka-do').StoreReader<Day, import('kafka-do').Windowed>} */
    const counted = running.store(store)
    days = new Map(
      [...counted.entries()].map(([{ key, startMs }, day]) => [keyOf(key, startMs), day]),
    )
    done = [...days.values()].reduce((sum, day) => sum + day.flights, 0)
    progress ??= new Progress('  by day', events, done)
    progress.show(done)
    if (done >= events) break
    await delay(100)
  }
  progress?.finish(done)
  await running.close()
  // What stopped it, if anything did.
  await running.done
  return days
}

/** @param {ByDay} days @param {ByDay} expected @returns {string[]} days whose figures differ */
export function differentDays(days, expected) {
  const keys = new Set([...days.keys(), ...expected.keys()])
  return [...keys].filter((key) => {
    const [a, b] = [days.get(key), expected.get(key)]
    return a?.flights !== b?.flights || a?.delay !== b?.delay
  })
}
