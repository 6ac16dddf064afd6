/** What becomes of a record whose handler throws: another attempt, a dead letter, or the end of the consumer. */
import { AbortedError, KafkaError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { SendOptions } from '../producer/send-options.ts'
import { withRetry } from '../with-retry.ts'
import type { ResolvedOnError } from './consumer-config.ts'
import type { Consumption } from './consumption.ts'
import type { ConsumerRecord } from './record.ts'
import type { OriginalRecord } from './record-decoder.ts'

/** Writes bytes as they are to a topic. */
export type SendBytes = (
  topic: string,
  value: Uint8Array | null,
  options: SendOptions<Uint8Array>,
) => Promise<unknown>

export interface ErrorPolicyOptions<V, K> {
  readonly onError: ResolvedOnError
  readonly consumption: Consumption<V, K>
  readonly handle: (record: ConsumerRecord<V, K>) => unknown
  readonly sendBytes: SendBytes
  /** Counts a failure of the handler, by what follows it. */
  readonly failed: (record: ConsumerRecord<V, K>, action: 'retry' | 'skip' | 'deadLetter') => void
  readonly runtime: Runtime
}

/** The handler with its policy: resolves with whether the record is handled, rejects only when the consumer has to stop. */
export function withErrorPolicy<V, K>({
  onError,
  consumption,
  handle,
  sendBytes,
  failed,
  runtime,
}: ErrorPolicyOptions<V, K>): (record: ConsumerRecord<V, K>) => Promise<boolean> {
  const attempt = async (record: ConsumerRecord<V, K>): Promise<void> => {
    const fault = consumption.originalOf(record)?.fault
    // Nothing about the next attempt would be different.
    if (fault) throw fault
    if (!onError.retry) {
      await handle(record)
      return
    }
    let attempts = 0
    const again = () => {
      if (attempts++ > 0) failed(record, 'retry')
      return handle(record)
    }
    const { retryIf } = onError.retry
    await withRetry(again, {
      ...onError.retry,
      retryIf: (error) => !consumption.lostToOther(record, error) && retryIf(error),
      signal: consumption.closing,
    })
  }
  /** The consumer is closing: an error of the handler's own that is to stop it still does, what is to be put aside comes again. */
  const isCutShort = (error: unknown): boolean => {
    const { closing } = consumption
    const isPause = error instanceof AbortedError && error.cause === closing.reason
    return closing.aborted && (isPause || onError.finally !== 'stop')
  }
  return async (record) => {
    try {
      await attempt(record)
      return true
    } catch (error) {
      if (consumption.lostToOther(record, error) || isCutShort(error)) return false
      if (onError.finally === 'stop') {
        consumption.stopsFor(record, error)
        throw error
      }
      const { topic, partition, offset } = record
      const where = { topic, partition, offset: String(offset), err: error }
      failed(record, onError.finally)
      if (onError.finally === 'skip') {
        runtime.logger.warn(where, 'a record was skipped: its handler failed')
        return true
      }
      const deadLetter = onError.deadLetter!
      const original = consumption.originalOf(record)!
      await sendDeadLetter(sendBytes, deadLetter, record, original, error, runtime.now())
      runtime.logger.warn(
        { ...where, deadLetter },
        'a record was sent to the dead letter topic: its handler failed',
      )
      return true
    }
  }
}

async function sendDeadLetter<V, K>(
  sendBytes: SendBytes,
  topic: string,
  record: ConsumerRecord<V, K>,
  { key, value, headers }: OriginalRecord,
  error: unknown,
  nowMs: number,
): Promise<void> {
  const origin: [string, string][] = [
    ['original-topic', record.topic],
    ['original-partition', String(record.partition)],
    ['original-offset', String(record.offset)],
    ['error', error instanceof Error ? error.message : String(error)],
    ['error-code', error instanceof KafkaError ? error.code : ''],
    ['failed-at', new Date(nowMs).toISOString()],
  ]
  await sendBytes(topic, value, {
    key,
    headers: [...headers, ...origin],
    // Before 1970 there is none to send; that of now stands in.
    timestamp: record.timestampMs < 0 ? undefined : record.timestamp,
  })
}
