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
   * Name of the application: its consumer group, and the beginning of the names of its own topics.
   * Without one it is made of the topics and the topology; where that would lose state when the
   * program changes, on a server, one must be given. Default: made of topic and topology;
   * `kafka.streams` needs one.
   */
  app?: string | undefined
  /**
   * `'exactly-once'`: outputs, state and offsets count together, in transactions.
   * `'at-least-once'`: without transactions; records may be processed twice after a crash. Default
   * `'exactly-once'`.
   */
  guarantee?: 'exactly-once' | 'at-least-once' | undefined
  /** How often what was done is committed, and so becomes visible. 1 ms or more; default 100 ms. */
  commitInterval?: Duration | undefined
  /**
   * What becomes of a record that cannot be read or whose callback throws; nothing that it did is
   * kept. `'stop'` ends the application with the error; `'skip'` logs it and goes on. An object:
   * first `retry`, with growing pauses, then what `otherwise` says, or to the topic `deadLetter`,
   * with where it came from and why in headers. A function `(error, record, where)` says one of
   * these for each record that fails, or `'retry'`; `where` is `'decode'`, `'process'` or
   * `'produce'`. A result that is only due when a record comes, as of a window that it closes,
   * fails by itself: `error.result` says which. Default: `'stop'`.
   */
  onError?: StreamOnError | undefined
  /**
   * Where to start a topic of yours that the application has never committed. Default:
   * `Offset.earliest`.
   */
  offset?: Offset | undefined
  /** Copies of the application's own topics. 1 to 32,767; default: the broker's. */
  replicationFactor?: number | undefined
  /**
   * Kafka's topic configs for the application's own topics, when it makes them: `{ changelog: {
   * 'segment.bytes': 1048576 }, repartition: { 'segment.ms': 600000 } }`. Not `cleanup.policy` and
   * `message.timestamp.type`, which it needs as they are. Default: the broker's, with what the
   * application needs.
   */
  internalTopics?: InternalTopicConfigs | undefined
  /**
   * How long a task with several partitions waits for one that has nothing, while others have
   * records, since it may yet bring older ones (KIP-353). At 0 only for what the broker is known to
   * have. Default 0.
   */
  maxTaskIdle?: Duration | undefined
  /**
   * After so long the broker aborts a transaction that a process left open when it died; until then
   * other processes wait at what it wrote. 1 s or more; default 10 s.
   */
  transactionTimeout?: Duration | undefined
  /** A member not heard of for so long is dead to the group. 10 ms or more; default 30 s. */
  sessionTimeout?: ConsumerConfig['sessionTimeout']
  /**
   * How often a member says that it is there; more often just after a rebalance. Less than
   * `sessionTimeout`. 5 ms or more; default: 3 s, or a third of `sessionTimeout` if that is less.
   */
  heartbeatInterval?: ConsumerConfig['heartbeatInterval']
  /**
   * How long a rebalance waits for callbacks that are under way, and for the commit. 10 ms or more;
   * default 1 min.
   */
  rebalanceTimeout?: ConsumerConfig['rebalanceTimeout']
  /**
   * A name of this process that survives restarts (KIP-345): within `sessionTimeout` it gets its
   * tasks back without a rebalance.
   */
  groupInstanceId?: string | undefined
  /**
   * An application waits for a broker that is away; once nothing but failures that pass has
   * happened for so long, it ends with a `TimeoutError`. Default: never.
   */
  giveUpAfter?: Duration | undefined
  /**
   * `'check'`: a program that would leave state behind, or go on with state of another kind, is
   * refused with a `TopologyChangedError`. `'allow'`: it may leave state behind. Default `'check'`.
   */
  upgrade?: 'check' | 'allow' | undefined
  /**
   * Copies of each task's state that other processes keep up to date, so that one of them can take
   * over at once. 0 to 100; default 0.
   */
  standbys?: number | undefined
  /**
   * Changelog entries that a process may lack and yet be given a task; until it lacks fewer the
   * task stays where it is. 0 or more; default 10,000.
   */
  maxLag?: number | undefined
  /**
   * Where state is. `'memory'`, or `{ dir: './state' }`: in files in this folder, so that it may be
   * larger than memory and a restart reads only the rest of the changelog. Each process needs a
   * folder of its own. Needs the package classic-level. Default `'memory'`.
   */
  state?: 'memory' | { readonly dir: string } | undefined
  /**
   * Of state on disk: values that were used lately are kept in memory, up to so many bytes. 0 or
   * more; default 64 MiB.
   */
  cacheBytes?: number | undefined
  /**
   * Files of tasks that this process has not run for so long, while it ran others, are removed when
   * it starts. Default 10 min.
   */
  cleanupDelay?: Duration | undefined
  /**
   * State in memory, keys and values as they are written, over which the application stops. 1 byte
   * or more; default: no limit.
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
