/**
 * Records as they come, until the reader leaves: server-sent events, or lines of JSON. The stream takes no more from the
 * cluster than its reader takes from it.
 */
import { encodeUtf8 } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import { problemOf } from '../problem.ts'
import { writeCursor } from './cursor.ts'
import { before, moved } from './ending-place.ts'
import type { ReadRecord } from './record-json.ts'
import type { RecordReader } from './record-reader.ts'

export interface LiveOptions {
  readonly reader: RecordReader
  readonly topicId: string
  readonly offsets: ReadonlyMap<number, bigint>
  /** Where it ends, by partition; undefined: nowhere. `wants` takes nothing from there on. */
  readonly ends: ReadonlyMap<number, bigint> | undefined
  readonly format: 'events' | 'lines'
  /** Ends after so many records; undefined: it does not. */
  readonly limit: number | undefined
  /** How long it stays when there is nothing more, milliseconds; undefined: for ever. */
  readonly waitMs: number | undefined
  /** How often it says that it is there, milliseconds. */
  readonly pingMs: number
  readonly maxRecords: number
  readonly maxBytes: number
  readonly json: (record: ReadRecord) => string
  readonly wants: ((record: ReadRecord) => boolean) | undefined
  readonly signal: AbortSignal
  readonly now: () => number
  /** Called once, at the end. */
  readonly onEnd: () => void
}

export async function* liveStream(options: LiveOptions): AsyncGenerator<Uint8Array> {
  const { reader, pingMs, signal, onEnd, format, ends } = options
  let { offsets, limit = Number.POSITIVE_INFINITY } = options
  let quietSince = options.now()
  try {
    // The first bytes tell a browser that it is connected.
    if (format === 'events') yield encodeUtf8('retry: 1000\n\n')
    while (limit > 0 && !signal.aborted) {
      const leftMs = quietLeft(options, quietSince)
      const open = ends ? before(offsets, ends) : offsets
      if (open.size === 0) return
      const result = await reader.read(open, {
        maxRecords: Math.min(limit, options.maxRecords),
        maxBytes: options.maxBytes,
        waitMs: Math.max(0, Math.min(pingMs, leftMs)),
        signal,
        wants: options.wants,
      })
      if (signal.aborted) return
      const next = moved(offsets, result.next, ends)
      const text =
        format === 'events'
          ? events(options, offsets, result.records)
          : lines(options, result.records, next)
      offsets = next
      limit -= result.records.length
      if (text !== '') {
        quietSince = options.now()
        yield encodeUtf8(text)
      } else if (result.isAtEnd) {
        if (quietLeft(options, quietSince) <= 0) return
        yield encodeUtf8(format === 'events' ? ': ping\n\n' : '\n')
      }
    }
  } catch (error) {
    if (signal.aborted) return
    // The status is sent already; whoever reads on learns why it ends.
    const problem = JSON.stringify(
      error instanceof KafkaError ? problemOf(error) : problemOf(undefined),
    )
    yield encodeUtf8(
      format === 'events' ? `event: error\ndata: ${problem}\n\n` : `{"error":${problem}}\n`,
    )
  } finally {
    reader.release()
    onEnd()
  }
}

function quietLeft({ waitMs, now }: LiveOptions, quietSince: number): number {
  return waitMs === undefined ? Number.POSITIVE_INFINITY : waitMs - (now() - quietSince)
}

/** Each with the cursor after it: a browser gives back the last one it has seen. */
function events(
  { topicId, json }: LiveOptions,
  from: ReadonlyMap<number, bigint>,
  records: readonly ReadRecord[],
): string {
  const at = new Map(from)
  let text = ''
  for (const record of records) {
    at.set(record.partition, record.offset + 1n)
    text += `id: ${writeCursor(topicId, at)}\ndata: ${json(record)}\n\n`
  }
  return text
}

/** The cursor comes after the records it covers, on a line of its own. */
function lines(
  { topicId, json }: LiveOptions,
  records: readonly ReadRecord[],
  next: ReadonlyMap<number, bigint>,
): string {
  if (records.length === 0) return ''
  const text = records.map((record) => `${json(record)}\n`).join('')
  return `${text}{"cursor":"${writeCursor(topicId, next)}"}\n`
}
