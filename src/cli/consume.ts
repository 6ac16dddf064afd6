/** `kafka-do consume` */

import type { Offset } from '../client/consumer/offset.ts'
import type { Runtime } from '../core/runtime.ts'
import { readFilter } from '../http/filter/filter.ts'
import { boundsOf, totalOf } from './consume/bounds.ts'
import { readAll } from './consume/reading.ts'
import { RecordPrinter } from './consume/record-printer.ts'
import { asOffset, type Place, type Range, readPlace, readRange } from './records/place.ts'
import { partitionsOption } from './records/record-options.ts'
import { readTemplate } from './records/template.ts'
import { defineCommand, restArgument, switchOption, valueOption } from './shell/command.ts'
import { UsageError } from './shell/command-error.ts'
import { wholeNumber } from './shell/readers.ts'

export const consume = defineCommand({
  args: { topics: restArgument({ doc: 'topics to read', completes: 'topic' }) },
  options: {
    from: valueOption({
      placeholder: 'place',
      doc: 'where to start: earliest, latest, -1h, 2026-01-31T12:00:00Z, @1000 (an offset), +5 or -5 (records from the beginning or the end); or a range: @-1h:end',
      byDefault:
        'earliest; with --follow latest. With --group, only for a group without commits; others continue from their offsets',
      read: readRange,
    }),
    to: valueOption({
      placeholder: 'place',
      doc: 'where to stop: the first record that is not read',
      byDefault: 'the current end',
      read: readPlace,
    }),
    partition: partitionsOption,
    follow: switchOption({ short: 'F', doc: 'continue with new records until Ctrl-C' }),
    limit: valueOption({
      short: 'n',
      placeholder: 'number',
      doc: 'stop after printing this many records',
      read: wholeNumber(),
    }),
    filter: valueOption({
      placeholder: 'expression',
      doc: 'print only matching records: value.amount > 100 && key != null',
      read: readFilter,
    }),
    group: valueOption({
      short: 'g',
      placeholder: 'name',
      doc: 'read as a member of this group and commit printed records',
      completes: 'group',
    }),
    format: valueOption({
      short: 'f',
      placeholder: 'template',
      doc: 'output format of each record, instead of -o: %t %p %o %k %v %h %T %d, \\n \\t',
      read: readTemplate,
    }),
    uncommitted: switchOption({ doc: 'include records of open and aborted transactions' }),
  },
  formats: ['value', 'table', 'json', 'ndjson', 'tsv'],
  more: `It stops at the end the topic had when it started, unless --follow is given. Values are printed as they are; on
a terminal, control characters and invalid UTF-8 are escaped. In JSON output, a JSON value appears as it was
written, other text as valueText, and invalid UTF-8 as valueBase64. TSV columns are topic, partition, offset, time
(epoch milliseconds), key, value, headers; \\N is null.

--format: %t topic, %p partition, %o offset, %k key, %v value, %h headers, %K %V bytes of key and value, %T time
in epoch milliseconds, %d time in ISO 8601, %% a percent sign; \\n \\t \\r \\\\ \\0 \\xNN.

--filter: key, value, text (the value as text), headers, topic, partition, offset, timestamp; value.items[0].id,
headers["content-type"]; == != < <= > >= in && || !; contains, startsWith, endsWith, like (with *), size, has,
lower, time("2026-01-31T12:00:00Z"). A missing field is null.`,
  examples: [
    'kafka-do consume orders --from -1h',
    'kafka-do consume orders --follow -o table',
    "kafka-do consume orders --from @-1h:end --filter 'value.amount > 100 && key != null' -o ndjson",
    "kafka-do consume orders -p 0 --from -5 --format '%p %o %k %v\\n'",
    'kafka-do consume orders --group audit --limit 10',
  ],
  async run(invocation) {
    const { args, flags, io, out, connect } = invocation
    const topics = [...new Set(args.topics)]
    const { follow, group, format } = flags
    const range = rangeOf(flags)
    if (format !== undefined && out.format !== 'value')
      throw new UsageError('--format and -o exclude each other')
    if (follow && out.format === 'json' && flags.limit === undefined)
      throw new UsageError('with --follow the array never ends: use -o ndjson')
    const isolation = flags.uncommitted ? 'read_uncommitted' : 'read_committed'
    const client = await connect()
    const wanted = { partitions: flags.partition, range, follow, isolation } as const
    const found = await Promise.all(
      topics.map((topic) => boundsOf(client.admin, topic, wanted, io.runtime)),
    )
    const bounds = found.flat()
    const printer = RecordPrinter.of(io, out, format)
    // On a terminal the records themselves are to be seen.
    const progress = invocation.progress(`consume ${topics.join(', ')}`, io.stdout)
    const total = totalOf(bounds)
    if (total !== undefined) progress.total = { records: total }
    await readAll(
      client,
      {
        ...{ topics, bounds, group, isolation },
        from: beginningOf(range, group, io.runtime),
        hasPartitions: flags.partition.length > 0,
        limit: flags.limit ?? Number.MAX_SAFE_INTEGER,
        accept: flags.filter ?? (() => true),
        seen: ({ value }) => {
          progress.records++
          progress.bytes += value?.length ?? 0
        },
        handle: (record) => {
          const printed = printer.print(record)
          // What is committed was handed to whoever reads.
          return group === undefined ? printed : printer.flush()
        },
      },
      io,
    )
    progress.end()
    if (!io.signal.aborted) await printer.end()
  },
})

function rangeOf(flags: {
  readonly from: Range | undefined
  readonly to: Place | undefined
  readonly follow: boolean
}): Range {
  const { from, to, follow } = flags
  if (from?.to !== undefined && to !== undefined)
    throw new UsageError('--from already has an end, so leave out --to')
  const ends = [from?.from, from?.to ?? to]
  const [first, last] = ends.map((one) => (one?.kind === 'at' ? one.offset : undefined))
  if (first !== undefined && last !== undefined && last < first)
    throw new UsageError(`the end, @${last}, is before the beginning, @${first}`)
  const start: Place = from?.from ?? { kind: follow ? 'latest' : 'earliest' }
  return { from: start, to: from?.to ?? to }
}

/** Where what is not told by offsets begins: a group that has committed nothing, and partitions that are yet to come. */
function beginningOf(
  range: Range,
  group: string | undefined,
  runtime: Runtime,
): Offset | undefined {
  const offset = asOffset(range.from, runtime)
  if (offset === undefined && group !== undefined)
    throw new UsageError('with --group, --from cannot be a number of records')
  return offset
}
