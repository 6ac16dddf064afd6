/** `kafka-do acl ls` */
import { defineCommand } from '../shell/command.ts'
import { aclColumns, filterOptions } from './acl-options.ts'

export const aclLs = defineCommand({
  options: filterOptions,
  examples: ['kafka-do acl ls', 'kafka-do acl ls --principal User:alice --type topic -o json'],
  async run({ flags, connect, out }) {
    const { principal, type, name, pattern, operation, permission, host } = flags
    const filter = { principal, type, name, pattern, operation, permission, host }
    const { admin } = await connect()
    const acls = await admin.listAcls(filter)
    if (acls.length === 0 && out.isForPeople) return out.note('There are no such ACLs.')
    await out.list(aclColumns, acls)
  },
})
