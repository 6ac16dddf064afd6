/** How far a call to the cluster may go. */
import type { KafkaError } from '../core/errors.ts'

export interface CallOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds for the call with its retries; default: the client's `timeout`. */
  timeoutMs?: number | undefined
  /** Retries of a failure that may pass; default: the client's `retries`. */
  retries?: number | undefined
  /** Whether another try of this call is in vain, although another call may succeed. Default: never. */
  isFinal?: ((error: KafkaError) => boolean) | undefined
}
