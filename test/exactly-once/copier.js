/**
 * A worker that may be killed at any moment: `node copier.js URL INPUT OUTPUT GROUP`. Each record of INPUT is written to the
 * same partition of OUTPUT, in a transaction that also moves the group on. Prints `begin` and `end` around each, and
 * ends by itself once the group has read everything.
 */
import { Client, ConfigError, KafkaError } from 'kafka-do'

const [, , url, input, output, group] = process.argv
const broker = { groupMinSessionTimeout: '500ms' }
const kafka = new Client({ url, timeout: '60s', ...(url.startsWith('file:') && { broker }) })
const enough = new AbortController()

/** @param {import('kafka-do').Record<number>} record */
async function copy(record) {
  process.stdout.write('begin\n')
  const { value, partition } = record
  // What dies in the middle of one is in the way of the next worker for so long.
  await kafka.transaction(output, { timeout: '2s' }, async (tx) => {
    await tx.send(value, { partition })
    // An application's own failures are all or nothing, too.
    if (Math.random() < 0.02) throw new Error('my own')
    await tx.commitOffsets(record)
  })
  process.stdout.write('end\n')
}

async function watch() {
  for (;;) {
    // The group is not there before its first member, and no broker may be for a moment.
    const { partitions } = await kafka.admin.describeGroup(group).catch(() => ({ partitions: [] }))
    if (partitions.length > 0 && partitions.every(({ lag }) => lag === 0n)) return enough.abort()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const watching = watch()
while (!enough.signal.aborted) {
  try {
    const config = { group, autoCommit: false, concurrency: 4, sessionTimeout: '1s' }
    await kafka.consume(input, { ...config, signal: enough.signal }, copy)
  } catch (error) {
    // What stops a consumer is tried again from the last commit, as a supervisor would.
    if (error instanceof ConfigError) throw error
    if (!(error instanceof KafkaError) && error?.message !== 'my own') throw error
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
await watching
await kafka.close()
