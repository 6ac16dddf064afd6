/** What becomes of a record that cannot be processed: as `onError` of a consumer, or as a function says of each. */
import {
  type ConsumerConfig,
  consumerOptions,
  type OnError,
  type ResolvedOnError,
} from '../../client/consumer/consumer-config.ts'
import { inspectBriefly } from '../../core/duration.ts'
import type { Option } from '../../core/option.ts'
import { invalid } from '../../core/options.ts'
import type { StreamRecord } from '../stream-record.ts'
import type { FailedAt, StreamProcessingError } from './errors.ts'
import { isPromise } from './promises.ts'

/** A record that failed, with key and value as they were read. */
export type FailedRecord = StreamRecord<Uint8Array | null, Uint8Array | null>

/**
 * What becomes of records that fail. A function is asked for each, and says it as the option does, or `'retry'`: as
 * `{ retry: {} }`. `where`: `'decode'`, `'process'` or `'produce'`. It must not return a promise; what it throws stops the stream.
 */
export type StreamOnError =
  | OnError
  | ((error: StreamProcessingError, record: FailedRecord, where: FailedAt) => OnError | 'retry')

/** Throws `ConfigError` for what a function returned that says nothing. */
export type StreamErrorPolicy = (
  error: StreamProcessingError,
  record: () => FailedRecord,
) => ResolvedOnError

const ofConsumer = consumerOptions.onError

export const onErrorOption: Option<StreamErrorPolicy> = {
  ...ofConsumer,
  fallback: () => ofConsumer.fallback as ResolvedOnError,
  read(value, key) {
    if (typeof value !== 'function') {
      if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) {
        throw invalid(
          `${key} must be 'stop', 'skip', an object with retry, otherwise or deadLetter, or a function (error, record, where) => …; got ${inspectBriefly(value)}`,
        )
      }
      const policy = ofConsumer.read(value, key) as ResolvedOnError
      return () => policy
    }
    const decide = value as Exclude<StreamOnError, OnError>
    return (error, record) => {
      const said: unknown = decide(error, record(), error.where)
      if (isPromise(said)) {
        Promise.resolve(said).catch(() => undefined)
        throw invalid(`what ${key} returned must not be a promise`)
      }
      const given = said === 'retry' ? ({ retry: {} } satisfies ConsumerConfig['onError']) : said
      return ofConsumer.read(given, `what ${key} returned`) as ResolvedOnError
    }
  },
}
