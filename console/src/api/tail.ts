/** Records as they come, line by line, over one answer that does not end. A cursor says where to go on after it broke. */
import type { Query } from './base.ts'
import { entriesOf } from './json-text.ts'
import { ApiError } from './problem.ts'
import { type ReadRecord, readRecord } from './records.ts'
import { ask } from './service.ts'

export interface Tail {
  readonly topic: string
  readonly query: Query
  /** Undefined: from the end. */
  readonly cursor: string | undefined
  readonly signal: AbortSignal
  readonly onRecords: (records: readonly ReadRecord[]) => void
  readonly onCursor: (cursor: string) => void
  readonly onOpen: () => void
}

/** Resolves when the service ends the answer. Rejects with `ApiError`, or as the signal does. */
export async function tail(options: Tail): Promise<void> {
  const { topic, query, cursor, signal } = options
  const response = await ask({
    path: ['topics', topic, 'records'],
    query: { ...query, from: cursor ?? 'latest' },
    accept: 'application/x-ndjson',
    what: `the live records of ${topic}`,
    needs: `read on topic '${topic}'`,
    signal,
  })
  options.onOpen()
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let begun = ''
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      if (signal.aborted) throw error
      throw new ApiError('The service does not answer', {})
    })
    if (done) return
    const lines = (begun + value).split('\n')
    begun = lines.pop()!
    take(lines, options)
  }
}

function take(lines: readonly string[], { onRecords, onCursor }: Tail): void {
  const records: ReadRecord[] = []
  let cursor: string | undefined
  for (const line of lines) {
    if (line === '') continue
    if (line.startsWith('{"cursor"')) cursor = JSON.parse(entriesOf(line).get('cursor')!) as string
    else if (line.startsWith('{"error"')) throw failed(line)
    else records.push(readRecord(line))
  }
  if (records.length > 0) onRecords(records)
  if (cursor !== undefined) onCursor(cursor)
}

function failed(line: string): ApiError {
  const { error } = JSON.parse(line) as {
    error: { status: number; code: string; detail: string; retriable: boolean }
  }
  return new ApiError(error.detail, error)
}
