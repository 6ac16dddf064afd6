/** `kafka-do acl add` */
import { argument, defineCommand, listOption, switchOption, valueOption } from '../shell/command.ts'
import { UsageError } from '../shell/command-error.ts'
import { counted } from '../shell/numbers.ts'
import { oneOf } from '../shell/readers.ts'
import { aclColumns, operationNames, resourceTypeNames } from './acl-options.ts'

/** The name of the one resource of its type. */
const cluster = 'kafka-cluster'

export const aclAdd = defineCommand({
  args: {
    principal: argument({
      doc: 'principal: User:alice, User:id for an API key, User:* for everyone',
    }),
  },
  options: {
    type: valueOption({
      placeholder: 'type',
      doc: `resource type: ${resourceTypeNames.join(', ')}`,
      choices: resourceTypeNames,
      read: oneOf(resourceTypeNames),
    }),
    name: listOption({
      placeholder: 'name',
      doc: 'resource name; * for all, orders-* for a prefix; may be repeated',
    }),
    operation: listOption({
      placeholder: 'operation',
      doc: `operation: ${operationNames.join(', ')}; may be repeated`,
      choices: operationNames,
      read: oneOf(operationNames),
    }),
    deny: switchOption({ doc: 'deny instead of allow; deny wins' }),
    host: valueOption({
      placeholder: 'address',
      doc: 'only from this address',
      byDefault: '*, any address',
    }),
  },
  examples: [
    'kafka-do acl add User:alice --type topic --name orders --operation read --operation describe',
    "kafka-do acl add User:billing --type topic --name 'billing-*' --operation all",
    'kafka-do acl add User:alice --type cluster --operation describe',
  ],
  async run({ args, flags, connect, out }) {
    const { type, operation, deny, host = '*' } = flags
    if (type === undefined || operation.length === 0)
      throw new UsageError('--type and --operation are required')
    const names = flags.name.length === 0 && type === 'cluster' ? [cluster] : flags.name
    if (names.length === 0) throw new UsageError('it takes --name')
    const { admin } = await connect()
    const acls = names.flatMap((name) =>
      operation.map((one) => ({
        ...{ principal: args.principal, type, operation: one, host },
        permission: deny ? ('deny' as const) : ('allow' as const),
        ...patternOf(name),
      })),
    )
    await admin.createAcls(acls)
    if (out.isForPeople) out.note(`Added ${counted(acls.length, 'right')}.`)
    else await out.list(aclColumns, acls)
  },
})

function patternOf(name: string): {
  readonly name: string
  readonly pattern: 'literal' | 'prefixed'
} {
  const isPrefix = name.endsWith('*') && name !== '*'
  return isPrefix ? { name: name.slice(0, -1), pattern: 'prefixed' } : { name, pattern: 'literal' }
}
