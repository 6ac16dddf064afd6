/** `kafka-do group rm` */

import { defineCommand, restArgument } from '../shell/command.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import { counted } from '../shell/numbers.ts'
import { errorForActive } from './active-group.ts'

export const groupRm = defineCommand({
  args: { groups: restArgument({ doc: 'names of groups', completes: 'group' }) },
  options: { execute: executeOption },
  more: 'Without --execute nothing changes. A group with members cannot be deleted.',
  examples: ['kafka-do group rm billing', 'kafka-do group rm billing reports --execute'],
  async run({ args, flags, connect, out }) {
    const { admin } = await connect()
    const found: { group: string; state: string; partitions: number; deleted: boolean }[] = []
    for (const group of new Set(args.groups)) {
      const { state, members, partitions } = await admin.describeGroup(group)
      if (members.length > 0) throw errorForActive(group, members)
      const committed = partitions.filter((one) => one.committed !== undefined).length
      found.push({ group, state, partitions: committed, deleted: false })
    }
    if (flags.execute) {
      for (const one of found) {
        await admin.deleteGroup(one.group)
        one.deleted = true
      }
    }
    if (!out.isForPeople) {
      await out.list(
        [
          { title: 'GROUP', cell: ({ group }) => group },
          { title: 'STATE', cell: ({ state }) => state },
          { title: 'PARTITIONS', cell: ({ partitions }) => partitions },
          { title: 'DELETED', cell: ({ deleted }) => deleted },
        ],
        found,
      )
      return
    }
    for (const { group, partitions, deleted } of found) {
      const what = `group ${group} and what it has committed for ${counted(partitions, 'partition')}`
      out.note(deleted ? `Deleted ${what}.` : `Would delete ${what}.`)
    }
    if (!flags.execute) out.note(notExecuted)
  },
})
