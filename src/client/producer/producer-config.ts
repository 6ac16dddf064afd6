/** Configuration of a producer; the names are Kafka's. */
import type { Duration } from '../../core/duration.ts'
import {
  boolean,
  duration,
  integer,
  invalid,
  type OptionTable,
  oneOf,
  resolveOptions,
  shaped,
} from '../../core/options.ts'
import type { CompressionName } from '../../protocol/compression/codec.ts'
import { defaultPartitioner, type Partitioner } from './partitioner.ts'

/** Options of `kafka.producer`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface ProducerConfig {
  /** A batch is sent when it holds this many bytes. 1 KiB to 16 MiB; default 131072. */
  batchSize?: number | undefined
  /** How long to wait for more records before sending. Default 0: nothing waits; sends made together still share a batch. */
  lingerMs?: Duration | undefined
  /** Default `'none'`. */
  compression?: CompressionName | undefined
  /**
   * `'all'` (default): answered once the record is on stable storage. `1`: once the operating system of the broker has it.
   * `0`: not answered; offsets are -1.
   */
  acks?: 'all' | 1 | 0 | undefined
  /** Retries of a batch, within `deliveryTimeout`. Default: as many as fit. */
  retries?: number | undefined
  /** First delay between retries; it doubles up to 1 s. Default 100 ms. */
  retryBackoffMs?: Duration | undefined
  /** From `send` to its outcome, all retries included. Default 2 min. */
  deliveryTimeout?: Duration | undefined
  /** A retry is never a duplicate (KIP-98). Default: true with `acks: 'all'`, which it needs. */
  idempotent?: boolean | undefined
  /** Default: Kafka's murmur2 of the key; without a key, the sticky partition. */
  partitioner?: Partitioner | undefined
  /** Largest record and request, bytes. Default 1048576. */
  maxRequestSize?: number | undefined
  /** Bytes that may wait to be sent before `send` itself waits. Default 33554432. */
  bufferMemory?: number | undefined
}

export interface ResolvedProducerConfig {
  readonly batchSize: number
  readonly lingerMs: number
  readonly compression: CompressionName
  readonly acks: 'all' | 1 | 0
  readonly retries: number
  readonly retryBackoffMs: number
  readonly deliveryTimeout: number
  readonly idempotent: boolean
  readonly partitioner: Partitioner
  readonly maxRequestSize: number
  readonly bufferMemory: number
}

const mebibyte = 1024 * 1024

/** What a producer and a transaction have in common. */
export const batchingOptions: OptionTable<Omit<ResolvedProducerConfig, 'acks' | 'idempotent'>> = {
  batchSize: integer(128 * 1024, { min: 1024, max: 16 * mebibyte }),
  lingerMs: duration(0, { max: 60_000 }),
  compression: oneOf('none', ['none', 'gzip', 'snappy', 'lz4', 'zstd']),
  retries: integer(2_147_483_647, { min: 0 }),
  retryBackoffMs: duration(100, { min: 1 }),
  deliveryTimeout: duration(120_000, { min: 1 }),
  partitioner: shaped(defaultPartitioner, 'a function', isFunction),
  maxRequestSize: integer(mebibyte, { min: 1024, max: 100 * mebibyte }),
  bufferMemory: integer(32 * mebibyte, { min: 64 * 1024 }),
}

/** Throws `ConfigError` naming the key. */
export function resolveProducerConfig(input: ProducerConfig | undefined): ResolvedProducerConfig {
  const { idempotent, ...options } = resolveOptions<ResolvedProducerConfig>(
    'ProducerConfig',
    {
      ...batchingOptions,
      acks: oneOf('all', ['all', 1, 0]),
      idempotent: boolean(true),
    },
    input,
  )
  if (input?.idempotent === true && options.acks !== 'all') {
    throw invalid(
      `ProducerConfig.idempotent needs acks: 'all', but acks is ${options.acks}; leave one of them out`,
    )
  }
  return Object.freeze({ ...options, idempotent: idempotent && options.acks === 'all' })
}

function isFunction(value: unknown): value is Partitioner {
  return typeof value === 'function'
}
