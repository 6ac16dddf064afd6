/** `kafka-do topic describe` */
import type { PartitionOffsets } from '../../client/admin/topics.ts'
import { bytesOf, knownDisks } from '../connection/disks.ts'
import { argument, defineCommand } from '../shell/command.ts'
import { formatBytes, formatDuration } from '../shell/numbers.ts'
import { type Column, section } from '../shell/output.ts'

interface PartitionSize extends PartitionOffsets {
  /** On disk, copies counted; null: not to be known. */
  readonly bytes: bigint | null
}

const partitionColumns: readonly Column<PartitionSize>[] = [
  { title: 'PARTITION', cell: ({ partition }) => partition },
  { title: 'EARLIEST', cell: ({ earliest }) => earliest },
  { title: 'LATEST', cell: ({ latest }) => latest },
  { title: 'OFFSETS', cell: ({ earliest, latest }) => latest - earliest },
  { title: 'BYTES', cell: ({ bytes }) => bytes },
]

const configColumns: readonly Column<readonly [string, string]>[] = [
  { title: 'CONFIG', cell: ([name]) => name },
  { title: 'VALUE', cell: ([, value]) => value },
]

export const topicDescribe = defineCommand({
  args: { topic: argument({ doc: 'name of the topic', completes: 'topic' }) },
  more: 'TSV output lists the partitions. OFFSETS is the number of offsets between the oldest and the end: records, plus gaps from compaction and transactions. BYTES, the size on disk of all replicas, requires the right to describe the cluster.',
  examples: ['kafka-do topic describe orders', 'kafka-do topic describe orders -o json'],
  async run({ args, connect, out }) {
    const { admin } = await connect()
    const found = await admin.describeTopic(args.topic)
    const { name, id, partitions, retentionMs, configs } = found
    const known = bytesOf(await knownDisks(admin), name)
    const offsets = found.offsets.map((one) => ({
      ...one,
      bytes: known ? (known.get(one.partition) ?? 0n) : null,
    }))
    const bytes = known ? [...known.values()].reduce((sum, one) => sum + one, 0n) : null
    await out.document(
      { name, id, partitions, retentionMs, bytes, configs, offsets },
      {
        facts: [
          ['topic', name],
          ['id', id],
          ['partitions', partitions],
          ['on disk', bytes === null ? undefined : formatBytes(Number(bytes))],
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
