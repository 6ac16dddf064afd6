/** `kafka-do quota rm` */
import { anyArguments, defineCommand } from '../shell/command.ts'
import { NotFoundError } from '../shell/command-error.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import { counted } from '../shell/numbers.ts'
import { entityOf, entityOptions, isSameEntity, quotaColumns, rowsOf } from './entity-options.ts'

export const quotaRm = defineCommand({
  args: { quotas: anyArguments({ doc: 'names of quotas; otherwise all of the entity' }) },
  options: { ...entityOptions, execute: executeOption },
  more: 'Without --execute nothing changes: it only shows which quotas would be removed.',
  examples: [
    'kafka-do quota rm --user alice',
    'kafka-do quota rm --user alice producer_byte_rate --execute',
  ],
  async run({ args, flags, connect, out }) {
    const entity = entityOf(flags)
    const { admin } = await connect()
    const rows = rowsOf(await admin.listQuotas()).filter(
      (row) =>
        isSameEntity(row.entity, entity) &&
        (args.quotas.length === 0 || args.quotas.includes(row.name)),
    )
    if (rows.length === 0)
      throw new NotFoundError('there are no such quotas', {
        code: 'QUOTA_NOT_FOUND',
        hint: 'kafka-do quota ls lists them',
      })
    if (flags.execute)
      await admin.alterQuotas(entity, Object.fromEntries(rows.map(({ name }) => [name, null])))
    await out.list(quotaColumns, rows, (row) => ({ ...row, deleted: flags.execute }))
    if (out.isForPeople)
      out.note(flags.execute ? `Deleted ${counted(rows.length, 'quota')}.` : notExecuted)
  },
})
