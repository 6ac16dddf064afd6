/** Configuration of `consumeBatch`. */
import type { Duration } from '../../core/duration.ts'
import { duration, integer, resolveOptions } from '../../core/options.ts'
import type { ConsumerConfig } from './consumer-config.ts'

/** Options of `kafka.consumeBatch`: a consumer's, and how large a batch is. */
export interface ConsumeBatchConfig
  extends Omit<ConsumerConfig, 'concurrency' | 'ordering' | 'onError'> {
  /** Records of one batch. 1 or more; default 100. */
  batchSize?: number | undefined
  /** How long after its first record a batch waits for more. Default 1 s. */
  batchTimeout?: Duration | undefined
}

/** Throws `ConfigError` naming the key. */
export function resolveBatchOptions(
  input: Pick<ConsumeBatchConfig, 'batchSize' | 'batchTimeout'>,
): { size: number; waitMs: number } {
  const { batchSize, batchTimeout } = resolveOptions<{ batchSize: number; batchTimeout: number }>(
    'ConsumeBatchConfig',
    { batchSize: integer(100, { min: 1, max: 1_000_000 }), batchTimeout: duration(1000) },
    input,
  )
  return { size: batchSize, waitMs: batchTimeout }
}
