/** Configuration of `kafka.transaction`. */
import type { Duration } from '../../core/duration.ts'
import {
  duration,
  type OptionsOf,
  type OptionTable,
  refuseOptions,
  resolveOptions,
  text,
} from '../../core/options.ts'
import {
  batchingOptions,
  checkBatching,
  type ProducerConfig,
  type ResolvedProducerConfig,
} from '../producer/producer-config.ts'

/** Options of `kafka.transaction`: a producer's, without `acks` and `idempotent`, and its own. */
export interface TransactionConfig extends Omit<ProducerConfig, 'acks' | 'idempotent'> {
  /**
   * The transactional id. A producer fences all earlier ones with the same id, so name the work
   * that must not run twice, e.g. `payments-0`. Transactions with the same id run one after
   * another. Default: an id unique to this client; transactions then run concurrently.
   */
  id?: string | undefined
  /**
   * The broker aborts a transaction that takes longer. If a process dies during a transaction, its
   * partitions and group offsets are also blocked for this long, unless a producer with the same
   * `id` starts earlier: make it a little longer than your transactions take. The broker has its
   * own limit (15 min). 1 ms to 2,147,483,647 ms; default 1 min.
   */
  timeout?: Duration | undefined
}

export interface ResolvedTransactionConfig {
  readonly id: string | undefined
  readonly timeout: number
  readonly producer: ResolvedProducerConfig
}

type TransactionOptions = Omit<ResolvedTransactionConfig, 'producer'> &
  Omit<ResolvedProducerConfig, 'acks' | 'idempotent'>

export const transactionOptions: OptionTable<TransactionOptions> = {
  id: text(undefined, {
    kafka: 'transactional.id',
  }),
  timeout: duration(60_000, {
    min: 1,
    max: 2_147_483_647,
    kafka: 'transaction.timeout.ms',
  }),
  ...batchingOptions,
} satisfies OptionsOf<TransactionConfig>

/** Throws `ConfigError` naming the key. */
export function resolveTransactionConfig(
  input: TransactionConfig | undefined,
): ResolvedTransactionConfig {
  const why = "a transaction needs acks 'all' and idempotence"
  refuseOptions('TransactionConfig', input, ['acks', 'idempotent'], why)
  const options = resolveOptions('TransactionConfig', transactionOptions, input)
  const { id, timeout, ...batching } = checkBatching('TransactionConfig', options, input)
  return { id, timeout, producer: { ...batching, acks: 'all', idempotent: true } }
}

/** Whether a producer that was made for one may serve the other. */
export function isSameConfig(a: ResolvedTransactionConfig, b: ResolvedTransactionConfig): boolean {
  if (a.id !== b.id || a.timeout !== b.timeout) return false
  return Object.entries(a.producer).every(
    ([key, value]) => b.producer[key as keyof ResolvedProducerConfig] === value,
  )
}
