/** `kafka-do quota ls` */
import { defineCommand } from '../shell/command.ts'
import { quotaColumns, rowsOf } from './entity-options.ts'

export const quotaLs = defineCommand({
  examples: ['kafka-do quota ls', 'kafka-do quota ls -o tsv'],
  async run({ connect, out }) {
    const { admin } = await connect()
    const rows = rowsOf(await admin.listQuotas())
    if (rows.length === 0 && out.isForPeople) return out.note('There are no quotas.')
    await out.list(quotaColumns, rows)
  },
})
