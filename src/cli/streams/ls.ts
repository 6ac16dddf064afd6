/** `kafka-do streams ls` */
import { defineCommand } from '../shell/command.ts'
import { listApplications } from './stored-application.ts'

export const streamsLs = defineCommand({
  more: `Lists the groups that have internal topics: changelogs or repartitions. An application without either is an ordinary
group.`,
  examples: ['kafka-do streams ls', 'kafka-do streams ls -o json'],
  async run({ connect, out }) {
    const { admin } = await connect()
    const found = await listApplications(admin)
    if (found.length === 0 && out.isForPeople)
      return out.note('There are no applications with internal topics.')
    await out.list(
      [
        { title: 'APPLICATION', cell: ({ app }) => app },
        { title: 'STATE', cell: ({ state }) => state },
        { title: 'MEMBERS', cell: ({ members }) => members },
        { title: 'OWN TOPICS', cell: ({ internalTopics }) => internalTopics.length },
      ],
      found,
    )
  },
})
