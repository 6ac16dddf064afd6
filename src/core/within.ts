/** A wait with limits. */
import { abortReason } from './backoff.ts'
import type { Runtime } from './runtime.ts'

export interface Limits {
  /** Milliseconds; undefined: no limit. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** What to reject with when time is up. */
  readonly onTimeout: () => Error
}

/** Settles as `promise` does, or rejects once time is up or the signal aborts; what `promise` does then is ignored. */
export function within<T>(runtime: Runtime, promise: Promise<T>, limits: Limits): Promise<T> {
  const { timeoutMs, signal, onTimeout } = limits
  if (timeoutMs === undefined && !signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => finish(() => reject(abortReason(signal!)))
    const timer =
      timeoutMs === undefined
        ? undefined
        : runtime.setTimer(timeoutMs, () => finish(() => reject(onTimeout())))
    const finish = (settle: () => void) => {
      timer?.cancel()
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    if (signal?.aborted) {
      promise.catch(() => undefined)
      return onAbort()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    )
  })
}
