/** Which records of a topic are wanted: a key, a filter, and an end. */
import { encodeUtf8, equalBytes } from '../../core/bytes.ts'
import { readFilter } from '../filter/filter.ts'
import type { FilteredRecord } from '../filter/filtered-record.ts'
import { FilterError } from '../filter/tokens.ts'
import { HttpError } from '../problem.ts'
import type { ReadRecord } from './record-json.ts'

export interface ChoiceOptions {
  readonly key: string | undefined
  /** An expression: `value.amount > 99 && key.startsWith("a")`. */
  readonly filter: string | undefined
  /** By partition: only offsets before. Undefined: there is no end. */
  readonly ends: ReadonlyMap<number, bigint> | undefined
}

export type Wants = (record: ReadRecord) => boolean

/** Longer expressions are refused, characters. */
const filterMax = 4000

/** Undefined: all are wanted. Throws `HttpError` 400 for a filter that is none. */
export function recordChoice({ key, filter, ends }: ChoiceOptions): Wants | undefined {
  const tests: Wants[] = []
  if (ends) tests.push(({ partition, offset }) => offset < (ends.get(partition) ?? 0n))
  if (key !== undefined) {
    const wanted = encodeUtf8(key)
    tests.push((record) => record.key !== null && equalBytes(record.key, wanted))
  }
  if (filter !== undefined && filter.trim() !== '') {
    const fits = filterOf(filter)
    tests.push((record) => fits(new ShownToFilter(record)))
  }
  if (tests.length === 0) return undefined
  return (record) => tests.every((test) => test(record))
}

function filterOf(source: string): (record: FilteredRecord) => boolean {
  try {
    if (source.length <= filterMax) return readFilter(source)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    throw wrongFilter(error.message, error)
  }
  throw wrongFilter(`it is longer than ${filterMax} characters`, undefined)
}

function wrongFilter(what: string, cause: unknown): HttpError {
  return new HttpError(400, `The parameter 'filter' is no expression: ${what}`, {
    code: 'INVALID_REQUEST',
    cause,
    more: { parameter: 'filter' },
  })
}

/** Headers are made text only where a filter asks for them. */
class ShownToFilter implements FilteredRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly #headers: ReadRecord['headers']

  constructor({ topic, partition, offset, timestampMs, key, value, headers }: ReadRecord) {
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.timestampMs = timestampMs
    this.key = key
    this.value = value
    this.#headers = headers
  }

  get headers(): FilteredRecord['headers'] {
    return Object.fromEntries(
      this.#headers.map(([name, value]) => [name, value && Buffer.from(value).toString('utf8')]),
    )
  }
}
