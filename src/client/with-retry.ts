/** Retrying what may succeed later. */
import { backoffDelay, delay } from '../core/backoff.ts'
import { type Duration, inspectBriefly } from '../core/duration.ts'
import { KafkaError } from '../core/errors.ts'
import {
  callback,
  duration,
  integer,
  invalid,
  number,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
  signal,
} from '../core/options.ts'
import { createRuntime, type Runtime } from '../core/runtime.ts'

/** Options of `withRetry`. */
export interface RetryOptions {
  /** Number of calls, including the first. 1 or more; default 5. */
  attempts?: number | undefined
  /** Delay before the first retry; it doubles. Default 100 ms. */
  baseDelay?: Duration | undefined
  /** Longest delay. Default 10 s. */
  maxDelay?: Duration | undefined
  /** Share of the delay that is random. 0 to 1; default 0.2. */
  jitter?: number | undefined
  /** Ends the wait between attempts; rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Decides which errors are retried. Default: `KafkaError`s that are `retriable`. */
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
  jitter: number(0.2, { min: 0, max: 1 }),
  retryIf: callback<(error: unknown) => boolean, typeof isRetriable>(isRetriable),
}

export const withRetryOptions: OptionTable<
  ResolvedRetryOptions & { signal: AbortSignal | undefined }
> = {
  ...retryOptions,
  signal: signal(),
} satisfies OptionsOf<RetryOptions>

/**
 * Calls `fn` until it succeeds, fails with an error that is not retried, or `attempts` are used up; then rejects with
 * the last error. Throws `ConfigError` for options it cannot use.
 * @example
 * await withRetry(() => kafka.admin.createTopic('orders'), { attempts: 3, baseDelay: '1s' })
 */
export async function withRetry<T>(
  fn: (attempt: number) => Promise<T> | T,
  options: RetryOptions = {},
): Promise<T> {
  if (typeof fn !== 'function') {
    throw invalid(`withRetry needs a function that it can call again; got ${inspectBriefly(fn)}`)
  }
  return retryOn(createRuntime(), fn, resolveOptions('RetryOptions', withRetryOptions, options))
}

/** @internal `withRetry` in the time of `runtime`, with options that are resolved. */
export async function retryOn<T>(
  runtime: Runtime,
  fn: (attempt: number) => Promise<T> | T,
  given: ResolvedRetryOptions & { readonly signal?: AbortSignal | undefined },
): Promise<T> {
  const { attempts, baseDelay, maxDelay, jitter, retryIf } = given
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt)
    } catch (error) {
      if (attempt === attempts || !retryIf(error)) throw error
      const waitMs = backoffDelay(attempt, { baseMs: baseDelay, maxMs: maxDelay, jitter }, runtime)
      await delay(runtime, waitMs, given.signal)
    }
  }
}

function isRetriable(error: unknown): boolean {
  return error instanceof KafkaError && error.retriable
}
