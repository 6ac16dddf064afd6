/** `kafka-do topic purge` */

import { choosePartitions } from '../records/partitions.ts'
import { readPlace, resolvePlace } from '../records/place.ts'
import { argument, defaultedOption, defineCommand, listOption } from '../shell/command.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import { counted } from '../shell/numbers.ts'
import { wholeNumber } from '../shell/readers.ts'

export const topicPurge = defineCommand({
  args: { topic: argument({ doc: 'name of the topic', completes: 'topic' }) },
  options: {
    before: defaultedOption({
      placeholder: 'place',
      doc: 'first record to keep: latest, -7d, 2026-01-31T12:00:00Z, @1000, -1000',
      fallback: 'latest',
      read: readPlace,
    }),
    partition: listOption({
      placeholder: 'number',
      doc: 'only this partition; may be repeated',
      byDefault: 'all',
      read: wholeNumber(),
    }),
    execute: executeOption,
  },
  more: 'Without --execute nothing changes. Deleted records cannot be restored.',
  examples: [
    'kafka-do topic purge orders --before -7d',
    'kafka-do topic purge orders --partition 0 --before @1000 --execute',
  ],
  async run({ args, flags, io, connect, out }) {
    const { admin } = await connect()
    const { topic } = args
    const { offsets } = await admin.describeTopic(topic)
    const chosen = choosePartitions(topic, offsets, flags.partition)
    const places = await resolvePlace(admin, topic, chosen, flags.before, io.runtime)
    const found = chosen.map(({ partition, earliest, latest }) => {
      const wanted = places.get(partition)!
      const before = wanted < earliest ? earliest : wanted > latest ? latest : wanted
      return {
        topic,
        partition,
        earliest,
        before,
        offsets: before - earliest,
        purged: flags.execute,
      }
    })
    if (flags.execute)
      await admin.deleteRecords(
        topic,
        Object.fromEntries(found.map(({ partition, before }) => [partition, before])),
      )
    if (!out.isForPeople) {
      await out.list(
        [
          { title: 'TOPIC', cell: (one) => one.topic },
          { title: 'PARTITION', cell: (one) => one.partition },
          { title: 'EARLIEST', cell: (one) => one.earliest },
          { title: 'BEFORE', cell: (one) => one.before },
          { title: 'OFFSETS', cell: (one) => one.offsets },
          { title: 'PURGED', cell: (one) => one.purged },
        ],
        found,
      )
      return
    }
    for (const { partition, before, offsets: count } of found) {
      const what = `${counted(count, 'offset')} of ${topic}-${partition}, those before ${before}`
      out.note(flags.execute ? `Deleted ${what}.` : `Would delete ${what}.`)
    }
    if (!flags.execute) out.note(notExecuted)
  },
})
