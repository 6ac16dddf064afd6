/**
 * What is due when a record comes, and is not the record: the last result of a window, a change that was held back, a pair that
 * finds no partner any more, a timer. Each fails by itself. What it did is undone, `onError` decides on it, and the record goes
 * on without it: were the record taken back, and time with it, the next one would only bring the same result again.
 *
 *   record ── own steps ──┬─ savepoint ─ result 1 ─ released
 *                         ├─ savepoint ─ result 2 ✗ taken back ─▶ onError ─▶ retry │ skip │ dead letter │ stop: all is undone
 *                         └─ savepoint ─ result 3 ─ …
 */
import type { ResolvedOnError } from '../../client/consumer/consumer-config.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Output } from '../operator.ts'
import { deadLetter } from './dead-letter.ts'
import { OperatorFailure, type StreamProcessingError } from './errors.ts'
import { inTurn } from './in-turn.ts'
import { asWritten, type DueResult } from './part.ts'
import type { Pile } from './pile.ts'
import { Decided, isOfFiles, toProcessingError } from './processing-failure.ts'
import type { FailedRecord } from './stream-error-policy.ts'
import type { TaskEvents } from './task-events.ts'
import { tryAgain } from './try-again.ts'
import type { Savepoint, Undo } from './undo.ts'

type Run = () => void | Promise<void>

/** What results have of their task. */
export interface ResultHost {
  readonly undo: Undo
  readonly outputs: Pile<Output>
  /** Lets go of the outputs from `size` on. */
  cutOutputs(size: number): void
  readonly events: TaskEvents
  readonly runtime: Runtime
  readonly closing: AbortSignal | undefined
  /** What a function for errors throws ends the stream in place of the error. */
  policyFor(error: StreamProcessingError, record: () => FailedRecord): ResolvedOnError
  /** Where what is under way was brought about, unless by a record. */
  at(): string | undefined
  /** Why the broker refuses what comes of it; undefined: as far as is known, it does not. */
  refusalOf(result: DueResult): Error | undefined
  /** Whether what `result` has done (undefined: the record) can be written; undefined where nobody wants to know. */
  check(result: DueResult | undefined): Promise<void> | undefined
}

interface Mark {
  readonly savepoint: Savepoint
  readonly outputs: number
}

export class Results {
  readonly #host: ResultHost
  /** Within which another one is due; undefined: the record. */
  #current: DueResult | undefined

  constructor(host: ResultHost) {
    this.#host = host
  }

  /** A record begins. */
  begin(): void {
    this.#current = undefined
  }

  /** Returns a promise only where `run` does, or where a pause takes time. Throws what ends the record. */
  apart(result: DueResult, run: Run): void | Promise<void> {
    return inTurn(this.#host.check(this.#current), () => {
      const refusal = this.#host.refusalOf(result)
      if (!refusal) return this.#attempt(result, run)
      // Tried again, it would be refused again.
      return this.#fail(result, new OperatorFailure('', 'produce', refusal))
    })
  }

  #attempt(result: DueResult, run: Run): void | Promise<void> {
    const outer = this.#current
    const mark = this.#mark(result)
    const failed = (thrown: unknown) => {
      this.#rollBack(mark, outer)
      return this.#fail(result, thrown, run)
    }
    try {
      const waiting = inTurn(run(), () => this.#host.check(result))
      if (!waiting) return this.#release(mark, outer)
      return waiting.then(() => this.#release(mark, outer), failed)
    } catch (error) {
      return failed(error)
    }
  }

  /** What is put in its place is its own, too. */
  #fail(result: DueResult, thrown: unknown, run?: Run): void | Promise<void> {
    return inTurn(this.#decide(result, thrown, run), () => this.#host.check(result))
  }

  #decide(result: DueResult, thrown: unknown, run?: Run): void | Promise<void> {
    if (thrown instanceof Decided || isOfFiles(thrown)) throw thrown
    try {
      const error = this.#errorOf(result, thrown)
      const policy = this.#host.policyFor(error, () => asWritten(result))
      if (policy.retry && run) return this.#retry(result, error, policy, run)
      return this.#giveUp(result, error, policy)
    } catch (end) {
      throw new Decided(end)
    }
  }

  async #retry(
    result: DueResult,
    first: StreamProcessingError,
    policy: ResolvedOnError,
    run: Run,
  ): Promise<void> {
    const { events, runtime, closing } = this.#host
    const outer = this.#current
    const attempt = async (before: StreamProcessingError) => {
      events.failed(before, 'retry')
      const mark = this.#mark(result)
      try {
        await run()
        await this.#host.check(result)
        this.#release(mark, outer)
        return undefined
      } catch (thrown) {
        this.#rollBack(mark, outer)
        if (thrown instanceof Decided || isOfFiles(thrown)) throw thrown
        return this.#errorOf(result, thrown)
      }
    }
    try {
      const retrying = { retry: policy.retry!, runtime, signal: closing }
      const last = await tryAgain(first, retrying, attempt)
      if (last) this.#giveUp(result, last, policy)
    } catch (end) {
      throw end instanceof Decided || isOfFiles(end) ? end : new Decided(end)
    }
  }

  #giveUp(result: DueResult, error: StreamProcessingError, policy: ResolvedOnError): void {
    const { events, outputs } = this.#host
    // Of a timer there is nothing to be sent.
    const action = policy.finally === 'deadLetter' && !result.written ? 'skip' : policy.finally
    events.failed(error, action)
    if (action === 'stop') throw error
    if (action === 'deadLetter') {
      outputs.push(deadLetter(policy.deadLetter!, asWritten(result), error, events.now()))
    }
  }

  #errorOf({ operator, record, written }: DueResult, thrown: unknown): StreamProcessingError {
    const { origin, timestampMs } = record
    const key = written ? record.key : null
    return toProcessingError(origin, thrown, this.#host.at(), { operator, key, timestampMs })
  }

  #mark(result: DueResult): Mark {
    this.#current = result
    return { savepoint: this.#host.undo.open(), outputs: this.#host.outputs.size }
  }

  #release({ savepoint }: Mark, outer: DueResult | undefined): void {
    this.#current = outer
    this.#host.undo.release(savepoint)
  }

  #rollBack({ savepoint, outputs }: Mark, outer: DueResult | undefined): void {
    this.#current = outer
    this.#host.undo.rollBack(savepoint)
    this.#host.cutOutputs(outputs)
  }
}
