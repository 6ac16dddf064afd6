/** `kafka-do group ls` */

import { nameFilter } from '../../core/name-filter.ts'
import { defineCommand, optionalArgument } from '../shell/command.ts'

export const groupLs = defineCommand({
  args: {
    pattern: optionalArgument({ doc: "only groups whose name matches; '*' matches any text" }),
  },
  examples: ['kafka-do group ls', "kafka-do group ls 'billing-*' -o tsv"],
  async run({ args, connect, out }) {
    const { admin } = await connect()
    const groups = (await admin.listGroups())
      .filter(({ group }) => nameFilter(args.pattern)(group))
      .map(({ group, state, memberCount, protocolType }) => ({
        ...{ group, state, members: memberCount, protocolType },
      }))
    if (groups.length === 0 && out.isForPeople) return out.note('There are no such groups.')
    await out.list(
      [
        { title: 'GROUP', cell: ({ group }) => group },
        { title: 'STATE', cell: ({ state }) => state },
        { title: 'MEMBERS', cell: ({ members }) => members },
        { title: 'PROTOCOL', cell: ({ protocolType }) => protocolType || undefined },
      ],
      groups,
    )
  },
})
