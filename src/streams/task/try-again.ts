/** Tries again what has failed, as often and as far apart as `onError` says. */
import type { ResolvedRetryOptions } from '../../client/with-retry.ts'
import { retryOn } from '../../client/with-retry.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { StreamProcessingError } from './errors.ts'

export interface Retrying {
  readonly retry: ResolvedRetryOptions
  readonly runtime: Runtime
  /** Ends pauses between attempts; rejects with its reason. */
  readonly signal: AbortSignal | undefined
}

/**
 * `attempt`: one more, with what the one before has failed with; gives what it fails with itself, undefined when it succeeds,
 * and rejects with what is not to be tried again. Resolves to what the last one has failed with.
 */
export async function tryAgain(
  first: StreamProcessingError,
  { retry, runtime, signal }: Retrying,
  attempt: (before: StreamProcessingError) => Promise<StreamProcessingError | undefined>,
): Promise<StreamProcessingError | undefined> {
  let failed = first
  let isFirst = true
  const again = async () => {
    // The first attempt is the one that has failed already.
    const error = isFirst ? first : await attempt(failed)
    isFirst = false
    if (!error) return
    failed = error
    throw error
  }
  try {
    await retryOn(runtime, again, {
      ...retry,
      retryIf: (error) => error === failed && retry.retryIf(failed.cause),
      signal,
    })
    return undefined
  } catch (error) {
    if (error !== failed) throw error
    return failed
  }
}
