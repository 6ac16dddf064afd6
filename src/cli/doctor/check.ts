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

const freeBytesMin = 1024 ** 3

/** Whether there is room on a disk; `told`: which, and how much. */
export function diskCheck(told: string, freeBytes: number): Check {
  const remedy = 'Free space, or shorten the retention of topics, before the disk is full'
  return freeBytes < freeBytesMin ? warning('disk', told, remedy) : ok('disk', told)
}
