/**
 * What this broker refuses because a part of its own records is damaged: groups when that is `__consumer_offsets`,
 * transactional ids when it is `__transaction_state`. Everything else is served. To go on as if the damage were not there
 * would set groups back, or let a producer in that had been fenced.
 */
import type { Access } from '../backend/access.ts'
import { CorruptDataError, type KafkaError } from '../core/errors.ts'
import type { Logger } from '../core/runtime.ts'
import type { LostRange } from './log/lost-range.ts'

export type RefusedType = 'group' | 'transactionalId'

export class Refusals {
  readonly #reasons = new Map<RefusedType, string>()

  get isEmpty(): boolean {
    return this.#reasons.size === 0
  }

  refuse(type: RefusedType, reason: string): void {
    this.#reasons.set(type, reason)
  }

  /** Why resources of this type are refused; undefined when they are served. */
  reasonFor(type: RefusedType): string | undefined {
    return this.#reasons.get(type)
  }

  /** What to throw at a request that needs these resources; undefined when it can be served. */
  errorFor(accesses: readonly Access[]): KafkaError | undefined {
    for (const { type } of accesses) {
      const reason = this.#reasons.get(type as RefusedType)
      if (reason !== undefined)
        return new CorruptDataError(reason, { code: 'UNKNOWN_SERVER_ERROR' })
    }
    return undefined
  }
}

/** Logs what an internal log has lost, and what that means; returns the text. */
export function reportLoss(
  logger: Logger,
  name: string,
  lost: readonly LostRange[],
  description: string,
  consequence: string,
): string {
  const ranges = lost.map(({ from, to }) => `${from} to ${to - 1n}`).join(', ')
  const text = `${name} is damaged (offsets ${ranges}): ${consequence}. Stop the broker, then 'kafka-do doctor ${description}' says what is lost, and with --repair goes on without it; or restore the folder ${name} from a backup`
  logger.error({ log: name, ranges }, text)
  return text
}
