/** Options of a stream application. */
import { type ConsumerConfig, consumerOptions } from '../client/consumer/consumer-config.ts'
import type { Offset } from '../client/consumer/offset.ts'
import type { Duration } from '../core/duration.ts'
import {
  bytes,
  duration,
  integer,
  invalid,
  isPlainObject,
  type OptionsOf,
  type OptionTable,
  oneOf,
  resolveOptions,
  shaped,
  signal,
  text,
} from '../core/options.ts'
import { type InternalTopicConfigs, internalTopicsOption } from './internal-topic-configs.ts'
import {
  onErrorOption,
  type StreamErrorPolicy,
  type StreamOnError,
} from './task/stream-error-policy.ts'

/** Options of `kafka.streams(config)`, and of `kafka.stream(topic, config)`. */
export interface StreamsConfig {
  /**
   * Name of the application: its consumer group, and the prefix of its internal topics. Without
   * one, a name is derived from the topics and the topology. On a server, an application with state
   * needs a name, since changing the program would otherwise lose the state. Default: derived from
   * topic and topology; `kafka.streams` requires one.
   */
  app?: string | undefined
  /**
   * `'exactly-once'`: output, state and offsets are committed together in transactions.
   * `'at-least-once'`: no transactions; records may be processed twice after a crash. Default
   * `'exactly-once'`.
   */
  guarantee?: 'exactly-once' | 'at-least-once' | undefined
  /** Interval of commits; results become visible with the commit. 1 ms or more; default 100 ms. */
  commitInterval?: Duration | undefined
  /**
   * What to do with a record that cannot be deserialised or whose callback throws; everything the
   * record did is undone. `'stop'` ends the application with the error; `'skip'` logs it and
   * continues. With an object: first `retry`, with growing delays, then `otherwise`, or copy the
   * record to the topic `deadLetter`, with its origin and the error in headers. A function `(error,
   * record, where)` returns one of these for each failed record, or `'retry'`; `where` is
   * `'decode'`, `'process'` or `'produce'`. A result that is only due when a record arrives, such
   * as that of a window it closes, fails by itself: `error.result` says which. Default: `'stop'`.
   */
  onError?: StreamOnError | undefined
  /**
   * Where to start a source topic for which the application has no committed offset. Default:
   * `Offset.earliest`.
   */
  offset?: Offset | undefined
  /** Copies of the application's internal topics. 1 to 32,767; default: the broker's. */
  replicationFactor?: number | undefined
  /**
   * Kafka topic configs for internal topics, applied when they are created: `{ changelog: {
   * 'segment.bytes': 1048576 }, repartition: { 'segment.ms': 600000 } }`. `cleanup.policy` and
   * `message.timestamp.type` cannot be set. Default: the broker's, plus what the application needs.
   */
  internalTopics?: InternalTopicConfigs | undefined
  /**
   * How long a task with several partitions waits for an empty one while others have records, since
   * the empty one may still bring older records (KIP-353). With 0 it waits only for records the
   * broker is known to have. Default 0.
   */
  maxTaskIdle?: Duration | undefined
  /**
   * How long the broker keeps a transaction open whose process has died; until it aborts it, other
   * processes wait at its output. 1 s or more; default 10 s.
   */
  transactionTimeout?: Duration | undefined
  /**
   * The group removes a member that sends no heartbeat for this long. 10 ms or more; default 30 s.
   */
  sessionTimeout?: ConsumerConfig['sessionTimeout']
  /**
   * Interval of heartbeats; more often just after a rebalance. Less than `sessionTimeout`. 5 ms or
   * more; default: 3 s, or a third of `sessionTimeout` if that is less.
   */
  heartbeatInterval?: ConsumerConfig['heartbeatInterval']
  /**
   * How long a rebalance waits for running callbacks and for the commit. 10 ms or more; default 1
   * min.
   */
  rebalanceTimeout?: ConsumerConfig['rebalanceTimeout']
  /**
   * A process name that survives restarts (KIP-345): a process that restarts within
   * `sessionTimeout` gets its tasks back without a rebalance.
   */
  groupInstanceId?: string | undefined
  /**
   * How long an application waits for an unavailable broker. After this long with only temporary
   * failures, it ends with a `TimeoutError`. Default: never.
   */
  giveUpAfter?: Duration | undefined
  /**
   * `'check'`: a program that would leave state behind, or use state of another kind, is refused
   * with a `TopologyChangedError`. `'allow'`: it may leave state behind. Default `'check'`.
   */
  upgrade?: 'check' | 'allow' | undefined
  /**
   * Copies of each task's state that other processes keep up to date, so that one of them can take
   * over at once. 0 to 100; default 0.
   */
  standbys?: number | undefined
  /**
   * How many changelog entries a process may be behind and still be assigned a task; until then the
   * task stays where it is. 0 or more; default 10,000.
   */
  maxLag?: number | undefined
  /**
   * Where state is kept: `'memory'`, or `{ dir: './state' }` for files in this folder. On disk it
   * may be larger than memory, and a restart reads only the rest of the changelog. Each process
   * needs its own folder. Requires the package classic-level. Default `'memory'`.
   */
  state?: 'memory' | { readonly dir: string } | undefined
  /**
   * For state on disk: size of the cache of recently used values, bytes. 0 or more; default 64 MiB.
   */
  cacheBytes?: number | undefined
  /**
   * At the start, files of tasks that this process has not run for this long, while it ran others,
   * are removed. Default 10 min.
   */
  cleanupDelay?: Duration | undefined
  /**
   * Size of state in memory, keys and values as serialised, above which the application stops. 1
   * byte or more; default: no limit.
   */
  maxStateBytes?: number | undefined
  /** Closes the application when it is aborted. */
  signal?: AbortSignal | undefined
}

export interface ResolvedStreamsConfig {
  readonly app: string | undefined
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly commitInterval: number
  readonly onError: StreamErrorPolicy
  readonly offset: Offset
  readonly replicationFactor: number | undefined
  readonly internalTopics: InternalTopicConfigs | undefined
  readonly maxTaskIdle: number
  readonly transactionTimeout: number
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  readonly rebalanceTimeout: number
  readonly groupInstanceId: string | undefined
  readonly giveUpAfter: number | undefined
  readonly upgrade: 'check' | 'allow'
  readonly standbys: number
  readonly maxLag: number
  readonly state: 'memory' | { readonly dir: string }
  readonly cacheBytes: number
  readonly cleanupDelay: number
  readonly maxStateBytes: number | undefined
  readonly signal: AbortSignal | undefined
}

const { sessionTimeout, heartbeatInterval, rebalanceTimeout, groupInstanceId, giveUpAfter } =
  consumerOptions
const { offset } = consumerOptions

export const streamsOptions: OptionTable<ResolvedStreamsConfig> = {
  app: text(undefined, { kafka: 'application.id' }),
  guarantee: oneOf('exactly-once', ['exactly-once', 'at-least-once'], {
    kafka: 'processing.guarantee',
  }),
  commitInterval: duration(100, { min: 1, kafka: 'commit.interval.ms' }),
  onError: onErrorOption,
  offset,
  replicationFactor: integer(undefined, { min: 1, max: 32_767, kafka: 'replication.factor' }),
  internalTopics: internalTopicsOption,
  maxTaskIdle: duration(0, { kafka: 'max.task.idle.ms' }),
  transactionTimeout: duration(10_000, { min: 1000, kafka: 'transaction.timeout.ms' }),
  sessionTimeout,
  heartbeatInterval,
  rebalanceTimeout,
  groupInstanceId,
  giveUpAfter,
  standbys: integer(0, { min: 0, max: 100, kafka: 'num.standby.replicas' }),
  maxLag: integer(10_000, { min: 0, kafka: 'acceptable.recovery.lag' }),
  upgrade: oneOf('check', ['check', 'allow']),
  state: shaped<'memory' | { readonly dir: string }, 'memory'>(
    'memory',
    "'memory' or { dir: './state' }",
    isPlaceOfState,
    {
      kafka: 'state.dir',
    },
  ),
  cacheBytes: bytes(64 * 1024 * 1024, { min: 0, kafka: 'statestore.cache.max.bytes' }),
  cleanupDelay: duration(600_000, { kafka: 'state.cleanup.delay.ms' }),
  maxStateBytes: bytes(undefined, { min: 1 }),
  signal: signal(),
} satisfies OptionsOf<StreamsConfig>

function isPlaceOfState(value: unknown): value is 'memory' | { readonly dir: string } {
  if (value === 'memory') return true
  if (!isPlainObject(value)) return false
  const { dir, ...others } = value as { readonly dir?: unknown }
  return typeof dir === 'string' && dir !== '' && Object.keys(others).length === 0
}

/** Throws `ConfigError` naming the key. */
export function resolveStreamsConfig(input: StreamsConfig | undefined): ResolvedStreamsConfig {
  const config = resolveOptions('StreamsConfig', streamsOptions, input)
  const { heartbeatInterval, sessionTimeout } = config
  if (heartbeatInterval >= sessionTimeout) {
    throw invalid(
      `StreamsConfig.heartbeatInterval (${heartbeatInterval} ms) must be less than sessionTimeout (${sessionTimeout} ms)`,
    )
  }
  return config
}

/** The part of a consumer's config that an application's says. */
export function memberOptions(config: ResolvedStreamsConfig): ConsumerConfig {
  const { sessionTimeout, heartbeatInterval, rebalanceTimeout, groupInstanceId, giveUpAfter } =
    config
  return {
    sessionTimeout,
    heartbeatInterval: heartbeatInterval || undefined,
    rebalanceTimeout,
    groupInstanceId,
    giveUpAfter,
  }
}
