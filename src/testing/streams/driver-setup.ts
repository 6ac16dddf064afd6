/** How a `StreamTestDriver` is set up: its options, and the topology that a test writes down. */
import { readTimestamp } from '../../client/producer/send-options.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { Draft } from '../../streams/dsl/draft.ts'
import { checkOptions } from '../../streams/dsl/state-options.ts'
import { StreamBuilder } from '../../streams/dsl/stream-builder.ts'
import { type ResolvedStreamsConfig, resolveStreamsConfig } from '../../streams/streams-config.ts'
import type { StreamOnError } from '../../streams/task/stream-error-policy.ts'
import { Topology } from '../../streams/topology/topology.ts'

/** Options of `StreamTestDriver`. */
export interface StreamTestDriverOptions {
  /** Name of the application, with which its own topics begin. Default: `test`. */
  app?: string | undefined
  /** As in `kafka.streams()`: how to handle failed records. Default: `'stop'`. */
  onError?: StreamOnError | undefined
  /** Partitions of your topics, by name. Default: 1. Records go to them by Kafka's partitioner. */
  partitions?: { readonly [topic: string]: number } | undefined
  /** What time it is at first: a Date or epoch milliseconds. Default: 2025-01-01T00:00:00Z. */
  startTime?: Date | number | undefined
}

interface ReadOptions {
  readonly config: ResolvedStreamsConfig
  readonly partitions: { readonly [topic: string]: number }
  readonly startTimeMs: number
}

/** Throws `ConfigError`. */
export function readOptions(options: StreamTestDriverOptions): ReadOptions {
  const kind = 'StreamTestDriver'
  const given = checkOptions(kind, options, ['app', 'onError', 'partitions', 'startTime'])
  const { app = 'test', onError, partitions = {}, startTime } = given
  if (typeof app !== 'string' || !/^[a-zA-Z0-9._-]{1,100}$/.test(app)) {
    throw invalid(
      `${kind}: app must be 1 to 100 letters, digits, '.', '_' and '-'; got ${inspectBriefly(app)}`,
    )
  }
  if (typeof partitions !== 'object' || partitions === null || Array.isArray(partitions)) {
    throw invalid(
      `${kind}: partitions must be an object such as { orders: 4 }; got ${inspectBriefly(partitions)}`,
    )
  }
  for (const [topic, count] of Object.entries(partitions)) {
    if (Number.isInteger(count) && (count as number) > 0) continue
    throw invalid(
      `${kind}: partitions of '${topic}' must be a whole number of 1 or more; got ${inspectBriefly(count)}`,
    )
  }
  return {
    config: resolveStreamsConfig({ app, onError: onError as StreamOnError | undefined }),
    partitions: { ...(partitions as { readonly [topic: string]: number }) },
    startTimeMs:
      startTime === undefined ? Date.UTC(2025, 0, 1) : readTimestamp(startTime as number),
  }
}

/** Throws `ConfigError`. */
export function buildTopology(
  build: (app: StreamBuilder) => void,
  config: ResolvedStreamsConfig,
): Topology {
  if (typeof build !== 'function') {
    throw invalid(
      `StreamTestDriver takes a function that builds the topology, such as (app) => { app.stream('orders').to('copies') }; got ${inspectBriefly(build)}`,
    )
  }
  const draft = new Draft({ config, ended: () => undefined })
  // A run that is returned is thenable, as a promise is; it is what arrow functions return.
  const built: unknown = build(new StreamBuilder(draft))
  if (built instanceof Promise) {
    built.catch(() => undefined)
    throw invalid('StreamTestDriver: the function that builds the topology must not be async')
  }
  draft.start()
  if (draft.operators.length === 0) {
    throw invalid(
      'StreamTestDriver: the topology is empty; end a chain with to, forEach or branch, or make a table',
    )
  }
  return new Topology(config.app!, draft.operators)
}
