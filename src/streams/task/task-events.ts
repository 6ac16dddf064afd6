/** What a task tells of as it works. */
import type { DropReason, Output } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import type { StreamProcessingError } from './errors.ts'

/** What a task is told of and told by. */
export interface TaskEvents {
  /** A record has succeeded, and this is part of what came of it. */
  emit(output: Output): void
  dropped(operator: string, reason: DropReason, record: StreamRecord): void
  /** A join by predicate has compared so many pairs. */
  compared?(operator: string, pairs: number): void
  /** A record failed, and this is what becomes of it. */
  failed(error: StreamProcessingError, action: 'stop' | 'retry' | 'skip' | 'deadLetter'): void
  /** Epoch milliseconds of the wall clock. */
  now(): number
}
