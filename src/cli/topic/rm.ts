/** `kafka-do topic rm` */
import { defineCommand, restArgument } from '../shell/command.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import { counted } from '../shell/numbers.ts'

export const topicRm = defineCommand({
  args: { topics: restArgument({ doc: 'names of topics', completes: 'topic' }) },
  options: { execute: executeOption },
  more: 'Without --execute nothing changes. Deleted records cannot be restored.',
  examples: ['kafka-do topic rm orders', 'kafka-do topic rm orders payments --execute'],
  async run({ args, flags, connect, out }) {
    const { admin } = await connect()
    const found: { topic: string; partitions: number; offsets: bigint; deleted: boolean }[] = []
    // All are looked up before one is deleted.
    for (const topic of new Set(args.topics)) {
      const { partitions, offsets } = await admin.describeTopic(topic)
      const count = offsets.reduce((sum, one) => sum + one.latest - one.earliest, 0n)
      found.push({ topic, partitions, offsets: count, deleted: false })
    }
    if (flags.execute) {
      for (const one of found) {
        await admin.deleteTopic(one.topic)
        one.deleted = true
      }
    }
    if (!out.isForPeople) {
      await out.list(
        [
          { title: 'TOPIC', cell: ({ topic }) => topic },
          { title: 'PARTITIONS', cell: ({ partitions }) => partitions },
          { title: 'OFFSETS', cell: ({ offsets }) => offsets },
          { title: 'DELETED', cell: ({ deleted }) => deleted },
        ],
        found,
      )
      return
    }
    for (const { topic, partitions, offsets, deleted } of found) {
      const what = `topic ${topic} (${counted(partitions, 'partition')}, ${counted(offsets, 'offset')})`
      out.note(deleted ? `Deleted ${what}.` : `Would delete ${what}.`)
    }
    if (!flags.execute) out.note(notExecuted)
  },
})
