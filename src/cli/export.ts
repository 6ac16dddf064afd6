/** `kafka-do export` */

import { existsSync } from 'node:fs'
import { Offset } from '../client/consumer/offset.ts'
import { boundsOf, totalOf } from './consume/bounds.ts'
import { readAll } from './consume/reading.ts'
import { RecordPrinter } from './consume/record-printer.ts'
import { NewFile } from './records/new-file.ts'
import { readPlace } from './records/place.ts'
import { partitionsOption } from './records/record-options.ts'
import { exactJson } from './records/record-text.ts'
import {
  argument,
  defaultedOption,
  defineCommand,
  optionalArgument,
  switchOption,
  valueOption,
} from './shell/command.ts'
import { CommandError } from './shell/command-error.ts'
import { counted } from './shell/numbers.ts'

export const exportTopic = defineCommand({
  formats: [],
  args: {
    topic: argument({ doc: 'topic to read', completes: 'topic' }),
    file: optionalArgument({
      doc: 'file to write; compressed if its name ends in .gz; - or none for standard output',
      completes: 'file',
    }),
  },
  options: {
    from: defaultedOption({
      placeholder: 'place',
      doc: 'where to start, as with consume',
      fallback: 'earliest',
      read: readPlace,
    }),
    to: valueOption({
      placeholder: 'place',
      doc: 'where to stop',
      byDefault: 'the current end',
      read: readPlace,
    }),
    partition: partitionsOption,
    force: switchOption({ doc: 'overwrite an existing file' }),
  },
  more: `One record per line, in the format that kafka-do import and produce --format records read: keys, values, headers,
timestamps and partitions come back byte for byte. Only committed records are written. The file appears once it is
complete.`,
  examples: [
    'kafka-do export orders orders.ndjson.gz',
    'kafka-do export orders --from -1d | gzip > orders.ndjson.gz',
  ],
  async run({ args, flags, io, out, connect, progress: startProgress }) {
    const { topic } = args
    const path = args.file === '-' ? undefined : args.file
    if (path !== undefined && existsSync(path) && !flags.force)
      throw new CommandError(`the file ${path} already exists`, {
        code: 'EEXIST',
        hint: '--force overwrites it',
      })
    const client = await connect()
    const isolation = 'read_committed'
    const range = { from: flags.from, to: flags.to }
    const wanted = { partitions: flags.partition, range, follow: false, isolation } as const
    const bounds = await boundsOf(client.admin, topic, wanted, io.runtime)
    const file = path === undefined ? undefined : new NewFile(path, io.signal)
    const printer = new RecordPrinter({
      runtime: io.runtime,
      write: (chunk) => (file ?? out).write(chunk),
      print: (record) => `${exactJson(record)}\n`,
      framing: 'none',
    })
    const progress = startProgress(`export ${topic}`, path === undefined ? io.stdout : undefined)
    progress.total = { records: totalOf(bounds) ?? 0 }
    let count = 0
    try {
      await readAll(
        client,
        {
          ...{ topics: [topic], bounds, group: undefined, isolation, from: Offset.earliest },
          hasPartitions: false,
          limit: Number.MAX_SAFE_INTEGER,
          accept: () => true,
          seen: ({ value }) => {
            count++
            progress.records++
            progress.bytes += value?.length ?? 0
          },
          handle: (record) => printer.print(record),
        },
        io,
      )
      io.signal.throwIfAborted()
      await printer.end()
      await file?.finish()
    } catch (error) {
      await file?.abandon()
      throw error
    }
    progress.end()
    out.note(`Exported ${counted(count, 'record')} of ${topic}.`)
  },
})
