/**
 * The records that a list shows: pages of what was asked for, and those that come while it is live. A live list that nobody
 * looks at the end of is left: it begins again where it was.
 */
import { useEffect, useReducer, useRef } from 'preact/hooks'
import type { Query } from '../api/base.ts'
import { apiKey } from '../api/key.ts'
import { ApiError } from '../api/problem.ts'
import { type ReadRecord, readPage } from '../api/records.ts'
import { ask, generation } from '../api/service.ts'
import { tail } from '../api/tail.ts'

export type Stage =
  /** Reads pages when they are wanted. */
  | 'pages'
  /** Shows records as they come. */
  | 'live'
  /** Would, but somebody looks at what is there. */
  | 'paused'

export interface RecordList {
  readonly records: readonly ReadRecord[]
  readonly stage: Stage
  readonly isLoading: boolean
  /** Pages: there is no more; live: all that there was is shown. */
  readonly isAtEnd: boolean
  /** Looked through without a record that fits, so often. */
  readonly emptyPages: number
  readonly error: ApiError | undefined
  readonly more: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly reload: () => void
}

export interface Wanted {
  readonly topic: string
  /** As the API takes it: from, to, partition, key, filter. */
  readonly query: Query
  readonly isLive: boolean
}

/** Of a list; the record that is opened is told with more. */
const valueBytesMax = 2048
const pageRecords = 1000
/** A live list drops its oldest beyond. */
const liveMax = 50_000
/** Pages in which nothing fits are read on by themselves, so often. */
const emptyPagesMax = 50
const retryMs = 1000

interface State {
  records: readonly ReadRecord[]
  stage: Stage
  isLoading: boolean
  isAtEnd: boolean
  emptyPages: number
  error: ApiError | undefined
}

const empty: Omit<State, 'stage'> = {
  records: [],
  isLoading: false,
  isAtEnd: false,
  emptyPages: 0,
  error: undefined,
}

export function useRecordList({ topic, query, isLive }: Wanted): RecordList {
  const state = useRef<State>({ ...empty, stage: isLive ? 'live' : 'pages' })
  const [round, redraw] = useReducer((before: number, _: undefined) => before + 1, 0)
  const cursor = useRef<string | undefined>(undefined)
  const work = useRef<AbortController | undefined>(undefined)
  const [reloads, reload] = useReducer((before: number, _: undefined) => before + 1, 0)
  const asked = JSON.stringify([topic, query, isLive, reloads, apiKey.value])
  const back = generation.value

  const change = (changes: Partial<State>) => {
    state.current = { ...state.current, ...changes }
    redraw(undefined)
  }

  const readMore = async (emptyPages = 0) => {
    const stop = work.current
    if (!stop || stop.signal.aborted) return
    change({ isLoading: true, error: undefined })
    try {
      const response = await ask({
        path: ['topics', topic, 'records'],
        query: {
          ...query,
          ...(cursor.current !== undefined && { from: cursor.current }),
          ...{ limit: pageRecords, maxValueBytes: valueBytesMax },
        },
        what: `records of ${topic}`,
        needs: `read on topic '${topic}'`,
        signal: stop.signal,
      })
      const page = readPage(await response.text())
      if (stop.signal.aborted) return
      cursor.current = page.cursor
      const isEmpty = page.records.length === 0 && !page.isAtEnd
      change({
        records: isEmpty
          ? state.current.records
          : [...state.current.records, ...byTime(page.records)],
        isAtEnd: page.isAtEnd,
        emptyPages: isEmpty ? emptyPages + 1 : 0,
        isLoading: isEmpty && emptyPages + 1 < emptyPagesMax,
      })
      if (isEmpty && emptyPages + 1 < emptyPagesMax) await readMore(emptyPages + 1)
    } catch (error) {
      if (stop.signal.aborted) return
      change({ isLoading: false, error: asApiError(error) })
    }
  }

  const follow = async () => {
    const stop = work.current
    if (!stop) return
    const { signal } = stop
    change({ stage: 'live' })
    while (!signal.aborted) {
      try {
        cursor.current ??= await cursorOfEnd(topic, query, signal)
        await tail({
          ...{ topic, signal, cursor: cursor.current },
          query: { ...withoutPlaces(query), maxValueBytes: valueBytesMax },
          onOpen: () => change({ error: undefined, isAtEnd: true }),
          onRecords: (records) =>
            change({ records: [...state.current.records, ...records].slice(-liveMax) }),
          onCursor: (at) => {
            cursor.current = at
          },
        })
      } catch (error) {
        if (signal.aborted) return
        const shown = asApiError(error)
        change({ error: shown })
        if (!shown.isGone && !shown.retriable) return
      }
      await pause(retryMs, signal)
    }
  }

  const begin = () => {
    work.current?.abort()
    work.current = new AbortController()
    return state.current.stage === 'live' ? follow() : readMore()
  }

  // `asked` says all that is wanted.
  useEffect(() => {
    cursor.current = undefined
    state.current = { ...empty, stage: isLive ? 'live' : 'pages' }
    void begin()
    return () => work.current?.abort()
  }, [asked])

  // The service is back: what failed is asked for again.
  useEffect(() => {
    if (state.current.error?.isGone && state.current.stage === 'pages') void readMore()
  }, [back])

  void round
  return {
    ...state.current,
    more: () => {
      const { stage, isLoading, isAtEnd, error } = state.current
      if (stage === 'pages' && !isLoading && !isAtEnd && !error) void readMore()
    },
    pause: () => {
      if (state.current.stage !== 'live') return
      work.current?.abort()
      change({ stage: 'paused' })
    },
    resume: () => {
      if (state.current.stage !== 'paused') return
      change({ stage: 'live' })
      void begin()
    },
    reload: () => reload(undefined),
  }
}

/** As they were written, over all partitions; within each their order stays. */
function byTime(records: readonly ReadRecord[]): ReadRecord[] {
  const partitions = [...Map.groupBy(records, ({ partition }) => partition).values()]
  if (partitions.length < 2) return [...records]
  const merged: ReadRecord[] = []
  const next = partitions.map(() => 0)
  while (merged.length < records.length) {
    let first: number | undefined
    partitions.forEach((one, i) => {
      const head = one[next[i]!]
      const before = first === undefined ? undefined : partitions[first]![next[first]!]
      if (head && (!before || head.timestamp < before.timestamp)) first = i
    })
    merged.push(partitions[first!]![next[first!]!++]!)
  }
  return merged
}

/** Where a live list begins: known before it is, so that what comes while a connection is lost is not missed. */
async function cursorOfEnd(topic: string, query: Query, signal: AbortSignal): Promise<string> {
  const response = await ask({
    path: ['topics', topic, 'records'],
    query: { partition: query.partition, from: 'latest', limit: 1, maxValueBytes: 0 },
    what: `the end of ${topic}`,
    needs: `read on topic '${topic}'`,
    signal,
  })
  return readPage(await response.text()).cursor
}

function withoutPlaces(query: Query): Query {
  const { from: _from, to: _to, ...rest } = query
  return rest
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError(error instanceof Error ? error.message : String(error), { status: 500 })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
