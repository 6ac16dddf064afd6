/** `kafka-do topic describe` */
import type { PartitionOffsets } from '../../client/admin/topics.ts'
import { argument, defineCommand } from '../shell/command.ts'
import { formatDuration } from '../shell/numbers.ts'
import { type Column, section } from '../shell/output.ts'

const partitionColumns: readonly Column<PartitionOffsets>[] = [
  { title: 'PARTITION', cell: ({ partition }) => partition },
  { title: 'EARLIEST', cell: ({ earliest }) => earliest },
  { title: 'LATEST', cell: ({ latest }) => latest },
  { title: 'OFFSETS', cell: ({ earliest, latest }) => latest - earliest },
]

const configColumns: readonly Column<readonly [string, string]>[] = [
  { title: 'CONFIG', cell: ([name]) => name },
  { title: 'VALUE', cell: ([, value]) => value },
]

export const topicDescribe = defineCommand({
  args: { topic: argument({ doc: 'name of the topic', completes: 'topic' }) },
  more: 'TSV has the partitions. OFFSETS is how many there are between the two: records, and what compaction and transactions leave.',
  examples: ['kafka-do topic describe orders', 'kafka-do topic describe orders -o json'],
  async run({ args, connect, out }) {
    const { admin } = await connect()
    const found = await admin.describeTopic(args.topic)
    const { name, id, partitions, retentionMs, configs, offsets } = found
    await out.document(
      { name, id, partitions, retentionMs, configs, offsets },
      {
        facts: [
          ['topic', name],
          ['id', id],
          ['partitions', partitions],
          ['retention', retentionMs === undefined ? undefined : formatDuration(retentionMs)],
        ],
        sections: [
          section(partitionColumns, offsets),
          section(configColumns, Object.entries(configs)),
        ],
      },
    )
  },
})
