/** `kafka-do topic ls` */

import { nameFilter } from '../../core/name-filter.ts'
import { defineCommand, optionalArgument } from '../shell/command.ts'
import type { Column } from '../shell/output.ts'

interface Listed {
  readonly name: string
  readonly partitions: number
  readonly id: string
}

const columns: readonly Column<Listed>[] = [
  { title: 'TOPIC', cell: ({ name }) => name },
  { title: 'PARTITIONS', cell: ({ partitions }) => partitions },
  { title: 'ID', cell: ({ id }) => id },
]

export const topicLs = defineCommand({
  args: {
    pattern: optionalArgument({ doc: "only topics whose name matches; '*' matches any text" }),
  },
  examples: ['kafka-do topic ls', "kafka-do topic ls 'orders-*' -o json"],
  async run({ args, connect, out }) {
    const { admin } = await connect()
    const topics = await admin.listTopics()
    const listed = topics
      .filter(({ name }) => nameFilter(args.pattern)(name))
      .map(({ name, partitions, id }) => ({ name, partitions, id }))
    if (listed.length === 0 && out.isForPeople) out.note('There are no such topics.')
    else await out.list(columns, listed)
  },
})
