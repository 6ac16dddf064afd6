/** `kafka-do produce` */

import type { SendOptions } from '../client/producer/send-options.ts'
import { encodeUtf8 } from '../core/bytes.ts'
import { readPointer } from '../http/json-pointer.ts'
import { inputFormats, type Outgoing, placeEntries, type Source } from './produce/input.ts'
import { ensureTopic, produceAll } from './produce/producing.ts'
import { sourceOf, textSource } from './produce/sources.ts'
import { readTime } from './records/place.ts'
import { compressionOption, rateOption } from './records/record-options.ts'
import {
  anyArguments,
  argument,
  defaultedOption,
  defineCommand,
  listOption,
  switchOption,
  valueOption,
} from './shell/command.ts'
import { UsageError } from './shell/command-error.ts'
import type { Io } from './shell/io.ts'
import { oneOf, pair, wholeNumber } from './shell/readers.ts'

export const produce = defineCommand({
  args: {
    topic: argument({ doc: 'topic to write to', completes: 'topic' }),
    files: anyArguments({
      doc: 'files to read; - or none for standard input',
      completes: 'file',
    }),
  },
  options: {
    format: defaultedOption({
      short: 'f',
      placeholder: inputFormats.join('|'),
      doc: 'lines: each line is a value. json: each line is a JSON value and is checked. records: each line is a record as printed by consume -o ndjson. file: each file is a value',
      choices: inputFormats,
      fallback: 'lines',
      read: oneOf(inputFormats),
    }),
    value: listOption({
      short: 'v',
      placeholder: 'text',
      doc: 'a value, instead of reading input; may be repeated',
    }),
    key: valueOption({ short: 'k', placeholder: 'text', doc: 'key of records without one' }),
    keySeparator: valueOption({
      placeholder: 'text',
      doc: 'with lines: separator between key and value, such as : or \\t',
      read: readSeparator,
    }),
    keyPointer: valueOption({
      placeholder: 'pointer',
      doc: 'with json: JSON pointer to the key in the value, such as /customer/id',
      read: readPointer,
    }),
    header: listOption({
      short: 'H',
      placeholder: 'name=value',
      doc: 'header of each record; may be repeated',
      read: pair('='),
    }),
    partition: valueOption({
      short: 'p',
      placeholder: 'number',
      doc: 'partition of records without one',
      byDefault: 'chosen by the key',
      read: wholeNumber({ max: 2 ** 31 - 1 }),
    }),
    timestamp: valueOption({
      placeholder: 'time',
      doc: 'timestamp of records without one: ISO 8601, or epoch milliseconds',
      byDefault: 'now',
      read: readTime,
    }),
    emptyIsNull: switchOption({ doc: 'with lines: an empty value is a tombstone' }),
    compression: compressionOption,
    acks: valueOption({
      placeholder: 'all|1|0',
      doc: 'when a record counts as stored',
      byDefault: 'all',
      choices: ['all', '1', '0'],
      read: readAcks,
    }),
    rate: rateOption,
    create: switchOption({ doc: 'create the topic if it does not exist' }),
  },
  more: `It stops when a record cannot be read or stored, and prints how many were stored. Ctrl-C stops
reading and waits for records in flight.`,
  examples: [
    "echo 'hello' | kafka-do produce greetings",
    'kafka-do produce orders -f json --key-pointer /orderId orders.ndjson',
    'kafka-do produce orders -v \'{"amount": 3}\' -k customer-7 -H source=cli',
    'kafka-do produce events --key-separator : --rate 100 < events.txt',
  ],
  async run(invocation) {
    const { args, flags, io, connect } = invocation
    const { topic } = args
    const { format, keySeparator, keyPointer, emptyIsNull, compression, acks } = flags
    checkTogether(flags, args.files)
    const client = await connect({ create: flags.create })
    await ensureTopic(client.admin, topic, flags.create ? {} : undefined)
    const plan = {
      topic,
      sources: sourcesOf(args.files, flags.value, io),
      input: {
        format,
        keySeparator,
        keyPointer,
        emptyIsNull,
        passedBy: placeEntries,
      },
      producer: { compression, acks },
      rate: flags.rate,
      complete: completing(flags),
    }
    await produceAll(client, plan, invocation)
  },
})

function readAcks(text: string): 'all' | 1 | 0 {
  const acks = oneOf(['all', '1', '0'])(text)
  return acks === 'all' ? acks : acks === '1' ? 1 : 0
}

function checkTogether(
  flags: {
    readonly format: string
    readonly value: readonly string[]
    readonly keySeparator: unknown
    readonly keyPointer: unknown
    readonly emptyIsNull: boolean
  },
  files: readonly string[],
): void {
  const { format, value, keySeparator, keyPointer, emptyIsNull } = flags
  if (value.length > 0 && files.length > 0)
    throw new UsageError('--value and files exclude each other')
  if (keySeparator !== undefined && format !== 'lines')
    throw new UsageError(`--key-separator is for --format lines, not ${format}`)
  if (keyPointer !== undefined && format !== 'json')
    throw new UsageError(`--key-pointer is for --format json, not ${format}`)
  if (emptyIsNull && format !== 'lines')
    throw new UsageError(`--empty-is-null is for --format lines, not ${format}`)
}

function sourcesOf(files: readonly string[], values: readonly string[], io: Io): Source[] {
  if (values.length > 0) return values.map((value, i) => textSource(`--value ${i + 1}`, value))
  return (files.length === 0 ? ['-'] : files).map((file) => sourceOf(file, io))
}

function completing({
  key,
  header,
  partition,
  timestamp,
}: {
  readonly key: string | undefined
  readonly header: readonly (readonly [string, string])[]
  readonly partition: number | undefined
  readonly timestamp: number | undefined
}): (record: Outgoing) => Outgoing {
  const keyBytes = key === undefined ? undefined : encodeUtf8(key)
  const hasDefaults =
    keyBytes !== undefined ||
    header.length > 0 ||
    partition !== undefined ||
    timestamp !== undefined
  if (!hasDefaults) return (record) => record
  return ({ value, options, size }) => {
    const headers = [
      ...((options.headers as Iterable<readonly [string, Uint8Array]>) ?? []),
      ...header,
    ]
    const completed: SendOptions<Uint8Array> = {
      ...(keyBytes !== undefined && { key: keyBytes }),
      ...(partition !== undefined && { partition }),
      ...(timestamp !== undefined && { timestamp }),
      ...options,
      ...(headers.length > 0 && { headers }),
    }
    return { value, options: completed, size }
  }
}

const separatorEscapes: { readonly [text: string]: string } = {
  '\\t': '\t',
  '\\n': '\n',
  '\\0': '\0',
}

function readSeparator(text: string): Uint8Array {
  if (text === '') throw new Error('it takes at least one character')
  return encodeUtf8(separatorEscapes[text] ?? text)
}
