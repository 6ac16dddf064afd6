/** Records out of JSON: `{"records":[…]}`, or one a line. Values are the bytes that stand there, with the place of what is wrong. */

import type { SendOptions } from '../../client/producer/send-options.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { closest } from '../../core/options.ts'
import { JsonScanner } from '../json-scanner.ts'
import { HttpError } from '../problem.ts'
import { fromBase64 } from './record-json.ts'

export interface WrittenRecord {
  readonly value: Uint8Array | null
  readonly options: SendOptions<Uint8Array>
}

const entries = [
  'key',
  'keyBase64',
  'value',
  'valueText',
  'valueBase64',
  'headers',
  'partition',
  'timestamp',
]

const none: ReadonlySet<string> = new Set()

/** The bits of `value`, `valueText` and `valueBase64`. */
const anyValue = 0b11100

function isOneOf(bits: number): boolean {
  return bits !== 0 && (bits & (bits - 1)) === 0
}

/** Throws `HttpError` 400 with line and column, or which record is wrong, and 413 for too many. */
export function readRecords(
  body: Uint8Array,
  limits: { maxJsonDepth: number; maxRecords: number },
): WrittenRecord[] {
  const scanner = new JsonScanner(body, limits.maxJsonDepth)
  let records: WrittenRecord[] | undefined
  const isObject = scanner.object((name) => {
    if (name !== 'records' || records)
      throw wrongRecord(undefined, `the body is {"records":[…]}; got '${name.slice(0, 100)}'`)
    const found: WrittenRecord[] = []
    const isArray = scanner.array((index) => {
      if (index >= limits.maxRecords) {
        throw new HttpError(
          413,
          `A request holds at most ${limits.maxRecords} records; NDJSON takes any number`,
          {
            code: 'MESSAGE_TOO_LARGE',
          },
        )
      }
      found.push(readRecord(scanner, index))
    })
    if (!isArray) throw wrongRecord(undefined, "'records' must be an array")
    records = found
  })
  if (!isObject) throw notAnObject(scanner, undefined, 'it must be an object, {"records":[…]}')
  scanner.expectEnd()
  if (!records || records.length === 0)
    throw wrongRecord(undefined, "'records' must hold one or more")
  return records
}

/** The record of one line. `passedBy`: entries that say nothing to who writes, as the topic in what was read. */
export function readLine(
  line: Uint8Array,
  index: number,
  maxJsonDepth: number,
  passedBy: ReadonlySet<string> = none,
): WrittenRecord {
  const scanner = new JsonScanner(line, maxJsonDepth)
  let record: WrittenRecord
  try {
    record = readRecord(scanner, index, passedBy)
    scanner.expectEnd()
  } catch (error) {
    if (error instanceof HttpError && error.more.line !== undefined) {
      const { column } = error.more
      throw new HttpError(400, error.message.replace(/line \d+/, `line ${index + 1}`), {
        code: error.code,
        more: { line: index + 1, column, index },
      })
    }
    throw error
  }
  return record
}

function readRecord(
  scanner: JsonScanner,
  index: number,
  passedBy: ReadonlySet<string> = none,
): WrittenRecord {
  let seen = 0
  let value: Uint8Array | null | undefined
  const options: { -readonly [K in keyof SendOptions<Uint8Array>]: SendOptions<Uint8Array>[K] } = {}
  const isObject = scanner.object((name) => {
    if (passedBy.has(name)) return scanner.skipValue()
    const bit = 1 << entries.indexOf(name)
    if ((seen & bit) !== 0) throw wrongRecord(index, `has '${name.slice(0, 100)}' twice`)
    seen |= bit
    switch (name) {
      case 'value':
        value = scanner.takeNull() ? null : scanner.raw()
        break
      case 'valueText':
        value = encodeUtf8(textOf(scanner, index, name))
        break
      case 'valueBase64':
        value = bytesOf(scanner, index, name)
        break
      case 'key':
        options.key = scanner.takeNull() ? null : encodeUtf8(textOf(scanner, index, name))
        break
      case 'keyBase64':
        options.key = bytesOf(scanner, index, name)
        break
      case 'headers':
        options.headers = headersOf(scanner, index)
        break
      case 'partition':
        options.partition = partitionOf(scanner, index)
        break
      case 'timestamp':
        options.timestamp = timestampOf(scanner, index)
        break
      default: {
        const near = closest(name, entries)
        const hint = near ? `Did you mean '${near}'?` : `Known: ${entries.join(', ')}`
        throw wrongRecord(index, `has no '${name.slice(0, 100)}'. ${hint}`)
      }
    }
  })
  if (!isObject) throw notAnObject(scanner, index, 'must be an object')
  const has = (name: string) => (seen & (1 << entries.indexOf(name))) !== 0
  if (!isOneOf(seen & anyValue)) {
    const given = entries.filter((name) => name.startsWith('value') && has(name))
    throw wrongRecord(
      index,
      `must have one of value, valueText and valueBase64; got ${given.length === 0 ? 'none' : given.join(' and ')}`,
    )
  }
  if (has('key') && has('keyBase64')) throw wrongRecord(index, 'has key and keyBase64; one must go')
  return { value: value!, options }
}

function headersOf(scanner: JsonScanner, index: number): [string, Uint8Array | string | null][] {
  const headers: [string, Uint8Array | string | null][] = []
  const isObject = scanner.object((name) => {
    wellFormed(name, index, 'headers')
    headers.push([name, scanner.takeNull() ? null : textOf(scanner, index, `headers/${name}`)])
  })
  if (isObject) return headers
  const isArray = scanner.array((at) => {
    let name: string | undefined
    let value: Uint8Array | string | null = null
    const isHeader = scanner.object((entry) => {
      if (entry === 'name') name = textOf(scanner, index, `headers/${at}/name`)
      else if (entry === 'value')
        value = scanner.takeNull() ? null : textOf(scanner, index, `headers/${at}/value`)
      else if (entry === 'valueBase64') value = bytesOf(scanner, index, `headers/${at}/valueBase64`)
      else
        throw wrongRecord(
          index,
          `has a header with '${entry.slice(0, 100)}'; it takes name, value and valueBase64`,
        )
    })
    if (!isHeader || name === undefined) throw wrongRecord(index, `needs a name in headers/${at}`)
    headers.push([name, value])
  })
  if (isArray) return headers
  throw wrongRecord(index, "needs an object or a list as 'headers'")
}

function textOf(scanner: JsonScanner, index: number, name: string): string {
  if (!scanner.isAtString) throw wrongRecord(index, `needs text as '${name.slice(0, 100)}'`)
  return wellFormed(scanner.string(), index, name)
}

/** Half of a pair of surrogates has no UTF-8: it would be stored as another character, and two keys as one. */
function wellFormed(text: string, index: number, name: string): string {
  if (!/\p{Surrogate}/u.test(text)) return text
  throw wrongRecord(index, `has half a surrogate pair in '${name.slice(0, 100)}', which is no text`)
}

function bytesOf(scanner: JsonScanner, index: number, name: string): Uint8Array {
  const bytes = fromBase64(textOf(scanner, index, name))
  if (bytes) return bytes
  throw wrongRecord(index, `needs base64 as '${name.slice(0, 100)}'`)
}

function partitionOf(scanner: JsonScanner, index: number): number {
  const value = Number(new TextDecoder().decode(scanner.raw()))
  if (Number.isInteger(value) && value >= 0 && value <= 2_147_483_647) return value
  throw wrongRecord(index, "needs a whole number of 0 or more as 'partition'")
}

function timestampOf(scanner: JsonScanner, index: number): number {
  const isText = scanner.isAtString
  const written = isText ? scanner.string() : new TextDecoder().decode(scanner.raw())
  const ms = readTimestamp(written, isText)
  if (ms !== undefined) return ms
  throw wrongRecord(index, "needs ISO 8601 or epoch milliseconds as 'timestamp'")
}

const isoShape = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/

/** Epoch milliseconds of a time as it is written; undefined: it is none. */
export function readTimestamp(written: string, mayBeIso: boolean): number | undefined {
  const ms = /^\d{1,16}$/.test(written)
    ? Number(written)
    : mayBeIso && isoShape.test(written)
      ? Date.parse(written)
      : Number.NaN
  return Number.isInteger(ms) && ms >= 0 && ms <= 8.64e15 ? ms : undefined
}

/** What is no JSON at all is told as that. */
function notAnObject(scanner: JsonScanner, index: number | undefined, what: string): HttpError {
  scanner.skipValue()
  return wrongRecord(index, what)
}

function wrongRecord(index: number | undefined, what: string): HttpError {
  const message =
    index === undefined ? `The body is not what it must be: ${what}` : `Record ${index} ${what}`
  return new HttpError(400, message, {
    code: 'INVALID_REQUEST',
    more: index === undefined ? {} : { index },
  })
}
