/** `kafka-do tx describe` */
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import { argument, defineCommand } from '../shell/command.ts'
import { formatDuration } from '../shell/numbers.ts'
import { type Column, section } from '../shell/output.ts'

const columns: readonly Column<TopicPartition>[] = [
  { title: 'TOPIC', cell: ({ topic }) => topic },
  { title: 'PARTITION', cell: ({ partition }) => partition },
]

export const txDescribe = defineCommand({
  args: { id: argument({ doc: 'the transactional id' }) },
  more: 'TSV output lists the partitions the open transaction has written to.',
  examples: ['kafka-do tx describe billing', 'kafka-do tx describe billing -o json'],
  async run({ args, io, connect, out }) {
    const { admin } = await connect()
    const found = await admin.describeTransaction(args.id)
    const { transactionalId, state, producerId, producerEpoch, timeoutMs, startedAtMs } = found
    const runningMs =
      startedAtMs === undefined ? undefined : Math.max(0, io.runtime.now() - startedAtMs)
    const { coordinatorId, partitions } = found
    await out.document(
      {
        ...{ transactionalId, state, producerId, producerEpoch, coordinatorId, timeoutMs },
        ...{ startedAtMs, partitions },
      },
      {
        facts: [
          ['transactional id', transactionalId],
          ['state', state],
          ['producer id', producerId],
          ['producer epoch', producerEpoch],
          ['coordinator', coordinatorId],
          ['timeout', formatDuration(timeoutMs)],
          ['running for', runningMs === undefined ? undefined : formatDuration(runningMs)],
        ],
        sections: [section(columns, partitions)],
      },
    )
  },
})
