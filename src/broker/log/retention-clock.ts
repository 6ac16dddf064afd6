/**
 * The time that retention goes by: the wall clock, but for a grace after it has jumped ahead. A clock that is wrong by
 * years would make everything look expired at the first look, and what is deleted nobody brings back.
 *
 *   trusted ──ahead by a week or more of what the monotonic clock, or the last run, explains──▶ held back
 *   held back ──grace is over, or the clock is set back──▶ trusted
 *
 * While it is held back, retention goes on by the old time. The time a broker is stopped counts as a jump too, for nobody
 * can tell the two apart, and as time that has passed. Decision 0019 has the reasons.
 */
import type { Logger, Runtime } from '../../core/runtime.ts'

const dayMs = 86_400_000
/** What is shorter is an ordinary gap: a broker that is stopped, or a laptop asleep, for some days. */
export const clockJumpMs = 7 * dayMs

/** What outlives the process. */
export interface RetentionClockState {
  /** Wall-clock milliseconds when the clock was last looked at. */
  readonly lastSeenMs: number
  /** How far the time of retention is behind the wall clock; 0: it is trusted. */
  readonly heldBackMs: number
  /** How much of the grace is over. */
  readonly heldForMs: number
}

export interface RetentionClockOptions {
  readonly runtime: Pick<Runtime, 'now' | 'monotonicNow'> & { readonly logger: Logger }
  /** 0: the clock is always trusted. */
  readonly graceMs: number
  /** What the last process left; undefined when nothing is known of it. */
  readonly state?: RetentionClockState | undefined
}

export class RetentionClock {
  readonly #options: RetentionClockOptions
  #lastSeenMs: number
  /** Undefined before the first look: how long the process before has been gone no monotonic clock tells. */
  #lastMonotonicMs: number | undefined
  #heldBackMs: number
  #heldForMs: number

  constructor(options: RetentionClockOptions) {
    this.#options = options
    const { state, runtime } = options
    this.#lastSeenMs = state?.lastSeenMs ?? runtime.now()
    this.#heldBackMs = state?.heldBackMs ?? 0
    this.#heldForMs = state?.heldForMs ?? 0
  }

  get state(): RetentionClockState {
    return {
      lastSeenMs: this.#lastSeenMs,
      heldBackMs: this.#heldBackMs,
      heldForMs: this.#heldForMs,
    }
  }

  get isHeldBack(): boolean {
    return this.#heldBackMs > 0
  }

  /** Looks at the clocks; returns the time that retention goes by, wall-clock milliseconds. */
  now(): number {
    const { runtime, graceMs } = this.#options
    const wallMs = runtime.now()
    const monotonicMs = runtime.monotonicNow()
    const isFirst = this.#lastMonotonicMs === undefined
    const gapMs = wallMs - this.#lastSeenMs
    const passedMs = monotonicMs - (this.#lastMonotonicMs ?? monotonicMs)
    this.#lastSeenMs = wallMs
    this.#lastMonotonicMs = monotonicMs
    this.#passGrace(isFirst ? Math.max(0, gapMs) : passedMs)
    const jumpMs = gapMs - passedMs
    if (jumpMs >= clockJumpMs && graceMs > 0) this.#holdBack(wallMs, jumpMs, isFirst)
    else if (jumpMs < 0 && this.isHeldBack) this.#setBack(-jumpMs)
    return wallMs - this.#heldBackMs
  }

  #passGrace(ms: number): void {
    if (!this.isHeldBack) return
    this.#heldForMs += ms
    if (this.#heldForMs < this.#options.graceMs) return
    this.#options.runtime.logger.warn(
      { heldBackMs: this.#heldBackMs },
      'the grace period after the clock jump is over; retention follows the clock again',
    )
    this.#trust()
  }

  #holdBack(wallMs: number, jumpMs: number, isFirst: boolean): void {
    const { runtime, graceMs } = this.#options
    this.#heldBackMs += jumpMs
    this.#heldForMs = 0
    runtime.logger.warn(
      {
        clock: timeOf(wallMs),
        aheadDays: Math.round(jumpMs / dayMs),
        retentionGoesBy: timeOf(wallMs - this.#heldBackMs),
        graceEndsAt: timeOf(wallMs + graceMs),
      },
      isFirst
        ? 'the clock is far ahead of when this broker last ran; records that only expired in between are kept until the grace period is over. Correct the clock if it is wrong, or raise retention.ms to keep the records'
        : 'the clock jumped far ahead; records that only expired because of the jump are kept until the grace period is over. Correct the clock if it is wrong, or raise retention.ms to keep the records',
    )
  }

  #setBack(ms: number): void {
    this.#heldBackMs -= ms
    // What is left is no jump that would have been held back.
    if (this.#heldBackMs >= clockJumpMs) return
    this.#options.runtime.logger.info({}, 'the clock was set back; retention follows it again')
    this.#trust()
  }

  #trust(): void {
    this.#heldBackMs = 0
    this.#heldForMs = 0
  }
}

/** A clock may show what no date can. */
export function timeOf(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
