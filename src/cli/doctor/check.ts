/** One thing that the doctor has looked at besides the data itself. */

export type CheckStatus = 'ok' | 'warning' | 'problem'

export interface Check {
  /** A word: `disk`, `sync`, `files`. Does not change. */
  readonly name: string
  readonly status: CheckStatus
  /** What was seen. */
  readonly message: string
  /** What to do about it; undefined: nothing. */
  readonly remedy?: string | undefined
}

export function ok(name: string, message: string): Check {
  return { name, status: 'ok', message }
}

export function warning(name: string, message: string, remedy: string): Check {
  return { name, status: 'warning', message, remedy }
}

export function problem(name: string, message: string, remedy: string): Check {
  return { name, status: 'problem', message, remedy }
}
