/** `kafka-do group describe` */
import type { GroupMember, GroupPartition } from '../../client/admin/groups.ts'
import { argument, defineCommand } from '../shell/command.ts'
import { formatCount } from '../shell/numbers.ts'
import { type Column, section } from '../shell/output.ts'

const partitionColumns: readonly Column<GroupPartition>[] = [
  { title: 'TOPIC', cell: ({ topic }) => topic },
  { title: 'PARTITION', cell: ({ partition }) => partition },
  { title: 'COMMITTED', cell: ({ committed }) => committed },
  { title: 'LATEST', cell: ({ latest }) => latest },
  { title: 'LAG', cell: ({ lag }) => lag },
  { title: 'MEMBER', cell: ({ memberId }) => memberId },
]

const memberColumns: readonly Column<GroupMember>[] = [
  { title: 'MEMBER', cell: ({ instanceId, memberId }) => instanceId ?? memberId },
  { title: 'CLIENT', cell: ({ clientId }) => clientId },
  { title: 'HOST', cell: ({ host }) => host },
  { title: 'PARTITIONS', cell: ({ partitions }) => partitions.length },
]

export const groupDescribe = defineCommand({
  args: { group: argument({ doc: 'name of the group', completes: 'group' }) },
  more: 'TSV output lists the partitions.',
  examples: ['kafka-do group describe billing', 'kafka-do group describe billing -o json'],
  async run({ args, connect, out }) {
    const { admin } = await connect()
    const found = await admin.describeGroup(args.group)
    const { group, state, protocolType, assignor, coordinatorId, members, partitions, totalLag } =
      found
    await out.document(
      { group, state, protocolType, assignor, coordinatorId, totalLag, members, partitions },
      {
        facts: [
          ['group', group],
          ['state', state],
          ['assignor', assignor || undefined],
          ['coordinator', coordinatorId],
          ['lag', formatCount(totalLag)],
        ],
        sections: [section(partitionColumns, partitions), section(memberColumns, members)],
      },
    )
  },
})
