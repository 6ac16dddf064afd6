/** Records that had been stored and cannot be read: what a read of them says, and where the log goes on. */
import { CorruptDataError } from '../../core/errors.ts'

/** Offsets from `from` on, below `to`. */
export interface LostRange {
  readonly from: bigint
  readonly to: bigint
}

/** A read met damage. */
export class LostRecordsError extends CorruptDataError {
  readonly range: LostRange

  constructor(message: string, range: LostRange) {
    super(message, { code: 'CORRUPT_MESSAGE' })
    this.name = 'CorruptDataError'
    this.range = range
  }
}
