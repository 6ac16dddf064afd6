/**
 * Where telemetry looks on: around each send, and around the handling of records. `kafka-do/opentelemetry` has one that
 * speaks OpenTelemetry. Nothing is done for it where there is none.
 */
import type { ConsumerRecord } from './consumer/record.ts'
import type { RecordMetadata } from './producer/delivery.ts'

/**
 * What the client calls around sends and handlers, for traces and durations: see `kafka-do/opentelemetry`. An error that
 * `send` or `process` throws is that of the send or the handler.
 */
export interface Telemetry {
  /**
   * Whether telemetry is active; called for each send and handler. While it returns false nothing else is called, and
   * there is no overhead. Default: active.
   */
  isActive?(): boolean
  /** Calls `run` once, with headers to add to each record, and returns its result. */
  send(
    about: SendTrace,
    run: (headers: TraceHeaders) => Promise<RecordMetadata[]>,
  ): Promise<RecordMetadata[]>
  /** Calls `run` once and returns its result: a handler of one record, or of a batch. */
  process<T>(about: ProcessTrace, run: () => Promise<T>): Promise<T>
  /**
   * Calls `run` once: a commit of a stream application's process, of all its tasks that have something to commit. An error
   * that `run` throws is that of the commit, which may be tried again.
   */
  commit?(about: CommitTrace, run: () => Promise<void>): Promise<void>
  /**
   * Told of each answer of a broker that brought records of a topic. They are fetched ahead of their handling. An error
   * that it throws is logged.
   */
  polled?(about: PollTrace): void
}

/** Headers that carry a trace from the sender to the handler. */
export type TraceHeaders = readonly (readonly [name: string, value: string])[]

/** A send of one record, or of a batch. */
export interface SendTrace {
  readonly topic: string
  readonly clientId: string
  /** Records. */
  readonly count: number
  /** Of a send of one record. */
  readonly key?: unknown
}

/** What telemetry gets about the handling of records. */
export interface ProcessTrace {
  /** One; those of a batch. */
  readonly records: readonly ConsumerRecord[]
  readonly isBatch: boolean
  readonly clientId: string
  readonly group: string | undefined
}

/** A commit of a stream application. */
export interface CommitTrace {
  readonly application: string
  readonly clientId: string
  /** Undefined at least once. */
  readonly transactionalId: string | undefined
  /** Their ids, such as `0_3`. */
  readonly tasks: readonly string[]
  /** Records that were processed, timers that ran counted too. */
  readonly count: number
}

/** Records of one topic that a consumer was sent in one answer. */
export interface PollTrace {
  readonly topic: string
  readonly clientId: string
  readonly group: string | undefined
  /** Records, also those that it may not hand out (of aborted transactions). */
  readonly count: number
  /** When the broker was asked, epoch milliseconds. */
  readonly startedAt: number
  /** Until the answer, milliseconds; the broker waits for records up to `fetchMaxWait`. */
  readonly durationMs: number
}

/** What of a client's config it needs. */
interface WatchedClient {
  readonly telemetry: Telemetry | undefined
  readonly clientId: string
}

/** `handle`, with the client's telemetry around it. */
export function watched<Item>(
  { telemetry, clientId }: WatchedClient,
  group: string | undefined,
  handle: (item: Item) => unknown,
): (item: Item) => unknown {
  if (!telemetry) return handle
  return (item) => {
    if (!isActive(telemetry)) return handle(item)
    const isBatch = Array.isArray(item)
    const records = (isBatch ? item : [item]) as readonly ConsumerRecord[]
    return telemetry.process({ records, isBatch, clientId, group }, async () => handle(item))
  }
}

/** Whether there is telemetry, and someone who looks on. */
export function isActive(telemetry: Telemetry | undefined): telemetry is Telemetry {
  return telemetry !== undefined && (telemetry.isActive?.() ?? true)
}

export function isTelemetry(value: unknown): value is Telemetry {
  const { send, process } = (value ?? {}) as Partial<Telemetry>
  return typeof send === 'function' && typeof process === 'function'
}
