/** Tries again what passes by itself, for as long as a consumer would. */
import type { Patience } from '../../client/consumer/patience.ts'
import { backoffDelay, delay } from '../../core/backoff.ts'
import { TopicNotFoundError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'

/** Between two tries, milliseconds. */
export const backoff = { baseMs: 50, maxMs: 1000 }

export interface PatientParts {
  readonly runtime: Runtime
  readonly patience: Patience
  /** Ends it, with `AbortedError`. */
  readonly signal: AbortSignal
}

/** Tries until it works. Rejects with what no wait puts right, and with `AbortedError` when `signal` aborts. */
export async function patiently<T>(
  { runtime, patience, signal }: PatientParts,
  work: () => Promise<T>,
): Promise<T> {
  const subject = {}
  try {
    for (let failures = 1; ; failures++) {
      try {
        return await work()
      } catch (error) {
        if (error instanceof TopicNotFoundError && !error.retriable) throw error
        const end = signal.aborted ? undefined : patience.judge(subject, error)
        if (end !== undefined) throw end
        await delay(runtime, backoffDelay(failures, backoff, runtime), signal)
      }
    }
  } finally {
    patience.forget(subject)
  }
}
