/** `kafka-do group lag` */
import type { GroupDescription } from '../../client/admin/groups.ts'
import type { Admin } from '../../client/admin.ts'
import { KafkaError } from '../../core/errors.ts'
import { anyArguments, defaultedOption, defineCommand, valueOption } from '../shell/command.ts'
import { exitCode } from '../shell/exit-code.ts'
import { oneOf, wholeNumber } from '../shell/readers.ts'

interface Lag {
  readonly group: string
  readonly topic: string | undefined
  readonly partition: number | undefined
  /** Of partitions that the group has committed for. */
  readonly lag: bigint
  /** Undefined where partitions are added up. */
  readonly committed: bigint | undefined
  readonly latest: bigint | undefined
}

/** Groups that are asked for at a time. */
const atATime = 8

export const groupLag = defineCommand({
  args: { groups: anyArguments({ doc: 'names of groups; otherwise all', completes: 'group' }) },
  options: {
    by: defaultedOption({
      placeholder: 'group|topic|partition',
      doc: 'level of the sums',
      choices: ['group', 'topic', 'partition'],
      fallback: 'topic',
      read: oneOf(['group', 'topic', 'partition']),
    }),
    failOver: valueOption({
      placeholder: 'records',
      doc: 'exit with 1 when a lag is above this; for alerts',
      read: wholeNumber(),
    }),
  },
  examples: [
    'kafka-do group lag',
    'kafka-do group lag billing --by partition',
    'kafka-do group lag --by group --fail-over 10000 -o tsv',
  ],
  async run({ args, flags, connect, out }) {
    const { admin } = await connect()
    const groups = await describeAll(admin, args.groups)
    const lags = groups.flatMap((group) => lagsOf(group, flags.by))
    if (lags.length === 0 && out.isForPeople) out.note('No group has committed anything.')
    else
      await out.list(
        [
          { title: 'GROUP', cell: (one) => one.group },
          { title: 'TOPIC', cell: (one) => one.topic },
          { title: 'PARTITION', cell: (one) => one.partition },
          { title: 'COMMITTED', cell: (one) => one.committed },
          { title: 'LATEST', cell: (one) => one.latest },
          { title: 'LAG', cell: (one) => one.lag },
        ],
        lags,
      )
    const { failOver } = flags
    const isOver = failOver !== undefined && lags.some(({ lag }) => lag > BigInt(failOver))
    return isOver ? exitCode.failed : undefined
  },
})

/** By name; of all groups, those that have gone meanwhile are left out. */
async function describeAll(admin: Admin, names: readonly string[]): Promise<GroupDescription[]> {
  const isAll = names.length === 0
  const wanted = isAll ? (await admin.listGroups()).map(({ group }) => group) : [...new Set(names)]
  const found: GroupDescription[] = []
  for (let at = 0; at < wanted.length; at += atATime) {
    const described = await Promise.all(
      wanted.slice(at, at + atATime).map((name) =>
        admin.describeGroup(name).catch((error: unknown) => {
          const isMissing = error instanceof KafkaError && error.code === 'GROUP_ID_NOT_FOUND'
          if (isAll && isMissing) return undefined
          throw error
        }),
      ),
    )
    found.push(...described.filter((one) => one !== undefined))
  }
  return found
}

function lagsOf({ group, partitions, totalLag }: GroupDescription, by: string): Lag[] {
  const whole = { topic: undefined, partition: undefined, committed: undefined, latest: undefined }
  if (by === 'group') return [{ ...whole, group, lag: totalLag }]
  const known = partitions.flatMap((one) =>
    one.lag === undefined ? [] : [{ ...one, lag: one.lag }],
  )
  if (by === 'partition')
    return known.map(({ topic, partition, lag, committed, latest }) => ({
      ...{ group, topic, partition, lag, committed, latest },
    }))
  const sums = new Map<string, bigint>()
  for (const { topic, lag } of known) sums.set(topic, (sums.get(topic) ?? 0n) + lag)
  return [...sums].map(([topic, lag]) => ({ ...whole, group, topic, lag }))
}
