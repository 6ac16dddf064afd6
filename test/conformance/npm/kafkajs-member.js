/**
 * A member of a group as a process of its own, to be killed: `node kafkajs-member.js BOOTSTRAP GROUP TOPIC`.
 * Tells its parent of its partitions and of each record once it is committed.
 */
import kafkajs from 'kafkajs'

const [bootstrap, groupId, topic] = process.argv.slice(2)
const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: 1500,
  heartbeatInterval: 100,
  rebalanceTimeout: 5000,
  maxWaitTimeInMs: 50,
})

consumer.on('consumer.group_join', ({ payload }) =>
  process.send({ assigned: payload.memberAssignment[topic] ?? [] }),
)
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: true })
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ partition, message }) => {
    const offset = String(BigInt(message.offset) + 1n)
    await consumer.commitOffsets([{ topic, partition, offset }])
    process.send({ value: message.value.toString() })
  },
})
process.on('message', async () => {
  await consumer.disconnect()
  process.disconnect()
})
// Nobody is left to tell.
process.on('disconnect', () => process.exit())
