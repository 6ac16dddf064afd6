/** Reads again what has happened since a moment, without disturbing the group that handles it. */
import { Client, Message, Offset } from 'kafka-do'

const kafka = new Client()
const hour = 3_600_000
const now = Date.now()
await kafka
  .producer('example-clicks')
  .sendBatch(
    [5, 4, 3, 2, 1].map(
      (hours) => new Message({ hoursAgo: hours }, { timestamp: now - hours * hour, partition: 0 }),
    ),
  )

const since = new Date(now - 2.5 * hour)
const replay = kafka.consumer('example-clicks', { offset: Offset.timestamp(since) })
for await (const { value, timestamp } of replay.take(2)) {
  console.log(
    `${/** @type {{ hoursAgo: number }} */ (value).hoursAgo} hours ago, ${timestamp >= since ? 'within' : 'before'}`,
  )
}

// A group goes back in the same way, while it has no members.
await kafka.consumer('example-clicks', { group: 'example-clicks' }).take(5).toArray()
await kafka.admin.resetOffsets('example-clicks', 'example-clicks', Offset.timestamp(since))
const { totalLag } = await kafka.admin.describeGroup('example-clicks')
console.log(`the group has ${totalLag} to read again`)
await kafka.close()
