/** Configuration of `kafka.transaction`. */
import type { Duration } from '../../core/duration.ts'
import { duration, refuseOptions, resolveOptions, text } from '../../core/options.ts'
import {
  batchingOptions,
  type ProducerConfig,
  type ResolvedProducerConfig,
} from '../producer/producer-config.ts'

/** Options of `kafka.transaction`: a producer's, without `acks` and `idempotent`, and its own. */
export interface TransactionConfig extends Omit<ProducerConfig, 'acks' | 'idempotent'> {
  /**
   * The transactional id. A producer fences all earlier ones with the same id, so name what must not run twice, e.g.
   * `payments-0`; transactions with one id run one after the other. Default: an id of this client's own, and as many
   * transactions at a time as you like.
   */
  id?: string | undefined
  /**
   * The broker aborts a transaction that takes longer. So long, too, the partitions and the group's offsets that a transaction
   * has touched are held up when its process dies in the middle, unless a producer with the same `id` comes after it:
   * make it a little longer than your transactions take. 1 ms to the broker's limit (15 min); default 60 s.
   */
  timeout?: Duration | undefined
}

export interface ResolvedTransactionConfig {
  readonly id: string | undefined
  readonly timeout: number
  readonly producer: ResolvedProducerConfig
}

/** Throws `ConfigError` naming the key. */
export function resolveTransactionConfig(
  input: TransactionConfig | undefined,
): ResolvedTransactionConfig {
  const why = "a transaction needs acks 'all' and idempotence"
  refuseOptions('TransactionConfig', input, ['acks', 'idempotent'], why)
  const { id, timeout, ...batching } = resolveOptions<
    Omit<ResolvedTransactionConfig, 'producer'> &
      Omit<ResolvedProducerConfig, 'acks' | 'idempotent'>
  >(
    'TransactionConfig',
    {
      id: text(undefined),
      timeout: duration(60_000, { min: 1, max: 2_147_483_647 }),
      ...batchingOptions,
    },
    input,
  )
  return { id, timeout, producer: { ...batching, acks: 'all', idempotent: true } }
}

/** Whether a producer that was made for one may serve the other. */
export function isSameConfig(a: ResolvedTransactionConfig, b: ResolvedTransactionConfig): boolean {
  if (a.id !== b.id || a.timeout !== b.timeout) return false
  return Object.entries(a.producer).every(
    ([key, value]) => b.producer[key as keyof ResolvedProducerConfig] === value,
  )
}
