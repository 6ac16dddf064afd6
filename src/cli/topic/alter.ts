/** `kafka-do topic alter` */
import { argument, defineCommand, listOption, valueOption } from '../shell/command.ts'
import { UsageError } from '../shell/command-error.ts'
import { wholeNumber } from '../shell/readers.ts'
import { configOption, retentionOption } from './topic-options.ts'

export const topicAlter = defineCommand({
  args: { topic: argument({ doc: 'name of the topic', completes: 'topic' }) },
  options: {
    retention: retentionOption,
    config: configOption,
    resetConfig: listOption({
      placeholder: 'name',
      doc: "config to reset to the broker's default; may be repeated",
    }),
    partitions: valueOption({
      short: 'p',
      placeholder: 'number',
      doc: 'new, larger number of partitions; keys then map to other partitions',
      read: wholeNumber({ min: 1, max: 100_000 }),
    }),
  },
  examples: [
    'kafka-do topic alter orders --retention 30d',
    'kafka-do topic alter orders -c max.message.bytes=2097152 --reset-config segment.ms',
    'kafka-do topic alter orders --partitions 12',
  ],
  async run({ args, flags, connect, out }) {
    const { retention, config, resetConfig, partitions } = flags
    const resets = resetConfig.map((name) => [name, null] as const)
    const configs = Object.fromEntries<string | null>([...config, ...resets])
    const hasChanges = retention !== undefined || Object.keys(configs).length > 0
    if (!hasChanges && partitions === undefined)
      throw new UsageError(
        'nothing to change: use --retention, --config, --reset-config or --partitions',
      )
    const { admin } = await connect()
    // It must be there before anything is changed.
    await admin.describeTopic(args.topic)
    if (hasChanges) await admin.alterTopic(args.topic, { retention, configs })
    if (partitions !== undefined) await admin.createPartitions(args.topic, partitions)
    if (out.isForPeople) return out.note(`Changed topic ${args.topic}.`)
    const changed = { topic: args.topic, changed: true }
    await out.document(changed, { facts: [['topic', args.topic]] })
  },
})
