/** A wait with limits. */
import { onAbort } from './abort.ts'
import { abortReason } from './backoff.ts'
import type { Runtime } from './runtime.ts'

export type Limits = { readonly signal?: AbortSignal | undefined } & (
  | {
      /** Milliseconds; undefined: no limit. */
      readonly timeoutMs?: number | undefined
      /** What to reject with when time is up. */
      readonly onTimeout: () => Error
    }
  | { readonly timeoutMs?: undefined; readonly onTimeout?: undefined }
)

/** Settles as `promise` does, or rejects once time is up or the signal aborts; what `promise` does then is ignored. */
export function within<T>(runtime: Runtime, promise: Promise<T>, limits: Limits): Promise<T> {
  const { timeoutMs, signal, onTimeout } = limits
  if (timeoutMs === undefined && !signal) return promise
  return new Promise((resolve, reject) => {
    const timer =
      timeoutMs === undefined
        ? undefined
        : runtime.setTimer(timeoutMs, () => finish(() => reject(onTimeout!())))
    const finish = (settle: () => void) => {
      timer?.cancel()
      stopListening()
      settle()
    }
    const giveUp = () => finish(() => reject(abortReason(signal!)))
    const stopListening = onAbort(signal, giveUp)
    if (signal?.aborted) {
      promise.catch(() => undefined)
      return giveUp()
    }
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    )
  })
}

/** True once `promise` has resolved; false when that takes longer than `timeoutMs`. Rejects as `promise` does before. */
export function resolvesWithin(
  runtime: Runtime,
  promise: Promise<unknown>,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = runtime.setTimer(timeoutMs, () => resolve(false))
    promise.finally(() => timer.cancel()).then(() => resolve(true), reject)
  })
}
