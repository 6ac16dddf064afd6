/** What an application has done since it started. */
import type { Runtime } from '../../core/runtime.ts'
import type { StreamMetrics } from '../dsl/stream-run.ts'
import type { Output } from '../operator.ts'
import type { TaskEvents } from '../task/task-events.ts'
import type { RunningTask } from './running-task.ts'

/** Tasks that do not run yet, or run elsewhere. */
export interface OtherTasks {
  /** Changelog entries that were read. */
  readonly restored: number
  readonly restoreRemaining: number
  readonly standbyLag: number
  readonly restoring: number
  readonly standby: number
}

export class RunCounters {
  recordsIn = 0
  recordsOut = 0
  commits = 0
  /** What they took, milliseconds. */
  commitMs = 0
  deadLetters = 0
  readonly #late = new Map<string, number>()
  readonly #skipped = new Map<string, number>()
  readonly #compared = new Map<string, number>()

  eventsOf(runtime: Runtime, write: (output: Output) => void): TaskEvents {
    return {
      emit: (output) => {
        this.recordsOut++
        write(output)
      },
      dropped: (operator, reason) => {
        if (reason === 'late') add(this.#late, operator)
        else add(this.#skipped, reason)
      },
      compared: (operator, pairs) => add(this.#compared, operator, pairs),
      failed: (error, action) => {
        if (action === 'deadLetter') this.deadLetters++
        if (action === 'skip') add(this.#skipped, 'failed')
        const { topic, partition, offset } = error
        const where = { err: error, topic, partition, offset: String(offset), action }
        if (action === 'stop') runtime.logger.error(where, 'a record stopped the stream')
        else runtime.logger.warn(where, 'a record of a stream failed')
      },
      now: () => runtime.now(),
    }
  }

  read(tasks: readonly RunningTask[], others: OtherTasks): StreamMetrics {
    const stores: { [name: string]: { entries: number; sizeInBytes: number } } = {}
    for (const { task } of tasks) {
      for (const [name, store] of task.stores) {
        stores[name] ??= { entries: 0, sizeInBytes: 0 }
        stores[name].entries += store.size
        stores[name].sizeInBytes += task.files?.sizeOf(name) ?? store.sizeInBytes
      }
    }
    const { recordsIn, recordsOut, commits, commitMs, deadLetters } = this
    const { restored, restoreRemaining, standbyLag, restoring, standby } = others
    const late = Object.fromEntries(this.#late)
    const skipped = Object.fromEntries(this.#skipped)
    return {
      ...{ recordsIn, recordsOut, commits, commitMs, deadLetters, late, skipped, stores },
      ...{ restored, restoreRemaining, standbyLag },
      tasks: tasks.length,
      tasksByState: { running: tasks.length, restoring, standby },
      joinComparisons: Object.fromEntries(this.#compared),
    }
  }
}

function add(counts: Map<string, number>, name: string, count = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}
