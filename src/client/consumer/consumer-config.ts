/** Configuration of a consumer. */
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import {
  boolean,
  bytes,
  callback,
  duration,
  integer,
  invalid,
  type NameOf,
  nested,
  type Option,
  type OptionsOf,
  type OptionTable,
  oneOf,
  resolveOptions,
  shaped,
  signal,
  text,
} from '../../core/options.ts'
import { type ResolvedRetryOptions, type RetryOptions, retryOptions } from '../with-retry.ts'
import { type Assignor, isAssignor, type TopicPartition } from './assignors/assignor.ts'
import { assignors } from './assignors/assignors.ts'
import { isOffset, Offset } from './offset.ts'
import { type PartitionToRead, partitionsOption } from './partitions-option.ts'
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
  /**
   * Consumers with the same group share the partitions, and the group remembers its position.
   * Without a group, this consumer reads every partition and commits nothing.
   */
  group?: string | undefined
  /** Where to start if the group has no committed offset. Default: `Offset.earliest`. */
  offset?: Offset | undefined
  /**
   * Whether handled records are committed automatically: those whose handler has resolved, or after
   * which the loop has asked for the next record. Default true.
   */
  autoCommit?: boolean | undefined
  /** Interval of automatic commits. 10 ms or more; default 1 s. */
  autoCommitInterval?: Duration | undefined
  /**
   * The group removes a member that sends no heartbeat for this long. 10 ms or more; default 30 s.
   */
  sessionTimeout?: Duration | undefined
  /**
   * Interval of heartbeats; more often just after a rebalance. Less than `sessionTimeout`. 5 ms or
   * more; default: 3 s, or a third of `sessionTimeout` if that is less.
   */
  heartbeatInterval?: Duration | undefined
  /** How long a rebalance waits for a record in progress. 10 ms or more; default 1 min. */
  rebalanceTimeout?: Duration | undefined
  /**
   * The broker answers a fetch when it has this many bytes, or after `fetchMaxWait`. 0 to 1 GiB;
   * default 1 byte.
   */
  fetchMinBytes?: number | undefined
  /** Longest time the broker waits for `fetchMinBytes`. Default 500 ms. */
  fetchMaxWait?: Duration | undefined
  /**
   * Largest fetch response, and most data that is fetched ahead, bytes. 1 KiB to 1 GiB; default 16
   * MiB.
   */
  fetchMaxBytes?: number | undefined
  /** Largest part of a response for one partition, bytes. 1 KiB to 1 GiB; default 1 MiB. */
  maxPartitionFetchBytes?: number | undefined
  /**
   * Records delivered one after another before the process's timers and I/O get a turn. For
   * batches, use `batchSize`. 1 to 1,000,000; default 2048.
   */
  maxPollRecords?: number | undefined
  /**
   * `'read_committed'` hides records of open and aborted transactions. Default `'read_committed'`.
   */
  isolation?: 'read_committed' | 'read_uncommitted' | undefined
  /**
   * How the group shares partitions. With `'cooperative-sticky'` a rebalance moves few partitions
   * and does not interrupt the others. An object is your own assignor. Default:
   * `'cooperative-sticky'`.
   */
  assignor?: AssignorName | Assignor | undefined
  /**
   * A member name that survives restarts (KIP-345): a member that restarts within `sessionTimeout`
   * gets its partitions back without a rebalance.
   */
  groupInstanceId?: string | undefined
  /**
   * Reads these partitions and no others, at least one of each topic. With a `group`, the consumer
   * starts from the group's offsets and commits to them without being a member; the group must have
   * no members. Default: all partitions, or those assigned by the group.
   */
  partitions?: readonly PartitionToRead[] | undefined
  /** Stops the consumer, like `close()`. */
  signal?: AbortSignal | undefined
  /** Number of records `consume` and `forEach` handle at a time. 1 to 100,000; default 1. */
  concurrency?: number | undefined
  /**
   * The order kept when several records are handled at a time: that of a partition, that of records
   * with the same key in a partition (records without a key do not wait), or none. A commit never
   * passes a record that is not done. Default `'partition'`.
   */
  ordering?: Ordering | undefined
  /**
   * What to do when the handler of `consume` or `forEach` throws, or a record cannot be
   * deserialised. `'stop'` ends the consumer with the error; `'skip'` logs it and continues. With
   * an object: first `retry`, with growing delays, then `otherwise`, or copy the record to the
   * topic `deadLetter`, with its origin and the error in headers. Default: `'stop'`.
   */
  onError?: OnError | undefined
  /**
   * Called when these partitions have been assigned and their start offsets are known. If it
   * returns a promise, their first records are delivered after it resolves.
   */
  onAssigned?: PartitionsHook | undefined
  /**
   * Called before these partitions are given up, after their records in progress are finished. If
   * it returns a promise, they are given up after it resolves; until then commits still work.
   */
  onRevoked?: PartitionsHook | undefined
  /**
   * Called when these partitions have gone to other members because this one sent no heartbeat in
   * time: nothing more can be committed for them.
   */
  onLost?: PartitionsHook | undefined
  /**
   * How long `onAssigned`, `onRevoked` and `onLost` may take. A hook that takes longer, throws or
   * rejects ends the consumer with that error. 1 ms or more; default 30 s.
   */
  hookTimeout?: Duration | undefined
  /**
   * How long a consumer waits for an unavailable broker. After this long with only temporary
   * failures, it ends with a `TimeoutError`. Default: never.
   */
  giveUpAfter?: Duration | undefined
  /**
   * How long `close()` waits for records in progress. A record that takes longer is delivered
   * again. Default 1 s.
   */
  closeHandlerTimeout?: Duration | undefined
  /**
   * How long `close()` then takes at most to commit and leave the group, whatever the broker does;
   * a running hook has its `hookTimeout`. Records not committed in time are delivered again. 1 ms
   * or more; default 5 s.
   */
  closeTimeout?: Duration | undefined
}

/** A callback for partitions, which is awaited. */
export type PartitionsHook = (partitions: readonly TopicPartition[]) => unknown

/** What happens when a handler throws, or a record cannot be read. */
export type OnError =
  | 'stop'
  | 'skip'
  | {
      /** Number of attempts, and the delays between them; see `withRetry`. Default: one attempt. */
      retry?: Omit<RetryOptions, 'signal'> | undefined
      /** What happens after the last attempt. Default: `'stop'`. */
      otherwise?: 'stop' | 'skip' | undefined
      /** Topic that failed records are copied to, unchanged; they then count as handled. */
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
  readonly fetchMaxWait: number
  readonly fetchMaxBytes: number
  readonly maxPartitionFetchBytes: number
  readonly maxPollRecords: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly assignor: Assignor
  readonly groupInstanceId: string | undefined
  readonly partitions: readonly PartitionToRead[] | undefined
  readonly signal: AbortSignal | undefined
  readonly concurrency: number
  readonly ordering: Ordering
  readonly onError: ResolvedOnError
  readonly onAssigned: PartitionsHook | undefined
  readonly onRevoked: PartitionsHook | undefined
  readonly onLost: PartitionsHook | undefined
  readonly hookTimeout: number
  readonly giveUpAfter: number | undefined
  readonly closeHandlerTimeout: number
  readonly closeTimeout: number
}

const mebibyte = 1024 * 1024
const heartbeatMs = 3000

const stopsOnError: ResolvedOnError = { retry: undefined, finally: 'stop', deadLetter: undefined }

type OnErrorObject = Exclude<OnError, string>

const onErrorOptions: OptionTable<{
  retry: ResolvedRetryOptions | undefined
  otherwise: 'stop' | 'skip' | undefined
  deadLetter: string | undefined
}> = {
  retry: nested(
    undefined,
    {
      ...retryOptions,
      // Every error of a handler is worth another attempt unless it says otherwise.
      retryIf: {
        ...retryOptions.retryIf,
        fallback: () => true,
      },
    },
    (retry) => retry,
  ),
  otherwise: oneOf(undefined, ['stop', 'skip']),
  deadLetter: text(undefined),
} satisfies OptionsOf<OnErrorObject>

const onErrorObject = nested(undefined, onErrorOptions, checkOnError)

const onError: Option<ResolvedOnError> = {
  type: { ...onErrorObject.type, words: ['stop', 'skip'] },
  fallback: stopsOnError,
  read(value, key) {
    if (value === 'stop' || value === 'skip') return { ...stopsOnError, finally: value }
    if (typeof value !== 'object' || value === null) {
      throw invalid(
        `${key} must be 'stop', 'skip' or an object with retry, otherwise or deadLetter; got ${inspectBriefly(value)}`,
      )
    }
    return onErrorObject.read(value, key) ?? stopsOnError
  },
}

function checkOnError(
  {
    retry,
    otherwise,
    deadLetter,
  }: {
    retry: ResolvedRetryOptions | undefined
    otherwise: 'stop' | 'skip' | undefined
    deadLetter: string | undefined
  },
  nameOf: NameOf,
): ResolvedOnError {
  if (deadLetter !== undefined && otherwise !== undefined) {
    throw invalid(`${nameOf('otherwise')} and ${nameOf('deadLetter')} exclude each other`)
  }
  return {
    retry,
    deadLetter,
    finally: deadLetter === undefined ? (otherwise ?? 'stop') : 'deadLetter',
  }
}

const assignorNames = ['cooperative-sticky', 'range', 'roundrobin'] as const
const byName = oneOf(undefined, assignorNames)

const assignor: Option<Assignor> = {
  kafka: 'partition.assignment.strategy',
  type: { kind: 'object', expected: `${spelled(assignorNames)} or an Assignor` },
  fallback: assignors['cooperative-sticky'],
  read(value, key) {
    if (isAssignor(value)) return value
    if (typeof value !== 'object' || value === null) return assignors[byName.read(value, key)!]
    throw invalid(
      `${key} must be one of ${spelled(assignorNames)}, or an Assignor with name, protocol ('eager' or 'cooperative') and assign; got ${inspectBriefly(value)}`,
    )
  },
}

function spelled(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}

/** Each option by itself; `checked` sees to what they have to do with each other. */
export const consumerOptions: OptionTable<ResolvedConsumerConfig> = {
  group: text(undefined, {
    kafka: 'group.id',
  }),
  offset: shaped(
    Offset.earliest,
    'Offset.earliest, Offset.latest, Offset.timestamp(…) or Offset.at(…)',
    isOffset,
    {
      kafka: 'auto.offset.reset',
    },
  ),
  autoCommit: boolean(true, {
    kafka: 'enable.auto.commit',
  }),
  autoCommitInterval: duration(1000, {
    min: 10,
    kafka: 'auto.commit.interval.ms',
  }),
  sessionTimeout: duration(30_000, {
    min: 10,
    kafka: 'session.timeout.ms',
  }),
  heartbeatInterval: duration(0, {
    min: 5,
    kafka: 'heartbeat.interval.ms',
  }),
  rebalanceTimeout: duration(60_000, {
    min: 10,
    kafka: 'max.poll.interval.ms',
  }),
  fetchMinBytes: bytes(1, {
    min: 0,
    max: 1024 * mebibyte,
    kafka: 'fetch.min.bytes',
  }),
  fetchMaxWait: duration(500, {
    kafka: 'fetch.max.wait.ms',
  }),
  fetchMaxBytes: bytes(16 * mebibyte, {
    min: 1024,
    max: 1024 * mebibyte,
    kafka: 'fetch.max.bytes',
  }),
  maxPartitionFetchBytes: bytes(mebibyte, {
    min: 1024,
    max: 1024 * mebibyte,
    kafka: 'max.partition.fetch.bytes',
  }),
  maxPollRecords: integer(2048, {
    min: 1,
    max: 1_000_000,
    kafka: 'max.poll.records',
  }),
  isolation: oneOf('read_committed', ['read_committed', 'read_uncommitted'], {
    kafka: 'isolation.level',
  }),
  assignor,
  groupInstanceId: text(undefined, {
    kafka: 'group.instance.id',
  }),
  partitions: partitionsOption,
  signal: signal(),
  concurrency: integer(1, {
    min: 1,
    max: 100_000,
  }),
  ordering: oneOf('partition', ['partition', 'key', 'none']),
  onError,
  onAssigned: callback<PartitionsHook>(undefined),
  onRevoked: callback<PartitionsHook>(undefined),
  onLost: callback<PartitionsHook>(undefined),
  hookTimeout: duration(30_000, { min: 1 }),
  giveUpAfter: duration(undefined),
  closeHandlerTimeout: duration(1000),
  closeTimeout: duration(5000, { min: 1 }),
} satisfies OptionsOf<ConsumerConfig>

/** Throws `ConfigError` naming the key. */
export function resolveConsumerConfig(input: ConsumerConfig | undefined): ResolvedConsumerConfig {
  const kind = 'ConsumerConfig'
  return checked(kind, resolveOptions(kind, consumerOptions, input), input)
}

/** Options that only a member of a group has a use for. */
const ofMembers = [
  'assignor',
  'groupInstanceId',
  'sessionTimeout',
  'heartbeatInterval',
  'rebalanceTimeout',
  'onLost',
]

/** With the default that depends on another option. Throws `ConfigError` for options that contradict each other. */
export function checked(
  kind: string,
  given: ResolvedConsumerConfig,
  input: object | undefined,
): ResolvedConsumerConfig {
  if (given.partitions) {
    for (const key of ofMembers) {
      if ((input as { readonly [key: string]: unknown } | undefined)?.[key] === undefined) continue
      throw invalid(
        `${kind}.partitions and ${kind}.${key} exclude each other: a consumer with fixed partitions is not a member of a group`,
      )
    }
  }
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
