/** Configuration of `consumeBatch`. */
import type { Duration } from '../../core/duration.ts'
import {
  duration,
  integer,
  type OptionsOf,
  type OptionTable,
  refuseOptions,
  resolveOptions,
} from '../../core/options.ts'
import {
  type ConsumerConfig,
  checked,
  consumerOptions,
  type ResolvedConsumerConfig,
} from './consumer-config.ts'

/** Options of `kafka.consumeBatch`: a consumer's, and how large a batch is. */
export interface ConsumeBatchConfig
  extends Omit<ConsumerConfig, 'concurrency' | 'ordering' | 'onError'> {
  /** Number of records in a batch. 1 to 1,000,000; default 100. */
  batchSize?: number | undefined
  /** How long a batch waits for more records after its first. Default 1 s. */
  batchTimeout?: Duration | undefined
}

export interface ResolvedBatchConfig {
  readonly size: number
  readonly waitMs: number
  readonly consumer: ResolvedConsumerConfig
}

const { concurrency, ordering, onError, ...options } = consumerOptions

type BatchOptions = Omit<ResolvedConsumerConfig, 'concurrency' | 'ordering' | 'onError'> & {
  readonly batchSize: number
  readonly batchTimeout: number
}

export const batchOptions: OptionTable<BatchOptions> = {
  ...options,
  batchSize: integer(100, { min: 1, max: 1_000_000 }),
  batchTimeout: duration(1000),
} satisfies OptionsOf<ConsumeBatchConfig>

/** Throws `ConfigError` naming the key. */
export function resolveBatchConfig(input: ConsumeBatchConfig): ResolvedBatchConfig {
  const kind = 'ConsumeBatchConfig'
  const why =
    'batches are handled one after the other, and the handler deals with what fails in one'
  refuseOptions(kind, input, ['concurrency', 'ordering', 'onError'], why)
  const { batchSize, batchTimeout, ...given } = resolveOptions(kind, batchOptions, input)
  const whole = {
    ...given,
    concurrency: concurrency.fallback,
    ordering: ordering.fallback,
    onError: onError.fallback,
  }
  return { size: batchSize, waitMs: batchTimeout, consumer: checked(kind, whole, input) }
}
