/** Exponential backoff with jitter, and waits that an AbortSignal ends. Time comes from `Runtime`. */
import { onAbort } from './abort.ts'
import { AbortedError } from './errors.ts'
import type { Runtime } from './runtime.ts'

export interface BackoffOptions {
  /** First delay, milliseconds. */
  baseMs: number
  /** No delay is longer, milliseconds. */
  maxMs: number
  /** Share of the delay that is random, 0 to 1; default 0.2. */
  jitter?: number
}

/** Delay before retry number `attempt` (1 is the first retry), in milliseconds. */
export function backoffDelay(attempt: number, options: BackoffOptions, runtime: Runtime): number {
  const { baseMs, maxMs, jitter = 0.2 } = options
  const delay = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30))
  return delay * (1 - jitter + 2 * jitter * runtime.random())
}

/** Resolves after `delayMs`; rejects at once with the signal's reason when it is, or gets, aborted. */
export function delay(runtime: Runtime, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortReason(signal))
    const timer = runtime.setTimer(delayMs, () => {
      stopListening()
      resolve()
    })
    const stopListening = onAbort(signal, () => {
      timer.cancel()
      reject(abortReason(signal!))
    })
  })
}

/** The signal's reason when it is an Error of the caller's, else an `AbortedError`. */
export function abortReason(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason
  if (reason instanceof Error && reason.name !== 'AbortError') return reason
  return new AbortedError('The call was cancelled by its AbortSignal', {
    code: 'ABORTED',
    cause: reason,
  })
}
