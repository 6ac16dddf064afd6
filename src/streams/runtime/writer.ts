/** Writes what tasks put out, and makes it count together with the offsets that it came from. */
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import type { Output } from '../operator.ts'

export interface Writer {
  /** Of its transactions; undefined where there are none. */
  readonly transactionalId: string | undefined
  /** Before anything is written. Ends what an earlier one of the same name left unfinished. */
  begin(): Promise<void>
  /** Never throws; what goes wrong makes the commit fail. `stored`: is told its offset once the broker has it; -1 where the broker did not say. */
  write(output: Output, stored?: (offset: bigint) => void): void
  /** Resolves once all that was written is stored; rejects with the first that could not be: then the commit fails, too. */
  flush(): Promise<void>
  /**
   * Everything written since the last commit counts, and these offsets with it. When it rejects, `abort` is to be called; an error
   * whose outcome is unknown may have been a commit all the same.
   */
  commit(offsets: readonly PartitionOffset[]): Promise<void>
  /** Nothing written since the last commit counts, where that can be had. */
  abort(): Promise<void>
  close(): Promise<void>
}
