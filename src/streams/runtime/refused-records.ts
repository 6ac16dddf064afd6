/**
 * Finds the record whose results the broker refuses, which it does no earlier than at the commit: they are too large for a topic,
 * or lack what it demands. `onError` says what becomes of that record, as of any that fails.
 *
 *   a commit is refused ──▶ its records are processed again, half as many with each commit, until a commit has one record
 *   the commit of one record is refused ──▶ it has failed: its task gives it up when it comes again, and commits by itself
 *   a commit is accepted ──▶ twice as many with the next, until all of the records of the first are committed
 *
 * Timers rest meanwhile, so that no record is taken for one. If no record is found, it was a timer, and the application stops.
 */
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Origin } from '../stream-record.ts'
import type { RunningTask } from './running-task.ts'

/** Refusals that concern what is written, and not who writes it: another try gives the same. */
const codes: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
])

export class RefusedRecords {
  /** How far the commit would have come that was refused, where that is not committed since. None: there is nothing to look for. */
  #suspects: readonly PartitionOffset[] = []
  /** So many are processed before the next commit. */
  #limit = 0
  #taken = 0
  /** The first of them. */
  #first: { readonly task: RunningTask; readonly origin: Origin } | undefined
  #hasFound = false
  /** The last search found none. */
  #isInVain = false

  get isSearching(): boolean {
    return this.#suspects.length > 0
  }

  /** Processes some records, `one` of a task at a time. Gives how many. */
  async process(tasks: readonly RunningTask[], one: One): Promise<number> {
    this.#taken = 0
    // What others have now is theirs to look at.
    this.#suspects = this.#suspects.filter((one) => tasks.some((task) => task.owns(one)))
    for (const task of tasks) {
      for (let origin = task.next; origin && this.#taken < this.#limit; origin = task.next) {
        const { topic, partition, offset } = origin
        if (this.#taken === 0) this.#first = { task, origin: { topic, partition, offset } }
        const count = await one(task)
        if (count === 0) break
        this.#taken += count
      }
    }
    return this.#taken
  }

  committed(offsets: readonly PartitionOffset[]): void {
    const wasSearching = this.isSearching
    this.#suspects = this.#suspects.filter((one) => !offsets.some((at) => isPast(at, one)))
    this.#isInVain = wasSearching && !this.#hasFound && !this.isSearching
    if (!this.isSearching) this.#hasFound = false
    this.#limit *= 2
    this.#taken = 0
  }

  /**
   * A commit of these tasks and offsets has failed. True: for what was written, and it is to be tried again from the last commit.
   */
  take(
    error: unknown,
    tasks: readonly RunningTask[],
    offsets: readonly PartitionOffset[],
  ): boolean {
    if (!(error instanceof KafkaError) || !codes.has(error.code) || this.#isInVain) return false
    if (this.isSearching && this.#taken === 1) {
      this.#hasFound = true
      this.#first!.task.task.refuse(this.#first!.origin, error)
      return true
    }
    const count = this.isSearching
      ? this.#taken
      : tasks.reduce((sum, { processed }) => sum + processed, 0)
    if (!this.isSearching) this.#suspects = offsets
    this.#limit = Math.max(1, Math.floor(count / 2))
    return this.isSearching && count > 0
  }
}

function isPast(at: PartitionOffset, one: PartitionOffset): boolean {
  return at.topic === one.topic && at.partition === one.partition && at.offset >= one.offset
}

type One = (task: RunningTask) => number | Promise<number>
