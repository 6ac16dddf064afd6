/** `kafka-do context ls` */
import { Contexts } from '../connection/contexts.ts'
import { defineCommand } from '../shell/command.ts'

export const contextLs = defineCommand({
  connects: false,
  examples: ['kafka-do context ls', 'kafka-do context ls -o json'],
  async run({ io, out }) {
    const contexts = Contexts.read(io.environment)
    const listed = contexts.names.map((name) => {
      const { url, apiKeyFile, saslUser } = contexts.get(name)
      return { name, isCurrent: name === contexts.current, url, apiKeyFile, saslUser }
    })
    if (listed.length === 0 && out.isForPeople) return out.note('There are no contexts.')
    await out.list(
      [
        { title: 'CONTEXT', cell: ({ name }) => name },
        { title: 'IN USE', cell: ({ isCurrent }) => (isCurrent ? 'yes' : 'no') },
        { title: 'URL', cell: ({ url }) => url },
        { title: 'KEY FILE', cell: ({ apiKeyFile }) => apiKeyFile },
        { title: 'USER', cell: ({ saslUser }) => saslUser },
      ],
      listed,
    )
  },
})
