/** `kafka-do group reset` */
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import type { Runtime } from '../../core/runtime.ts'
import { asOffset, type Place, readPlace } from '../records/place.ts'
import { argument, defineCommand, listOption, valueOption } from '../shell/command.ts'
import { NotFoundError, UsageError } from '../shell/command-error.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'

export const groupReset = defineCommand({
  args: { group: argument({ doc: 'name of the group', completes: 'group' }) },
  options: {
    topic: listOption({
      placeholder: 'name',
      doc: 'only this topic, which may also be one without commits; may be repeated',
      byDefault: 'all topics with commits',
      completes: 'topic',
    }),
    to: valueOption({
      placeholder: 'place',
      doc: 'new position: earliest, latest, @1000, -1h, 2026-01-31T12:00:00Z',
      read: readPlace,
    }),
    shift: valueOption({
      placeholder: 'records',
      doc: 'records to move forward, or back if negative: 100, -100',
      read: readShift,
    }),
    execute: executeOption,
  },
  more: `Without --execute nothing changes: it only shows the new position of each partition. The group must have no
members. A position before the beginning or past the end of a partition becomes its beginning or end.`,
  examples: [
    'kafka-do group reset billing --to earliest',
    'kafka-do group reset billing --topic orders --to -1h --execute',
    'kafka-do group reset billing --shift -100',
  ],
  async run({ args, flags, io, connect, out }) {
    const { to, shift, execute } = flags
    if ((to === undefined) === (shift === undefined))
      throw new UsageError('one of --to and --shift is required')
    const target = to === undefined ? Offset.shift(shift!) : offsetOf(to, io.runtime)
    const { admin } = await connect()
    const { group } = args
    const topics = flags.topic.length > 0 ? [...new Set(flags.topic)] : await topicsOf(admin, group)
    // All are looked up before one is moved.
    const planned = await Promise.all(
      topics.map((topic) => admin.previewReset(group, topic, target)),
    )
    const moved: {
      topic: string
      partition: number
      before: bigint | undefined
      offset: bigint
    }[] = []
    for (const [i, topic] of topics.entries()) {
      const places = execute ? await admin.resetOffsets(group, topic, target) : planned[i]!
      moved.push(
        ...places.map(({ partition, before, offset }) => ({ topic, partition, before, offset })),
      )
    }
    await out.list(
      [
        { title: 'TOPIC', cell: (one) => one.topic },
        { title: 'PARTITION', cell: (one) => one.partition },
        { title: 'BEFORE', cell: (one) => one.before },
        { title: execute ? 'NOW' : 'THEN', cell: (one) => one.offset },
      ],
      moved,
      (one) => ({ group, ...one, executed: execute }),
    )
    if (out.isForPeople) out.note(execute ? `Moved group ${group}.` : notExecuted)
  },
})

function readShift(text: string): bigint {
  if (/^[+-]?\d{1,18}$/.test(text)) return BigInt(text.replace(/^\+/, ''))
  throw new Error(`it takes a whole number, such as 100 or -100; got '${text}'`)
}

function offsetOf(place: Place, runtime: Runtime): Offset {
  const offset = asOffset(place, runtime)
  if (offset) return offset
  throw new UsageError(
    '--to does not take a number of records; use --shift to move from the current position',
  )
}

async function topicsOf(admin: Admin, group: string): Promise<string[]> {
  const { partitions } = await admin.describeGroup(group)
  // A topic that is gone has no end.
  const topics = partitions.filter(({ latest }) => latest !== undefined).map(({ topic }) => topic)
  if (topics.length > 0) return [...new Set(topics)]
  throw new NotFoundError(`group '${group}' has no commits for an existing topic`, {
    code: 'NOTHING_COMMITTED',
    hint: '--topic names the topic to reset',
  })
}
