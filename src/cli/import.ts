/** `kafka-do import` */

import { type Outgoing, placeEntries } from './produce/input.ts'
import { ensureTopic, produceAll } from './produce/producing.ts'
import { sourceOf } from './produce/sources.ts'
import { compressionOption, rateOption } from './records/record-options.ts'
import {
  anyArguments,
  argument,
  defineCommand,
  switchOption,
  valueOption,
} from './shell/command.ts'
import { UsageError } from './shell/command-error.ts'
import { wholeNumber } from './shell/readers.ts'

export const importTopic = defineCommand({
  args: {
    topic: argument({ doc: 'topic to write to', completes: 'topic' }),
    files: anyArguments({
      doc: 'file written by kafka-do export, also .gz; - or none for standard input',
      completes: 'file',
    }),
  },
  options: {
    spread: switchOption({
      doc: 'choose partitions by key instead of keeping the original ones',
    }),
    create: switchOption({ doc: 'create the topic if it does not exist' }),
    partitions: valueOption({
      placeholder: 'number',
      doc: 'with --create: partitions of the new topic',
      byDefault: "the broker's",
      read: wholeNumber({ min: 1, max: 100_000 }),
    }),
    compression: compressionOption,
    rate: rateOption,
  },
  more: `Records keep keys, values, headers, timestamps and partitions; offsets are new. It stops when a record cannot be
read or stored, and prints how many were stored.`,
  examples: [
    'kafka-do import orders orders.ndjson.gz',
    'kafka-do import orders-copy orders.ndjson --create --partitions 6 --spread',
  ],
  async run(invocation) {
    const { args, flags, io, connect } = invocation
    const { topic, files } = args
    const { spread, create, partitions } = flags
    if (partitions !== undefined && !create)
      throw new UsageError('--partitions is for a new topic: also use --create')
    const client = await connect({ create })
    await ensureTopic(client.admin, topic, create ? { partitions } : undefined)
    const plan = {
      topic,
      sources: (files.length === 0 ? ['-'] : files).map((file) => sourceOf(file, io)),
      input: {
        format: 'records' as const,
        keySeparator: undefined,
        keyPointer: undefined,
        emptyIsNull: false,
        passedBy: placeEntries,
      },
      producer: { compression: flags.compression },
      rate: flags.rate,
      complete: spread ? withoutPartition : (record: Outgoing) => record,
    }
    await produceAll(client, plan, invocation)
  },
})

function withoutPartition({ value, options, size }: Outgoing): Outgoing {
  const { partition: _, ...others } = options
  return { value, options: others, size }
}
