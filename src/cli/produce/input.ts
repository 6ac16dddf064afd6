/** What is read for `produce`, as records. */
import type { SendOptions } from '../../client/producer/send-options.ts'
import { concatBytes, encodeUtf8 } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import { asText, jsonDepthMax, valueAt } from '../../http/json-pointer.ts'
import { checkUtf8, JsonScanner } from '../../http/json-scanner.ts'
import { readLine } from '../../http/records/written-records.ts'
import { isBlank, linesOf } from '../records/lines.ts'
import { CommandError } from '../shell/command-error.ts'

export const inputFormats = ['lines', 'json', 'records', 'file'] as const
export type InputFormat = (typeof inputFormats)[number]

export interface Outgoing {
  readonly value: Uint8Array | null
  readonly options: SendOptions<Uint8Array>
  /** What it takes of the input, for progress. */
  readonly size: number
}

export interface InputOptions {
  readonly format: InputFormat
  /** Of `lines`: before it is the key. */
  readonly keySeparator: Uint8Array | undefined
  /** Of `json`: where in the value the key stands. */
  readonly keyPointer: readonly string[] | undefined
  /** Of `lines`: an empty value is a tombstone. */
  readonly emptyIsNull: boolean
  /** Of `records`: which of its entries say nothing. */
  readonly passedBy: ReadonlySet<string>
}

/** What `consume` and `export` tell of a record that is its place of before. */
export const placeEntries: ReadonlySet<string> = new Set(['topic', 'offset', 'deliveries'])

export interface Source {
  /** For errors: `standard input`, or the name of the file. */
  readonly name: string
  /** Line ends in it are part of the one line that it is. */
  readonly isOneLine?: boolean
  /** It is standard input. */
  readonly isInput?: boolean
  readonly open: () => AsyncIterable<Uint8Array>
}

/** Records in groups: those of one piece of the input. Throws `CommandError` with the number of the line that is wrong. */
export async function* recordsOf(
  source: Source,
  options: InputOptions,
): AsyncGenerator<readonly Outgoing[]> {
  if (options.format === 'file') {
    const chunks: Uint8Array[] = []
    for await (const chunk of source.open()) chunks.push(chunk)
    const value = chunks.length === 0 ? new Uint8Array(0) : concatBytes(chunks)
    yield [{ value, options: {}, size: value.length }]
    return
  }
  let number = 0
  const groups = source.isOneLine ? wholeLine(source) : linesOf(source.open())
  for await (const lines of groups) {
    const records: Outgoing[] = []
    try {
      for (const line of lines) {
        number++
        if (options.format !== 'lines' && isBlank(line)) continue
        records.push({ ...recordOf(line, number, options), size: line.length + 1 })
      }
    } catch (error) {
      // What came before is fine.
      yield records
      if (!(error instanceof KafkaError || error instanceof CommandError)) throw error
      throw new CommandError(`${source.name}, line ${number}: ${told(error.message)}`, {
        code: 'INVALID_INPUT',
        cause: error,
      })
    }
    yield records
  }
}

async function* wholeLine({ open }: Source): AsyncGenerator<Uint8Array[]> {
  for await (const chunk of open()) yield [chunk]
}

/** Without the place that a scanner of one line gives: its line is always the first. */
function told(message: string): string {
  return message
    .replace(
      /^The JSON is broken at line \d+, column (\d+): /,
      'the JSON is invalid at column $1: ',
    )
    .replace(/^Record \d+ /, 'the record ')
}

function recordOf(
  line: Uint8Array,
  number: number,
  { format, keySeparator, keyPointer, emptyIsNull, passedBy }: InputOptions,
): Omit<Outgoing, 'size'> {
  if (format === 'records') {
    checkUtf8(line)
    return readLine(line, number - 1, jsonDepthMax, passedBy)
  }
  if (format === 'json') return jsonRecord(line, keyPointer)
  const [key, value] = keySeparator === undefined ? [undefined, line] : cut(line, keySeparator)
  return {
    value: emptyIsNull && value.length === 0 ? null : value,
    options: key === undefined ? {} : { key },
  }
}

function jsonRecord(
  line: Uint8Array,
  keyPointer: readonly string[] | undefined,
): Omit<Outgoing, 'size'> {
  checkUtf8(line)
  if (keyPointer === undefined) {
    new JsonScanner(line, jsonDepthMax).checkWhole()
    return { value: line, options: {} }
  }
  const found = valueAt(line, keyPointer)
  if (found === undefined) throw new CommandError(`there is no key at /${keyPointer.join('/')}`)
  const key = asText(found)
  return { value: line, options: key === null ? {} : { key: encodeUtf8(key) } }
}

function cut(line: Uint8Array, separator: Uint8Array): [Uint8Array, Uint8Array] {
  const at = Buffer.from(line.buffer, line.byteOffset, line.byteLength).indexOf(separator)
  if (at < 0)
    throw new CommandError(
      `there is no '${Buffer.from(separator).toString('utf8')}' between a key and a value`,
    )
  return [line.subarray(0, at), line.subarray(at + separator.length)]
}
