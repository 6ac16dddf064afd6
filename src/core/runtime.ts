/**
 * Everything that is not a pure function of its input: time, timers, randomness and logging.
 *
 * Real time and randomness are used only here (and in entry files that build a `Runtime`), so tests and
 * the simulation can replace them.
 */

/**
 * A structured logger: fields first, then the message. A pino logger fits as it is. When it throws or rejects, that line
 * is lost, and nothing else.
 */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Timer {
  /** Idempotent; a timer that has fired is not an error to cancel. */
  cancel(): void
}

/** The source of time, timers and randomness of a client; tests can replace it. */
export interface Runtime {
  /** Wall clock, milliseconds since the epoch. It may jump. */
  now(): number
  /** Milliseconds that never go back; for durations and deadlines. */
  monotonicNow(): number
  /** Calls `fn` once, at least `delayMs` later. The timer does not by itself keep the process alive when `background` is set. */
  setTimer(delayMs: number, fn: () => void, options?: { background?: boolean }): Timer
  /** A number in [0, 1). */
  random(): number
  /** A random (version 4) UUID. */
  uuid(): string
  readonly logger: Logger
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

const timeoutMsMax = 2_147_483_647

export function createRuntime(logger: Logger = silentLogger): Runtime {
  return {
    now: () => Date.now(),
    monotonicNow: () => performance.now(),
    setTimer(delayMs, fn, options) {
      const dueAt = performance.now() + delayMs
      let handle: ReturnType<typeof setTimeout> | undefined
      const arm = (leftMs: number) => {
        // Fractions are dropped by setTimeout, and more than its longest delay makes it fire at once.
        handle = setTimeout(onTime, Math.min(Math.ceil(leftMs), timeoutMsMax))
        if (options?.background) (handle as { unref?: () => void }).unref?.()
      }
      const onTime = () => {
        // It counts in whole milliseconds from a rounded start, and so may be early.
        const leftMs = dueAt - performance.now()
        if (leftMs > 0) arm(leftMs)
        else fn()
      }
      arm(delayMs)
      return { cancel: () => clearTimeout(handle) }
    },
    random: () => Math.random(),
    uuid: () => crypto.randomUUID(),
    logger,
  }
}
