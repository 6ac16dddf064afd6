/** `kafka-do acl rm` */
import { defineCommand } from '../shell/command.ts'
import { UsageError } from '../shell/command-error.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import { counted } from '../shell/numbers.ts'
import { aclColumns, filterOptions } from './acl-options.ts'

export const aclRm = defineCommand({
  options: { ...filterOptions, execute: executeOption },
  more: 'Without --execute nothing changes: it only shows the matching ACLs. At least one of the other options is required.',
  examples: [
    'kafka-do acl rm --principal User:alice',
    'kafka-do acl rm --principal User:alice --type topic --name orders --execute',
  ],
  async run({ flags, connect, out }) {
    const { principal, type, name, pattern, operation, permission, host } = flags
    const filter = { principal, type, name, pattern, operation, permission, host }
    if (Object.values(filter).every((one) => one === undefined))
      throw new UsageError(
        'at least one of --principal, --type, --name or another filter is required',
      )
    const { admin } = await connect()
    const acls = flags.execute ? await admin.deleteAcls(filter) : await admin.listAcls(filter)
    await out.list(aclColumns, acls, (one) => ({ ...one, deleted: flags.execute }))
    if (!out.isForPeople) return
    out.note(flags.execute ? `Deleted ${counted(acls.length, 'right')}.` : notExecuted)
  },
})
