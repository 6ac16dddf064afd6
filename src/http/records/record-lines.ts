/**
 * Records of any number, one a line (NDJSON), stored as they come: what is read ahead of what is stored is bounded, so a slow
 * cluster slows the sender down.
 */
import { BatchError, type RecordMetadata } from '../../client/producer/delivery.ts'
import { Message } from '../../client/producer/send-options.ts'
import { concatBytes } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import type { BytesProducer } from '../callers.ts'
import { checkUtf8 } from '../json-scanner.ts'
import { HttpError, problemOf, statusOf } from '../problem.ts'
import { readLine } from './written-records.ts'

/** So many records, or bytes, are sent together. */
const groupRecords = 1000
const groupBytes = 1_048_576
/** Groups that are being stored while the next is read. */
const groupsAtATime = 4
/** No more errors are told of. */
const errorsMax = 100
const newline = 10

export interface LinesOutcome {
  readonly status: number
  readonly body: object
}

export interface LineLimits {
  readonly maxJsonDepth: number
  readonly maxLineBytes: number
}

/** Stops at the first line that is no record, or at the end of a body that is cut off; what came before is stored. */
export async function storeLines(
  producer: BytesProducer,
  chunks: AsyncIterable<Uint8Array>,
  limits: LineLimits,
): Promise<LinesOutcome> {
  const tally = new Tally()
  let group: Message<Uint8Array, Uint8Array>[] = []
  let bytes = 0
  let index = 0
  const underWay = new Set<Promise<void>>()
  const flush = async () => {
    if (group.length === 0) return
    const messages = group
    const first = index - messages.length
    group = []
    bytes = 0
    const sent = producer
      .sendBatch(messages)
      .then(
        (results) => tally.add(results, first),
        (error: unknown) => {
          if (error instanceof BatchError) tally.add(error.results, first)
          else tally.fail(messages.length, first, error)
        },
      )
      .finally(() => underWay.delete(sent))
    underWay.add(sent)
    if (underWay.size >= groupsAtATime) await Promise.race(underWay)
  }
  let stopped: unknown
  try {
    for await (const line of linesOf(chunks, limits.maxLineBytes)) {
      checkUtf8(line)
      const { value, options } = readLine(line, index, limits.maxJsonDepth)
      group.push(new Message(value, options))
      index++
      bytes += line.length
      if (group.length >= groupRecords || bytes >= groupBytes) await flush()
    }
  } catch (error) {
    stopped = error
  }
  await flush()
  await Promise.all(underWay)
  return tally.outcome(stopped, index)
}

/** Without line ends; empty lines are passed by. */
async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = []
  let begunBytes = 0
  for await (const chunk of chunks) {
    let at = 0
    for (;;) {
      const end = chunk.indexOf(newline, at)
      if (end < 0) break
      const rest = chunk.subarray(at, end)
      at = end + 1
      const line = begun.length === 0 ? rest : concatBytes([...begun, rest])
      begun = []
      begunBytes = 0
      if (!isBlank(line)) yield line
    }
    if (at < chunk.length) {
      // Chunks are the platform's, which may use them again.
      begun.push(chunk.slice(at))
      begunBytes += chunk.length - at
    }
    if (begunBytes > maxBytes) {
      throw new HttpError(413, `A line is longer than ${maxBytes} bytes`, {
        code: 'MESSAGE_TOO_LARGE',
      })
    }
  }
  const last = begun.length > 0 ? concatBytes(begun) : undefined
  if (last && !isBlank(last)) yield last
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13)
}

/** What became of the lines; of those that were stored, where they lie. */
class Tally {
  readonly #partitions = new Map<number, { count: number; first: bigint; last: bigint }>()
  readonly #errors: object[] = []
  #stored = 0
  #failed = 0
  /** The first that may be stored all the same: it matters most where nothing is known to be. */
  #worst: KafkaError | undefined
  #firstError: unknown

  add(results: readonly (RecordMetadata | KafkaError)[], first: number): void {
    for (const [i, result] of results.entries()) {
      if (result instanceof KafkaError) {
        this.fail(1, first + i, result)
        continue
      }
      this.#stored++
      const { partition, offset } = result
      const known = this.#partitions.get(partition)
      if (!known) this.#partitions.set(partition, { count: 1, first: offset, last: offset })
      else {
        known.count++
        if (offset < known.first) known.first = offset
        if (offset > known.last) known.last = offset
      }
    }
  }

  fail(count: number, index: number, error: unknown): void {
    this.#failed += count
    this.#firstError ??= error
    if (error instanceof KafkaError && error.outcome === 'unknown') this.#worst ??= error
    if (this.#errors.length < errorsMax) this.#errors.push({ index, error: problemOf(error) })
  }

  /** `stopped`: why no more lines were read; they were `lines`. */
  outcome(stopped: unknown, lines: number): LinesOutcome {
    if (lines === 0) {
      throw (
        stopped ??
        new HttpError(400, 'The body holds no record; it takes one a line', {
          code: 'INVALID_REQUEST',
        })
      )
    }
    if (this.#stored === 0) throw this.#worst ?? this.#firstError ?? stopped
    const isWhole = stopped === undefined && this.#failed === 0
    return {
      status: isWhole ? 200 : 207,
      body: {
        stored: this.#stored,
        failed: this.#failed,
        partitions: [...this.#partitions]
          .sort(([a], [b]) => a - b)
          .map(([partition, { count, first, last }]) => ({ partition, count, first, last })),
        ...(this.#errors.length > 0 && { errors: this.#errors }),
        ...(stopped !== undefined && {
          stopped: { index: lines, status: statusOf(stopped), error: problemOf(stopped) },
        }),
      },
    }
  }
}
