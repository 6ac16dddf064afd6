/** Configuration of a consumer. */
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import {
  boolean,
  duration,
  integer,
  invalid,
  type OptionTable,
  oneOf,
  resolveOptions,
  shaped,
  text,
} from '../../core/options.ts'
import { type ResolvedRetryOptions, type RetryOptions, retryOptions } from '../with-retry.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { isOffset, Offset } from './offset.ts'
import type { Ordering } from './record-workers.ts'

/**
 * How the members of a group share partitions: moving few of them (`cooperative-sticky`), in ranges of each topic, or
 * one after the other.
 */
export type AssignorName = 'cooperative-sticky' | 'range' | 'roundrobin'

/**
 * Options of `kafka.consumer` and `kafka.consume`. An unknown key or a wrong value is a `ConfigError` that names it.
 */
export interface ConsumerConfig {
  /** Consumers of one group share the partitions, and the group remembers how far it got. Without: this consumer reads every partition, and commits nothing. */
  group?: string | undefined
  /** Where to start when the group has no committed offset. Default `Offset.earliest`. */
  offset?: Offset | undefined
  /** Commit by itself what has been handled: when the handler resolved, or the loop asked for the next record. Default true. */
  autoCommit?: boolean | undefined
  /** How often. 10 ms or more; default 1 s. */
  autoCommitInterval?: Duration | undefined
  /** A member not heard of for so long is dead to the group. Default 30 s. */
  sessionTimeout?: Duration | undefined
  /** Default 3 s, or a third of `sessionTimeout` if that is less; more often just after a rebalance. Less than `sessionTimeout`. */
  heartbeatInterval?: Duration | undefined
  /** How long a rebalance waits for a record that is being handled. Default 60 s. */
  rebalanceTimeout?: Duration | undefined
  /** The broker answers a fetch when it has this much, bytes. Default 1. */
  fetchMinBytes?: number | undefined
  /** … or after so long. Default 500 ms. */
  fetchMaxWaitMs?: Duration | undefined
  /** Largest answer, and most that is fetched ahead, bytes. Default 16777216. */
  fetchMaxBytes?: number | undefined
  /** Largest part of an answer for one partition, bytes. Default 1048576. */
  partitionFetchMaxBytes?: number | undefined
  /**
   * Records that are handed out one after the other before the process's timers and I/O get their turn. 1 or more; default
   * 2048. Batches have `batchSize`.
   */
  maxPollRecords?: number | undefined
  /** `'read_committed'` (default) hides records of open and aborted transactions. */
  isolation?: 'read_committed' | 'read_uncommitted' | undefined
  /** How the group shares partitions. Default `'cooperative-sticky'`: a rebalance moves few partitions and stops nothing else. */
  assignor?: AssignorName | undefined
  /** A name of this member that survives restarts (KIP-345): within `sessionTimeout` it gets its partitions back without a rebalance. */
  groupInstanceId?: string | undefined
  /** Ends the consumer as `close()` does. */
  signal?: AbortSignal | undefined
  /** Records that `consume` and `forEach` handle at a time. 1 or more; default 1. */
  concurrency?: number | undefined
  /**
   * What stays in order when several are handled at a time: the records of a partition (default), those of a partition
   * with the same key (those without a key do not wait), or nothing. A commit never passes a record that is not done.
   */
  ordering?: Ordering | undefined
  /**
   * What happens when the handler of `consume` or `forEach` throws, or a record cannot be read: `'stop'` (default) ends the
   * consumer with the error; `'skip'` logs it and goes on. An object: first `retry`, with growing pauses, then what `otherwise` says, or
   * to the topic `deadLetter`, with where it came from and why in headers.
   */
  onError?: OnError | undefined
  /** These partitions are this consumer's now. */
  onAssigned?: ((partitions: readonly TopicPartition[]) => void) | undefined
  /** These are not any more; what was being handled of them is finished, unless they were `lost`. */
  onRevoked?: ((partitions: readonly TopicPartition[], isLost: boolean) => void) | undefined
}

/** What happens when a handler throws, or a record cannot be read. */
export type OnError =
  | 'stop'
  | 'skip'
  | {
      /** Attempts in all, and the delays between them; see `withRetry`. Default: one attempt. */
      retry?: Omit<RetryOptions, 'signal'> | undefined
      /** After the last attempt. Default `'stop'`. */
      otherwise?: 'stop' | 'skip' | undefined
      /** Topic for records that failed, as they were; they count as handled then. */
      deadLetter?: string | undefined
    }

export interface ResolvedOnError {
  /** Undefined: one attempt. */
  readonly retry: ResolvedRetryOptions | undefined
  readonly finally: 'stop' | 'skip' | 'deadLetter'
  readonly deadLetter: string | undefined
}

export interface ResolvedConsumerConfig {
  readonly group: string | undefined
  readonly offset: Offset
  readonly autoCommit: boolean
  readonly autoCommitInterval: number
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  readonly rebalanceTimeout: number
  readonly fetchMinBytes: number
  readonly fetchMaxWaitMs: number
  readonly fetchMaxBytes: number
  readonly partitionFetchMaxBytes: number
  readonly maxPollRecords: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly assignor: AssignorName
  readonly groupInstanceId: string | undefined
  readonly signal: AbortSignal | undefined
  readonly concurrency: number
  readonly ordering: Ordering
  readonly onError: ResolvedOnError
  readonly onAssigned: ((partitions: readonly TopicPartition[]) => void) | undefined
  readonly onRevoked: ((partitions: readonly TopicPartition[], isLost: boolean) => void) | undefined
}

const mebibyte = 1024 * 1024
const heartbeatMs = 3000

const stopsOnError: ResolvedOnError = { retry: undefined, finally: 'stop', deadLetter: undefined }

/** Every error of a handler is worth another attempt unless it says otherwise. */
function readRetry(value: unknown, key: string): ResolvedRetryOptions {
  const always = { ...retryOptions.retryIf, fallback: () => true }
  return resolveOptions<ResolvedRetryOptions>(key, { ...retryOptions, retryIf: always }, value)
}

function readOnError(value: unknown, key: string): ResolvedOnError {
  if (value === 'stop' || value === 'skip') return { ...stopsOnError, finally: value }
  if (typeof value !== 'object' || value === null) {
    throw invalid(
      `${key} must be 'stop', 'skip' or an object with retry, otherwise or deadLetter; got ${inspectBriefly(value)}`,
    )
  }
  const options = resolveOptions<{
    retry: ResolvedRetryOptions | undefined
    otherwise: 'stop' | 'skip' | undefined
    deadLetter: string | undefined
  }>(
    key,
    {
      retry: { fallback: undefined, read: readRetry },
      otherwise: oneOf(undefined, ['stop', 'skip']),
      deadLetter: text(undefined),
    },
    value,
  )
  const { retry, otherwise, deadLetter } = options
  if (deadLetter !== undefined && otherwise !== undefined) {
    throw invalid(`${key}: otherwise and deadLetter exclude each other`)
  }
  return {
    retry,
    deadLetter,
    finally: deadLetter === undefined ? (otherwise ?? 'stop') : 'deadLetter',
  }
}

function isListener(value: unknown): value is (partitions: readonly TopicPartition[]) => void {
  return typeof value === 'function'
}

function isSignal(value: unknown): value is AbortSignal {
  return value instanceof AbortSignal
}

/** Each option by itself; `checked` sees to what they have to do with each other. */
export const consumerOptions: OptionTable<ResolvedConsumerConfig> = {
  group: text(undefined),
  offset: shaped(
    Offset.earliest,
    'Offset.earliest, Offset.latest, Offset.timestamp(…) or Offset.at(…)',
    isOffset,
  ),
  autoCommit: boolean(true),
  autoCommitInterval: duration(1000, { min: 10 }),
  sessionTimeout: duration(30_000, { min: 10 }),
  // 0: not given.
  heartbeatInterval: duration(0, { min: 5 }),
  rebalanceTimeout: duration(60_000, { min: 10 }),
  fetchMinBytes: integer(1, { min: 0, max: 1024 * mebibyte }),
  fetchMaxWaitMs: duration(500),
  fetchMaxBytes: integer(16 * mebibyte, { min: 1024, max: 1024 * mebibyte }),
  partitionFetchMaxBytes: integer(mebibyte, { min: 1024, max: 1024 * mebibyte }),
  maxPollRecords: integer(2048, { min: 1, max: 1_000_000 }),
  isolation: oneOf('read_committed', ['read_committed', 'read_uncommitted']),
  assignor: oneOf('cooperative-sticky', ['cooperative-sticky', 'range', 'roundrobin']),
  groupInstanceId: text(undefined),
  signal: shaped(undefined, 'an AbortSignal', isSignal),
  concurrency: integer(1, { min: 1, max: 100_000 }),
  ordering: oneOf('partition', ['partition', 'key', 'none']),
  onError: { fallback: stopsOnError, read: readOnError },
  onAssigned: shaped(undefined, 'a function', isListener),
  onRevoked: shaped(undefined, 'a function', isListener),
}

/** Throws `ConfigError` naming the key. */
export function resolveConsumerConfig(input: ConsumerConfig | undefined): ResolvedConsumerConfig {
  return checked('ConsumerConfig', resolveOptions('ConsumerConfig', consumerOptions, input))
}

/** With the default that depends on another option. Throws `ConfigError` for options that contradict each other. */
export function checked(kind: string, given: ResolvedConsumerConfig): ResolvedConsumerConfig {
  const heartbeatInterval =
    given.heartbeatInterval || Math.min(heartbeatMs, Math.ceil(given.sessionTimeout / 3))
  const config = Object.freeze({ ...given, heartbeatInterval })
  if (config.heartbeatInterval >= config.sessionTimeout) {
    throw invalid(
      `${kind}.heartbeatInterval (${config.heartbeatInterval} ms) must be less than sessionTimeout (${config.sessionTimeout} ms)`,
    )
  }
  if (config.groupInstanceId !== undefined && config.group === undefined) {
    throw invalid(`${kind}.groupInstanceId needs a group`)
  }
  return config
}
