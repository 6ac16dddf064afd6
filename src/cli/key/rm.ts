/** `kafka-do key rm` */

import { didYouMean } from '../../core/suggestion.ts'
import { defineCommand, restArgument } from '../shell/command.ts'
import { NotFoundError } from '../shell/command-error.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import { counted } from '../shell/numbers.ts'

export const keyRm = defineCommand({
  args: { ids: restArgument({ doc: 'ids of keys' }) },
  options: { execute: executeOption },
  more: 'Without --execute nothing changes. Connections that use a revoked key are closed within a second.',
  examples: ['kafka-do key rm ID', 'kafka-do key rm ID --execute'],
  async run({ args, flags, connect, out }) {
    const { admin } = await connect()
    const keys = await admin.listKeys()
    const found = [...new Set(args.ids)].map((id) => {
      const key = keys.find((one) => one.id === id)
      if (key) return key
      throw new NotFoundError(`there is no key '${id}'`, {
        code: 'RESOURCE_NOT_FOUND',
        hint:
          didYouMean(
            id,
            keys.map((one) => one.id),
          ) ?? 'kafka-do key ls lists them',
      })
    })
    if (flags.execute) for (const { id } of found) await admin.revokeKey(id)
    await out.list(
      [
        { title: 'ID', cell: ({ id }) => id },
        { title: 'NAME', cell: ({ name }) => name },
        { title: 'SCOPES', cell: ({ scopes }) => scopes.join(' ') },
      ],
      found,
      ({ id, name, scopes }) => ({ id, name, scopes, revoked: flags.execute }),
    )
    if (out.isForPeople)
      out.note(flags.execute ? `Revoked ${counted(found.length, 'key')}.` : notExecuted)
  },
})
