/**
 * The main job: streams real flights through a topic of six partitions to a consumer group of three, counts them by
 * airport, and to a stream application, which counts them by airport and day; checks both against the data set. Stop it with Ctrl-C or kill it at any moment: the next run
 * goes on where this one was, with nothing lost and nothing counted twice.
 *
 *   npm run flights -- [--events 300000] [--data .kafka-do/flights] [--fresh]
 *
 * How it resumes. Producing: each partition holds a beginning of the flights that belong to it, in order, so the
 * length of each partition says which flights are there already. Counting: now and then each partition's totals are
 * stored in a compacted topic together with the offset they include, and only then is that offset committed; a record
 * below that offset has been counted and is passed over. The stream application does that by itself.
 */
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Client, defaultPartitioner, KafkaError, Message } from 'kafka-do'
import { countByDay, countDay, differentDays } from './by-day.js'
import { readFlights } from './data-set.js'
import { Progress } from './progress.js'
import { count, differences, flightsIn, merge } from './totals.js'

const topic = 'flights'
const totalsTopic = 'flight-totals'
const group = 'flight-statistics'
const partitions = 6
const members = 3
const flightsPerBatch = 2000
const flightsPerCheckpoint = 20_000
const eventsMax = 3_000_000

const options = readArguments()
if (options.fresh) rmSync(options.data, { recursive: true, force: true })

const stopping = new AbortController()
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, () => stopping.abort())

const kafka = new Client(`file:${options.data}`)
try {
  process.exitCode = await run()
} catch (error) {
  console.error(error instanceof KafkaError ? `${error.name}: ${error.message}` : error)
  process.exitCode = 1
} finally {
  await kafka.close()
}

async function run() {
  await createTopics()
  /** What the data set itself says, gathered while its rows are read. @type {import('./totals.js').ByOrigin} */
  const expected = {}
  /** @type {import('./by-day.js').ByDay} */
  const expectedDays = new Map()
  const [counted, days] = await Promise.all([
    consumeAll(),
    countByDay(kafka, topic, options.events, stopping.signal),
    produceAll(expected, expectedDays),
  ])
  if (stopping.signal.aborted) {
    console.error('Stopped. Run it again to go on from here.')
    return 130
  }
  return report(counted, expected) + reportDays(days, expectedDays)
}

async function createTopics() {
  const existing = new Set((await kafka.admin.listTopics()).map(({ name }) => name))
  if (!existing.has(topic)) await kafka.admin.createTopic(topic, { partitions, retention: -1 })
  if (!existing.has(totalsTopic)) {
    await kafka.admin.createTopic(totalsTopic, { configs: { 'cleanup.policy': 'compact' } })
  }
}

/** @param {import('./totals.js').ByOrigin} expected @param {import('./by-day.js').ByDay} expectedDays */
async function produceAll(expected, expectedDays) {
  const producer = kafka.producer(topic)
  const { offsets } = await kafka.admin.describeTopic(topic)
  /** Flights of each partition that an earlier run has stored. */
  const stored = offsets.map(({ latest }) => Number(latest))
  let done = stored.reduce((sum, length) => sum + length, 0)
  if (done > 0)
    console.error(`${done.toLocaleString('en')} flights are stored already; going on after them`)
  const progress = new Progress('produced', options.events, done)
  const seen = new Array(partitions).fill(0)
  for await (const chunk of readFlights(options.events)) {
    const missing = []
    for (const { flight, departure } of chunk) {
      count(expected, flight)
      countDay(expectedDays, { flight, departure })
      const key = flight.origin
      const partition = defaultPartitioner({ topic, key, partitionCount: partitions, sticky: 0 })
      if (seen[partition]++ < stored[partition]) continue
      missing.push(new Message(flight, { key, timestamp: departure }))
    }
    for (let at = 0; at < missing.length; at += flightsPerBatch) {
      if (stopping.signal.aborted) return
      const sent = await producer.sendBatch(missing.slice(at, at + flightsPerBatch))
      done += sent.length
      progress.show(done)
    }
  }
  progress.finish(done)
}

async function consumeAll() {
  const totals = await loadTotals()
  const finished = new AbortController()
  const signal = AbortSignal.any([stopping.signal, finished.signal])
  let done = flightsIn(merge(totals.values()))
  const progress = new Progress(' counted', options.events, done)
  const store = kafka.producer(totalsTopic)

  /** @param {import('kafka-do').ConsumerRecord<import('./data-set.js').Flight>} record */
  const handle = async (record) => {
    const own = totals.get(record.partition) ?? { nextOffset: 0, byOrigin: {} }
    totals.set(record.partition, own)
    const offset = Number(record.offset)
    if (offset < own.nextOffset) return
    count(own.byOrigin, record.value)
    own.nextOffset = offset + 1
    progress.show(++done)
    const isLast = done === options.events
    if (isLast || own.nextOffset % flightsPerCheckpoint === 0) {
      await store.send(own, { key: String(record.partition) })
      await record.commit()
    }
    if (isLast) finished.abort()
  }

  if (done < options.events) {
    const config = { group, autoCommit: false, signal }
    await Promise.all(Array.from({ length: members }, () => kafka.consume(topic, config, handle)))
  }
  // What was counted since the last checkpoint is stored too, so that the next run need not count it again.
  await store.sendBatch(
    [...totals].map(([partition, own]) => new Message(own, { key: String(partition) })),
  )
  progress.finish(done)
  return merge(totals.values())
}

/** The totals that earlier runs have stored, by partition. */
async function loadTotals() {
  /** @type {Map<number, import('./totals.js').PartitionTotals>} */
  const totals = new Map()
  const { offsets } = await kafka.admin.describeTopic(totalsTopic)
  const end = Number(offsets[0]?.latest ?? 0n)
  if (end === 0) return totals
  /** @type {import('kafka-do').Consumer<import('./totals.js').PartitionTotals>} */
  const consumer = kafka.consumer(totalsTopic)
  for await (const record of consumer) {
    totals.set(Number(record.key), record.value)
    if (Number(record.offset) === end - 1) break
  }
  return totals
}

/** @param {import('./totals.js').ByOrigin} counted @param {import('./totals.js').ByOrigin} expected */
function report(counted, expected) {
  const busiest = Object.entries(counted)
    .sort(([, a], [, b]) => b.flights - a.flights)
    .slice(0, 5)
  console.log('airport  flights  mean delay')
  for (const [origin, { flights, delay }] of busiest) {
    console.log(
      `${origin.padEnd(7)}  ${String(flights).padStart(7)}  ${(delay / flights).toFixed(1).padStart(6)} min`,
    )
  }
  const wrong = differences(counted, expected)
  const airports = Object.keys(expected).length
  const total = flightsIn(counted).toLocaleString('en')
  if (wrong.length === 0) {
    console.log(
      `${total} flights from ${airports} airports counted: every figure agrees with the data set.`,
    )
    return 0
  }
  console.log(
    `${total} flights counted, but ${wrong.length} of ${airports} airports differ from the data set: ${wrong.slice(0, 10).join(', ')}`,
  )
  return 1
}

/** @param {import('./by-day.js').ByDay} days @param {import('./by-day.js').ByDay} expected */
function reportDays(days, expected) {
  const [busiest] = [...days].sort(([, a], [, b]) => b.flights - a.flights)
  if (busiest) console.log(`busiest day: ${busiest[0]}, ${busiest[1].flights} flights`)
  const wrong = differentDays(days, expected)
  const number = expected.size.toLocaleString('en')
  if (wrong.length === 0) {
    console.log(`${number} days of airports counted in windows: each agrees with the data set.`)
    return 0
  }
  console.log(
    `${wrong.length} of ${number} days of airports differ from the data set: ${wrong.slice(0, 10).join(', ')}`,
  )
  return 1
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      events: { type: 'string', default: '300000' },
      data: { type: 'string', default: '.kafka-do/flights' },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const events = Number(values.events)
  const isSound = Number.isInteger(events) && events >= 1 && events <= eventsMax
  if (values.help || !isSound) {
    if (!values.help)
      console.error(
        `--events must be a whole number from 1 to ${eventsMax}; got '${values.events}'`,
      )
    console.error(
      'usage: npm run flights -- [--events 300000] [--data .kafka-do/flights] [--fresh]',
    )
    process.exit(values.help ? 0 : 2)
  }
  return { events, data: values.data, fresh: values.fresh }
}
