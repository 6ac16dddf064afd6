/** `kafka-do quota set` */
import { defineCommand, restArgument } from '../shell/command.ts'
import { UsageError } from '../shell/command-error.ts'
import { pair, positiveNumber, sizeBytes } from '../shell/readers.ts'
import { entityOf, entityOptions, quotaColumns } from './entity-options.ts'

export const quotaSet = defineCommand({
  args: {
    quotas: restArgument({
      doc: 'name=value: producer_byte_rate=1MiB, consumer_byte_rate, request_rate, controller_mutation_rate (per second)',
    }),
  },
  options: entityOptions,
  examples: [
    'kafka-do quota set --user alice producer_byte_rate=1MiB consumer_byte_rate=4MiB',
    'kafka-do quota set --default-client-id producer_byte_rate=512k',
  ],
  async run({ args, flags, connect, out }) {
    const entity = entityOf(flags)
    const changes = Object.fromEntries(args.quotas.map(readQuota))
    const { admin } = await connect()
    await admin.alterQuotas(entity, changes)
    const rows = Object.entries(changes).map(([name, value]) => ({ entity, name, value }))
    if (out.isForPeople) out.note(`Set ${rows.map(({ name }) => name).join(', ')}.`)
    else await out.list(quotaColumns, rows)
  },
})

function readQuota(text: string): [string, number] {
  try {
    const [name, value] = pair('=')(text)
    return [name, name.endsWith('_byte_rate') ? sizeBytes(value) : positiveNumber(value)]
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
