/**
 * One client's speed at one broker, in a process of its own: `node client-program.js CLIENT KIND BOOTSTRAP TOPIC COUNT`.
 * Prints records per second; of a consumer from its first record on, for joining a group is not what is measured. 100-byte values as bytes or text, as each client likes it; acks=all; defaults else.
 */
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

/** @type {{ [name: string]: { produce(): Promise<number>, consume(): Promise<number> } }} */
const clients = {
  'kafka-do': {
    async produce() {
      const kafka = new Client(`kafka://${bootstrap}`)
      const producer = kafka.producer(typed(topic, { value: string }))
      const values = Array.from({ length: perBatch }, () => value)
      await producer.send(value)
      const speed = await timed(() => inBatches(() => producer.sendBatch(values)))
      await kafka.close()
      return speed
    },
    async consume() {
      const kafka = new Client(`kafka://${bootstrap}`)
      let seen = 0
      let startedAt = 0
      const records = kafka.consumer(typed(topic, { value: string })).take(count)
      await records.forEach(() => {
        startedAt ||= performance.now()
        seen++
      })
      const speed = seen / ((performance.now() - startedAt) / 1000)
      if (seen !== count) throw new Error(`${seen} of ${count} records`)
      await kafka.close()
      return speed
    },
  },
  kafkajs: {
    async produce() {
      const { default: kafkajs } = await import('kafkajs')
      const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
      const producer = kafka.producer()
      await producer.connect()
      const messages = Array.from({ length: perBatch }, () => ({ value }))
      await producer.send({ topic, messages: [{ value }] })
      const speed = await timed(() => inBatches(() => producer.send({ topic, messages })))
      await producer.disconnect()
      return speed
    },
    async consume() {
      const { default: kafkajs } = await import('kafkajs')
      const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
      const consumer = kafka.consumer({ groupId: `bench-${process.pid}` })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      let seen = 0
      let startedAt = 0
      const speed = await new Promise((resolve) => {
        void consumer.run({
          eachBatch: async ({ batch, resolveOffset }) => {
            startedAt ||= performance.now()
            for (const message of batch.messages) {
              message.value.toString()
              resolveOffset(message.offset)
              seen++
            }
            if (seen >= count) resolve(seen / ((performance.now() - startedAt) / 1000))
          },
        })
      })
      await consumer.disconnect()
      return speed
    },
  },
  platformatic: {
    async produce() {
      const { Producer, stringSerializers } = await import('@platformatic/kafka')
      const producer = new Producer({
        clientId: 'bench',
        bootstrapBrokers: [bootstrap],
        serializers: stringSerializers,
      })
      const messages = Array.from({ length: perBatch }, () => ({ topic, value }))
      await producer.send({ messages: messages.slice(0, 1) })
      const speed = await timed(() => inBatches(() => producer.send({ messages })))
      await producer.close()
      return speed
    },
    async consume() {
      const { Consumer, stringDeserializers, MessagesStreamModes } = await import(
        '@platformatic/kafka'
      )
      const consumer = new Consumer({
        clientId: 'bench',
        groupId: `bench-${process.pid}`,
        bootstrapBrokers: [bootstrap],
        deserializers: stringDeserializers,
      })
      const stream = await consumer.consume({
        topics: [topic],
        mode: MessagesStreamModes.EARLIEST,
        autocommit: true,
      })
      let seen = 0
      let startedAt = 0
      for await (const _ of stream) {
        startedAt ||= performance.now()
        if (++seen === count) break
      }
      const speed = seen / ((performance.now() - startedAt) / 1000)
      await consumer.close(true)
      return speed
    },
  },
}

const client = clients[clientName]
if (!client || (kind !== 'produce' && kind !== 'consume')) throw new Error('no such client or kind')
console.log(await client[kind]())
process.exit(0)
