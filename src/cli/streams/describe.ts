/** `kafka-do streams describe` */
import { argument, defineCommand } from '../shell/command.ts'
import { section } from '../shell/output.ts'
import { findApplication } from './find-application.ts'

export const streamsDescribe = defineCommand({
  args: { app: argument({ doc: "the application's name (app)", completes: 'group' }) },
  more: 'TSV output has the progress in each partition.',
  examples: [
    'kafka-do streams describe orders-app',
    'kafka-do streams describe orders-app --url kafka://localhost:9092 -o json',
  ],
  async run({ args, connect, out }) {
    const { app } = args
    const { admin } = await connect()
    const { group, internalTopics: names } = await findApplication(admin, app)
    const internalTopics = await Promise.all(
      names.map(async (name) => {
        const { partitions, offsets } = await admin.describeTopic(name)
        const records = offsets.reduce((sum, one) => sum + one.latest - one.earliest, 0n)
        return { name, partitions, records }
      }),
    )
    const { state = 'Dead', members = [], partitions = [], totalLag = 0n } = group ?? {}
    await out.document(
      { app, state, members, partitions, totalLag, internalTopics },
      {
        facts: [
          ['application', app],
          ['state', group ? state : 'it has no group'],
          ['members', members.length],
          ['lag', totalLag],
        ],
        sections: [
          section(
            [
              { title: 'TOPIC', cell: ({ topic }) => topic },
              { title: 'PARTITION', cell: ({ partition }) => partition },
              { title: 'COMMITTED', cell: ({ committed }) => committed },
              { title: 'END', cell: ({ latest }) => latest },
              { title: 'LAG', cell: ({ lag }) => lag },
            ],
            partitions,
          ),
          section(
            [
              { title: 'MEMBER', cell: ({ instanceId, memberId }) => instanceId ?? memberId },
              { title: 'CLIENT', cell: ({ clientId }) => clientId },
              { title: 'HOST', cell: ({ host }) => host },
              {
                title: 'PARTITIONS',
                cell: (one) =>
                  one.partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' '),
              },
            ],
            members,
          ),
          section(
            [
              { title: 'OWN TOPIC', cell: ({ name }) => name },
              { title: 'PARTITIONS', cell: (one) => one.partitions },
              { title: 'RECORDS, AT MOST', cell: ({ records }) => records },
            ],
            internalTopics,
          ),
        ],
      },
    )
  },
})
