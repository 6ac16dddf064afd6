/**
 * How long a consumer puts up with failures that pass by themselves: a broker that is away, a leader that moves, an error
 * that the broker has no name for. For as long as it takes, unless `giveUpAfter` says otherwise. What lasts is logged, not
 * each failure; `isWaiting` is for the metric.
 */
import { KafkaError, TimeoutError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'

/** A leader that moves, or a broker that restarts, takes less; what lasts longer is worth a line. */
const firstLineMs = 5000
const nextLineMs = 60_000

export interface PatienceOptions {
  readonly runtime: Runtime
  /** Milliseconds of nothing but failures; undefined: for ever. */
  readonly giveUpAfterMs: number | undefined
  readonly group: string | undefined
}

export class Patience {
  readonly #options: PatienceOptions
  /** What fails at present, and since when: partitions, the membership, commits. */
  readonly #failing = new Map<object, number>()
  #lineAt: number | undefined
  #hasTold = false

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  get isWaiting(): boolean {
    return this.#failing.size > 0
  }

  /** Undefined: `subject` is to be tried again after a pause. Otherwise what its consumer ends with. */
  judge(subject: object, error: unknown): unknown {
    if (!isPassing(error)) return error
    const { runtime, giveUpAfterMs, group } = this.#options
    const now = runtime.monotonicNow()
    const since = this.#failing.get(subject) ?? now
    this.#failing.set(subject, since)
    const forMs = now - since
    if (giveUpAfterMs !== undefined && forMs >= giveUpAfterMs) {
      return new TimeoutError(
        `Only failures for ${Math.round(forMs)} ms, and giveUpAfter is ${giveUpAfterMs} ms; the last one: ${(error as Error).message}`,
        { code: 'REQUEST_TIMED_OUT', cause: error },
      )
    }
    this.#lineAt ??= now + firstLineMs
    if (now >= this.#lineAt) {
      this.#lineAt = now + nextLineMs
      this.#hasTold = true
      runtime.logger.warn(
        { err: error, group, forMs: Math.round(forMs) },
        'the consumer only gets failures; it keeps retrying',
      )
    }
    return undefined
  }

  /** It works, or is wanted no more. */
  forget(subject: object): void {
    if (!this.#failing.delete(subject) || this.#failing.size > 0) return
    this.#lineAt = undefined
    if (!this.#hasTold) return
    this.#hasTold = false
    const { runtime, group } = this.#options
    runtime.logger.info({ group }, 'the consumer continues')
  }
}

/** Whether another try may succeed with nothing changed by the application. */
function isPassing(error: unknown): error is KafkaError {
  if (!(error instanceof KafkaError)) return false
  return error.retriable || curable.has(error.code)
}

/** Kafka does not call these retriable. Fresh metadata cures most; the last one says only that something went wrong there. */
const curable: ReadonlySet<string> = new Set([
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'UNKNOWN_SERVER_ERROR',
])
