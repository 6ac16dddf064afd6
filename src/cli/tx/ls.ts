/** `kafka-do tx ls` */
import { defineCommand, listOption } from '../shell/command.ts'
import { oneOf } from '../shell/readers.ts'

/** As Apache Kafka calls them. */
const states = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'PrepareEpochFence',
  'Dead',
] as const

export const txLs = defineCommand({
  options: {
    state: listOption({
      placeholder: 'name',
      doc: 'only this state, such as Ongoing; may be repeated',
      choices: states,
      read: oneOf(states),
    }),
  },
  examples: ['kafka-do tx ls', 'kafka-do tx ls --state Ongoing -o json'],
  async run({ flags, connect, out }) {
    const { admin } = await connect()
    const wanted = new Set<string>(flags.state)
    const found = (await admin.listTransactions()).filter(
      ({ state }) => wanted.size === 0 || wanted.has(state),
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
