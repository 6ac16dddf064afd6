/** `kafka-do tx ls` */
import { defineCommand, listOption } from '../shell/command.ts'

export const txLs = defineCommand({
  options: {
    state: listOption({
      placeholder: 'name',
      doc: 'only in this state, such as Ongoing; may be given more than once',
    }),
  },
  examples: ['kafka-do tx ls', 'kafka-do tx ls --state Ongoing -o json'],
  async run({ flags, connect, out }) {
    const { admin } = await connect()
    const wanted = new Set(flags.state.map((one) => one.toLowerCase()))
    const found = (await admin.listTransactions()).filter(
      ({ state }) => wanted.size === 0 || wanted.has(state.toLowerCase()),
    )
    if (found.length === 0 && out.isForPeople) return out.note('There are no such transactions.')
    await out.list(
      [
        { title: 'TRANSACTIONAL ID', cell: (one) => one.transactionalId },
        { title: 'STATE', cell: (one) => one.state },
        { title: 'PRODUCER ID', cell: (one) => one.producerId },
        { title: 'COORDINATOR', cell: (one) => one.coordinatorId },
      ],
      found,
    )
  },
})
