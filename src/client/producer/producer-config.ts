/** Configuration of a producer; the names are Kafka's. */
import type { Duration } from '../../core/duration.ts'
import {
  boolean,
  bytes,
  callback,
  duration,
  integer,
  invalid,
  type OptionsOf,
  type OptionTable,
  oneOf,
  resolveOptions,
} from '../../core/options.ts'
import type { CompressionName } from '../../protocol/compression/codec.ts'
import { defaultPartitioner, type Partitioner } from './partitioner.ts'

/** Options of `kafka.producer`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface ProducerConfig {
  /**
   * Size in bytes at which a batch is sent, at most `maxRequestSize`. A batch over the topic's
   * `max.message.bytes` is split and sent again. 1 KiB to 16 MiB; default: 128 KiB, or
   * `maxRequestSize` if that is less.
   */
  batchSize?: number | undefined
  /**
   * How long to wait for more records before sending; less than `deliveryTimeout`. With 0 there is
   * no wait; sends made together still share a batch. At most 1 min; default 0.
   */
  linger?: Duration | undefined
  /** How batches are compressed. Default `'none'`. */
  compression?: CompressionName | undefined
  /**
   * When a send is acknowledged. `'all'`: once the record is on stable storage. `1`: once the
   * broker's operating system has it. `0`: never; offsets are -1. Default `'all'`.
   */
  acks?: 'all' | 1 | 0 | undefined
  /** Retries of a batch, within `deliveryTimeout`. 0 or more; default: as many as fit. */
  retries?: number | undefined
  /** First delay between retries; it doubles up to 1 s. 1 ms or more; default 100 ms. */
  retryBackoff?: Duration | undefined
  /**
   * Longest time from `send` to its outcome, including waits for metadata, memory, the broker's
   * response and retries. A record shares its batch's deadline, and so may fail a tenth of it (or a
   * `linger`) early. 1 ms or more; default 2 min.
   */
  deliveryTimeout?: Duration | undefined
  /**
   * Retries never create duplicates (KIP-98). Default: true with `acks: 'all'`, which it requires.
   */
  idempotent?: boolean | undefined
  /**
   * Chooses the partition of a record. Default: Kafka's murmur2 of the key; without a key, the
   * sticky partition.
   */
  partitioner?: Partitioner | undefined
  /**
   * Largest record and request, bytes. The broker closes a connection that sends more than its
   * `socket.request.max.bytes`. 1 KiB to 100 MiB; default 1 MiB.
   */
  maxRequestSize?: number | undefined
  /** Bytes that may wait to be sent before `send` itself waits. 64 KiB or more; default 32 MiB. */
  bufferMemory?: number | undefined
}

export interface ResolvedProducerConfig {
  readonly batchSize: number
  readonly linger: number
  readonly compression: CompressionName
  readonly acks: 'all' | 1 | 0
  readonly retries: number
  readonly retryBackoff: number
  readonly deliveryTimeout: number
  readonly idempotent: boolean
  readonly partitioner: Partitioner
  readonly maxRequestSize: number
  readonly bufferMemory: number
}

const mebibyte = 1024 * 1024

/** What a producer and a transaction have in common. */
export const batchingOptions: OptionTable<Omit<ResolvedProducerConfig, 'acks' | 'idempotent'>> = {
  batchSize: bytes(128 * 1024, {
    min: 1024,
    max: 16 * mebibyte,
    kafka: 'batch.size',
  }),
  linger: duration(0, {
    max: 60_000,
    kafka: 'linger.ms',
  }),
  compression: oneOf('none', ['none', 'gzip', 'snappy', 'lz4', 'zstd'], {
    kafka: 'compression.type',
  }),
  retries: integer(2_147_483_647, {
    min: 0,
    kafka: 'retries',
  }),
  retryBackoff: duration(100, {
    min: 1,
    kafka: 'retry.backoff.ms',
  }),
  deliveryTimeout: duration(120_000, {
    min: 1,
    kafka: 'delivery.timeout.ms',
  }),
  partitioner: callback<Partitioner, Partitioner>(defaultPartitioner, {
    kafka: 'partitioner.class',
  }),
  maxRequestSize: bytes(mebibyte, {
    min: 1024,
    max: 100 * mebibyte,
    kafka: 'max.request.size',
  }),
  bufferMemory: bytes(32 * mebibyte, {
    min: 64 * 1024,
    kafka: 'buffer.memory',
  }),
}

export const producerOptions: OptionTable<ResolvedProducerConfig> = {
  ...batchingOptions,
  acks: oneOf('all', ['all', 1, 0], {
    kafka: 'acks',
  }),
  idempotent: boolean(true, {
    kafka: 'enable.idempotence',
  }),
} satisfies OptionsOf<ProducerConfig>

/** Throws `ConfigError` naming the key. */
export function resolveProducerConfig(input: ProducerConfig | undefined): ResolvedProducerConfig {
  const { idempotent, ...options } = resolveOptions<ResolvedProducerConfig>(
    'ProducerConfig',
    producerOptions,
    input,
  )
  const batching = checkBatching('ProducerConfig', options, input)
  if (input?.idempotent === true && options.acks !== 'all') {
    throw invalid(
      `ProducerConfig.idempotent needs acks: 'all', but acks is ${options.acks}; leave one of them out`,
    )
  }
  return Object.freeze({ ...batching, idempotent: idempotent && options.acks === 'all' })
}

/**
 * `options` with a batch size that a request has room for. One that was given and is larger is refused, and so is a
 * `linger` that would outlast the record. Throws `ConfigError`.
 */
export function checkBatching<
  T extends Pick<
    ResolvedProducerConfig,
    'batchSize' | 'maxRequestSize' | 'linger' | 'deliveryTimeout'
  >,
>(kind: string, options: T, input: ProducerConfig | undefined): T {
  const { batchSize, maxRequestSize, linger, deliveryTimeout } = options
  if (input?.batchSize !== undefined && batchSize > maxRequestSize) {
    throw invalid(
      `${kind}.batchSize (${batchSize}) is over maxRequestSize (${maxRequestSize}), and a batch is sent in one request: make it smaller, or raise maxRequestSize, too`,
    )
  }
  if (linger >= deliveryTimeout) {
    throw invalid(
      `${kind}.linger (${linger} ms) must be less than deliveryTimeout (${deliveryTimeout} ms), the time limit for storing a record`,
    )
  }
  return { ...options, batchSize: Math.min(batchSize, maxRequestSize) }
}
