/** Retrying what may succeed later. */
import { backoffDelay, delay } from '../core/backoff.ts'
import { type Duration, inspectBriefly } from '../core/duration.ts'
import { KafkaError } from '../core/errors.ts'
import {
  duration,
  integer,
  invalid,
  type OptionTable,
  resolveOptions,
  shaped,
} from '../core/options.ts'
import { createRuntime } from '../core/runtime.ts'

/** Options of `withRetry`. */
export interface RetryOptions {
  /** Calls in all, the first included. 1 or more; default 5. */
  attempts?: number | undefined
  /** Delay before the first retry; it doubles. Default 100 ms. */
  baseDelay?: Duration | undefined
  /** No delay is longer. Default 10 s. */
  maxDelay?: Duration | undefined
  /** Share of the delay that is random, 0 to 1. Default 0.2. */
  jitter?: number | undefined
  /** Ends the wait between attempts; rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Which errors are worth another attempt. Default: `KafkaError`s that are `retriable`. */
  retryIf?: ((error: unknown) => boolean) | undefined
}

export interface ResolvedRetryOptions {
  readonly attempts: number
  readonly baseDelay: number
  readonly maxDelay: number
  readonly jitter: number
  readonly retryIf: (error: unknown) => boolean
}

/** All but the signal. */
export const retryOptions: OptionTable<ResolvedRetryOptions> = {
  attempts: integer(5, { min: 1 }),
  baseDelay: duration(100),
  maxDelay: duration(10_000),
  jitter: { fallback: 0.2, read: readShare },
  retryIf: shaped(isRetriable, 'a function', isPredicate),
}

/**
 * Calls `fn` until it succeeds, fails in a way that will not pass, or `attempts` are used up; then rejects with the last
 * error. Throws `ConfigError` for options it cannot use.
 * @example
 * await withRetry(() => kafka.admin.createTopic('orders'), { attempts: 3, baseDelay: '1s' })
 */
export async function withRetry<T>(
  fn: (attempt: number) => Promise<T> | T,
  options: RetryOptions = {},
): Promise<T> {
  const { attempts, baseDelay, maxDelay, jitter, signal, retryIf } = resolveOptions<
    ResolvedRetryOptions & { signal: AbortSignal | undefined }
  >(
    'RetryOptions',
    { ...retryOptions, signal: shaped(undefined, 'an AbortSignal', isSignal) },
    options,
  )
  const runtime = createRuntime()
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt)
    } catch (error) {
      if (attempt === attempts || !retryIf(error)) throw error
      const waitMs = backoffDelay(attempt, { baseMs: baseDelay, maxMs: maxDelay, jitter }, runtime)
      await delay(runtime, waitMs, signal)
    }
  }
}

function isRetriable(error: unknown): boolean {
  return error instanceof KafkaError && error.retriable
}

function readShare(value: unknown, key: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw invalid(`${key} must be a number from 0 to 1; got ${inspectBriefly(value)}`)
}

function isSignal(value: unknown): value is AbortSignal {
  return value instanceof AbortSignal
}

function isPredicate(value: unknown): value is (error: unknown) => boolean {
  return typeof value === 'function'
}
