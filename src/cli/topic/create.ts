/** `kafka-do topic create` */
import { KafkaError } from '../../core/errors.ts'
import { defineCommand, restArgument, switchOption, valueOption } from '../shell/command.ts'
import { wholeNumber } from '../shell/readers.ts'
import { configOption, retentionOption } from './topic-options.ts'
import { untilTopicIsThere } from './whole-topic.ts'

export const topicCreate = defineCommand({
  args: { topics: restArgument({ doc: 'names of topics' }) },
  options: {
    partitions: valueOption({
      short: 'p',
      placeholder: 'number',
      doc: 'partitions of each topic',
      byDefault: "the broker's",
      read: wholeNumber({ min: 1, max: 100_000 }),
    }),
    replicationFactor: valueOption({
      placeholder: 'number',
      doc: 'copies of each partition',
      byDefault: "the broker's",
      read: wholeNumber({ min: 1, max: 32_767 }),
    }),
    retention: retentionOption,
    config: configOption,
    ifNotExists: switchOption({ doc: 'do not fail if the topic exists' }),
  },
  examples: [
    'kafka-do topic create orders --partitions 6 --retention 7d',
    'kafka-do topic create customers -c cleanup.policy=compact',
  ],
  async run({ args, flags, connect, out }) {
    const { admin } = await connect({ create: true })
    const { partitions, replicationFactor, retention, config, ifNotExists } = flags
    const results: { topic: string; created: boolean }[] = []
    for (const topic of args.topics) {
      const created = await admin
        .createTopic(topic, {
          partitions,
          replicationFactor,
          retention,
          configs: Object.fromEntries(config),
        })
        .then(
          async () => {
            await untilTopicIsThere(admin, topic)
            return true
          },
          (error: unknown) => {
            const isThere = error instanceof KafkaError && error.code === 'TOPIC_ALREADY_EXISTS'
            if (ifNotExists && isThere) return false
            throw error
          },
        )
      results.push({ topic, created })
    }
    if (!out.isForPeople) {
      await out.list(
        [
          { title: 'TOPIC', cell: ({ topic }) => topic },
          { title: 'CREATED', cell: ({ created }) => created },
        ],
        results,
      )
      return
    }
    for (const { topic, created } of results)
      out.note(created ? `Created topic ${topic}.` : `Topic ${topic} already exists.`)
  },
})
