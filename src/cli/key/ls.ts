/** `kafka-do key ls` */
import { defineCommand } from '../shell/command.ts'

export const keyLs = defineCommand({
  examples: ['kafka-do key ls', 'kafka-do key ls -o json'],
  async run({ connect, out }) {
    const { admin } = await connect()
    await out.list(
      [
        { title: 'ID', cell: ({ id }) => id },
        { title: 'NAME', cell: ({ name }) => name },
        { title: 'SCOPES', cell: ({ scopes }) => scopes.join(' ') },
        { title: 'CREATED', cell: ({ createdAt }) => createdAt.toISOString() },
        { title: 'EXPIRES', cell: ({ expiresAt }) => expiresAt?.toISOString() },
        { title: 'LAST USED', cell: ({ lastUsedAt }) => lastUsedAt?.toISOString() },
      ],
      await admin.listKeys(),
    )
  },
})
