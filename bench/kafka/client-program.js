/**
 * One client's speed at one broker, in a process of its own: `node client-program.js CLIENT KIND BOOTSTRAP TOPIC COUNT`.
 * Prints records per second; of a consumer from its making on, with joining its group. (Not from its first record on: a
 * client that decodes all it has fetched before it hands out one would be given that time.) So COUNT must be large.
 * 100-byte values as text; acks=all; defaults else.
 *
 * KIND: `single`, one awaited send after the other; `singleAcks1`, the same with acks=1, which waits for no fsync; `batch`,
 * 1,000 records a call, five calls under way; `iterator`; `handler`. kafkajs has no iterator: its `eachBatch`, the fastest it has, stands in.
 */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Client, string, topic as typed } from 'kafka-do'

// @platformatic/kafka needs it, and Node 20 lacks it.
Promise.withResolvers ??= function withResolvers() {
  /** @type {any} */
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}

const [, , clientName, kind, bootstrap, topic, countText] = process.argv
const count = Number(countText)
const value = 'x'.repeat(100)
const perBatch = 1000
/** Said with each send: @platformatic/kafka takes 1 else, whatever its producer was made with. */
const allAcks = -1
const inFlight = 5

/** Calls `send` until all batches are through, some at a time. @param {() => Promise<unknown>} send */
async function inBatches(send) {
  let started = 0
  const worker = async () => {
    while (started < count) {
      started += perBatch
      await send()
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}

/** @param {() => Promise<void>} work */
async function timed(work) {
  const start = performance.now()
  await work()
  return count / ((performance.now() - start) / 1000)
}

/** @param {() => Promise<unknown>} send */
async function oneByOne(send) {
  for (let sent = 0; sent < count; sent++) await send()
}

/** Counts records and says when all have come. The clock runs from here. */
function counter() {
  let seen = 0
  const startedAt = performance.now()
  /** @type {(speed: number) => void} */
  let finish
  /** @type {Promise<number>} */
  const speed = new Promise((resolve) => {
    finish = resolve
  })
  return {
    speed,
    /** True when that was the last. */
    hit() {
      seen++
      if (seen < count) return false
      finish(count / ((performance.now() - startedAt) / 1000))
      return true
    },
  }
}

/** @typedef {{ single(): Promise<number>, singleAcks1(): Promise<number>, batch(): Promise<number>, iterator(): Promise<number>, handler(): Promise<number> }} Speeds */

/** @type {Speeds} */
const kafkaDo = {
  single: () => kafkaDoSingle('all'),
  singleAcks1: () => kafkaDoSingle(1),
  async batch() {
    const producer = new Client(`kafka://${bootstrap}`).producer(typed(topic, { value: string }))
    const values = Array.from({ length: perBatch }, () => value)
    await producer.send(value)
    return timed(() => inBatches(() => producer.sendBatch(values)))
  },
  async iterator() {
    const { hit, speed } = counter()
    for await (const _ of kafkaDoConsumer()) if (hit()) break
    return speed
  },
  async handler() {
    const { hit, speed } = counter()
    void kafkaDoConsumer().forEach(() => void hit())
    return speed
  },
}

/** @param {'all' | 1} acks */
async function kafkaDoSingle(acks) {
  const kafka = new Client(`kafka://${bootstrap}`)
  const producer = kafka.producer(typed(topic, { value: string }), { acks })
  await producer.send(value)
  return timed(() => oneByOne(() => producer.send(value)))
}

function kafkaDoConsumer() {
  const kafka = new Client(`kafka://${bootstrap}`)
  return kafka.consumer(typed(topic, { value: string }), { group: `bench-${process.pid}` })
}

/** @type {Speeds} */
const kafkaJs = {
  single: () => kafkaJsSingle(allAcks),
  singleAcks1: () => kafkaJsSingle(1),
  async batch() {
    const producer = await kafkaJsProducer()
    const messages = Array.from({ length: perBatch }, () => ({ value }))
    await producer.send({ topic, messages: [{ value }] })
    return timed(() => inBatches(() => producer.send({ topic, messages })))
  },
  async iterator() {
    const { hit, speed } = counter()
    const consumer = await kafkaJsConsumer()
    void consumer.run({
      eachBatch: async ({ batch, resolveOffset }) => {
        for (const message of batch.messages) {
          message.value?.toString()
          resolveOffset(message.offset)
          hit()
        }
      },
    })
    return speed
  },
  async handler() {
    const { hit, speed } = counter()
    const consumer = await kafkaJsConsumer()
    void consumer.run({
      eachMessage: async ({ message }) => {
        message.value?.toString()
        hit()
      },
    })
    return speed
  },
}

/** @param {number} acks */
async function kafkaJsSingle(acks) {
  const producer = await kafkaJsProducer()
  await producer.send({ acks, topic, messages: [{ value }] })
  return timed(() => oneByOne(() => producer.send({ acks, topic, messages: [{ value }] })))
}

async function kafkaJsClient() {
  const { default: kafkajs } = await import('kafkajs')
  return new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
}

async function kafkaJsProducer() {
  const producer = (await kafkaJsClient()).producer()
  await producer.connect()
  return producer
}

async function kafkaJsConsumer() {
  const consumer = (await kafkaJsClient()).consumer({ groupId: `bench-${process.pid}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  return consumer
}

/** @type {Speeds} */
const platformatic = {
  single: () => platformaticSingle(allAcks),
  singleAcks1: () => platformaticSingle(1),
  async batch() {
    const producer = await platformaticProducer()
    const messages = Array.from({ length: perBatch }, () => ({ topic, value }))
    await producer.send({ acks: allAcks, messages: messages.slice(0, 1) })
    return timed(() => inBatches(() => producer.send({ acks: allAcks, messages })))
  },
  async iterator() {
    const { hit, speed } = counter()
    for await (const _ of await platformaticStream()) if (hit()) break
    return speed
  },
  async handler() {
    const { hit, speed } = counter()
    const stream = await platformaticStream()
    stream.on('data', () => void hit())
    return speed
  },
}

/** @param {number} acks */
/** It needs a newer Node than the package, so it is installed apart. */
function importPlatformatic() {
  const folder = new URL('../../test/conformance/platformatic/package.json', import.meta.url)
  return import(pathToFileURL(createRequire(folder).resolve('@platformatic/kafka')).href)
}

async function platformaticSingle(acks) {
  const producer = await platformaticProducer()
  await producer.send({ acks, messages: [{ topic, value }] })
  return timed(() => oneByOne(() => producer.send({ acks, messages: [{ topic, value }] })))
}

async function platformaticProducer() {
  const { Producer, stringSerializers } = await importPlatformatic()
  return new Producer({
    clientId: 'bench',
    bootstrapBrokers: [bootstrap],
    serializers: stringSerializers,
  })
}

async function platformaticStream() {
  const { Consumer, stringDeserializers, MessagesStreamModes } = await importPlatformatic()
  const consumer = new Consumer({
    clientId: 'bench',
    groupId: `bench-${process.pid}`,
    bootstrapBrokers: [bootstrap],
    deserializers: stringDeserializers,
  })
  return consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, autocommit: true })
}

/** @type {{ [name: string]: Speeds }} */
const clients = { 'kafka-do': kafkaDo, kafkajs: kafkaJs, platformatic }
const client = clients[clientName]
if (!client || !(kind in client)) throw new Error('no such client or kind')
console.log(await client[/** @type {keyof Speeds} */ (kind)]())
process.exit(0)
