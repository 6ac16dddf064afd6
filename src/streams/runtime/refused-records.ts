/**
 * Finds what the broker refuses, which it does no earlier than at the commit: it is too large for a topic, or lacks what the topic
 * demands. `onError` says what becomes of it, as of anything that fails.
 *
 *   a commit is refused ──▶ its records are processed again, half as many with each commit, until a commit has one record
 *   the commit of one record is refused
 *     ├─ nothing else came of it ──▶ it has failed
 *     └─ results were due, or records were handed on ──▶ it is examined: processed once more, each part written by itself;
 *                                                        the first part that is refused has failed
 *   what has failed is given up by its task when it comes again; what is left commits
 *   a commit is accepted ──▶ twice as many with the next, until all of the records of the first are committed
 *
 * What was examined is never committed. Timers rest meanwhile, so that no record is taken for one. If nothing is found, it was a
 * timer; if what was put in place of a failed one, as a dead letter, is refused as well, there is no more to be done. In both
 * cases the application stops.
 */
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Output } from '../operator.ts'
import { type Part, partId } from '../task/part.ts'
import type { RunningTask } from './running-task.ts'

/** Refusals that concern what is written, and not who writes it: another try gives the same. */
const codes: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
])

interface PartOfTask {
  readonly task: RunningTask
  readonly part: Part
}

/** Writes outputs, and what a task has changed since its last commit, and waits until that is stored. */
export type WritePart = (task: RunningTask, outputs: readonly Output[]) => Promise<void>

export class RefusedRecords {
  readonly #write: WritePart
  /** How far the commit would have come that was refused, where that is not committed since. None: there is nothing to look for. */
  #suspects: readonly PartitionOffset[] = []
  /** So many are processed before the next commit. */
  #limit = 0
  #taken = 0
  /** The first of them. */
  #first: PartOfTask | undefined
  /** The record that is examined, and what its commit was refused with. */
  #examined: (PartOfTask & { readonly error: unknown }) | undefined
  #blamed: (PartOfTask & { readonly error: unknown }) | undefined
  #hasFound = false
  /** The last search found none. */
  #isInVain = false

  constructor(write: WritePart) {
    this.#write = write
  }

  get isSearching(): boolean {
    return this.#suspects.length > 0
  }

  /** What is processed now was written already, as far as it can be, and fails with this instead of being committed. */
  get verdict(): { readonly error: unknown } | undefined {
    return this.#examined && (this.#blamed ?? this.#examined)
  }

  /** Processes some records, `one` of a task at a time. Gives how many. */
  async process(tasks: readonly RunningTask[], one: One): Promise<number> {
    this.#taken = 0
    // What others have now is theirs to look at.
    this.#suspects = this.#suspects.filter((one) => tasks.some((task) => task.owns(one)))
    if (!this.isSearching) this.#endExamining(tasks)
    for (const task of tasks) {
      if (this.#examined) {
        task.task.checkParts((part, outputs) => this.#check({ task, part }, outputs))
      }
      for (let origin = task.next; origin && this.#taken < this.#limit; origin = task.next) {
        const { topic, partition, offset } = origin
        if (this.#taken === 0) {
          const part = { origin: { topic, partition, offset }, data: undefined, result: undefined }
          this.#first = { task, part }
        }
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
    if (!(error instanceof KafkaError) || !codes.has(error.code) || this.#isInVain) {
      this.#blamed = undefined
      return false
    }
    const processed = tasks.reduce((sum, task) => sum + task.processed, 0)
    if (this.isSearching && this.#taken === 1) {
      const isWhole = processed === 1 && !tasks.some(({ task }) => task.hadResults)
      if (!this.#examined && !isWhole) {
        this.#examined = { ...this.#first!, error }
        return true
      }
      const examined = this.#examined
      const { task, part } = this.#blamed ?? this.#first!
      this.#endExamining(tasks)
      // Another one has come before it, with which nothing is wrong.
      if (examined && !isSame(examined, this.#first!) && part === this.#first!.part) return true
      this.#hasFound = true
      return task.task.refuse(part, error)
    }
    this.#endExamining(tasks)
    const count = this.isSearching ? this.#taken : processed
    if (!this.isSearching) this.#suspects = offsets
    this.#limit = Math.max(1, Math.floor(count / 2))
    return this.isSearching && count > 0
  }

  async #check(one: PartOfTask, outputs: readonly Output[]): Promise<void> {
    if (this.#blamed) return
    try {
      await this.#write(one.task, outputs)
    } catch (error) {
      this.#blamed ??= { ...one, error }
    }
  }

  #endExamining(tasks: readonly RunningTask[]): void {
    if (!this.#examined) return
    this.#examined = undefined
    this.#blamed = undefined
    for (const { task } of tasks) task.checkParts(undefined)
  }
}

function isSame(a: PartOfTask, b: PartOfTask): boolean {
  return a.task === b.task && partId(a.part) === partId(b.part)
}

function isPast(at: PartitionOffset, one: PartitionOffset): boolean {
  return at.topic === one.topic && at.partition === one.partition && at.offset >= one.offset
}

type One = (task: RunningTask) => number | Promise<number>
