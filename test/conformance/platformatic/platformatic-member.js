/**
 * A member of a group as a process of its own, to be killed: `node platformatic-member.js BOOTSTRAP GROUP TOPIC
 * [INSTANCE]`.
 * Tells its parent of its partitions and of each record once it is committed.
 */
import './promise-with-resolvers.js'
import { Consumer } from '@platformatic/kafka'

const [bootstrap, groupId, topic, instance] = process.argv.slice(2)
const consumer = new Consumer({
  clientId: 'platformatic-conformance',
  bootstrapBrokers: [bootstrap],
  groupId,
  autocommit: false,
  // A static member may be away for a while.
  ...(instance && { groupInstanceId: instance }),
  sessionTimeout: instance ? 30_000 : 1500,
  heartbeatInterval: 100,
  rebalanceTimeout: instance ? 30_000 : 5000,
  maxWaitTime: 50,
})

consumer.on('consumer:group:join', ({ assignments }) =>
  process.send({ assigned: assignments.find((entry) => entry.topic === topic)?.partitions ?? [] }),
)
process.on('message', async () => {
  await consumer.close(true)
  process.disconnect()
})
// Nobody is left to tell.
process.on('disconnect', () => process.exit())

const stream = await consumer.consume({
  topics: [topic],
  mode: 'committed',
  fallbackMode: 'earliest',
})
for await (const message of stream) {
  await message.commit()
  process.send({ value: message.value.toString() })
}
