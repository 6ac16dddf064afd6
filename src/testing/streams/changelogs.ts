/** What a commit has written to the changelogs of the stores: all that tasks are restored from. */

import { encodeUtf8 } from '../../core/bytes.ts'
import { type ChangelogEntry, changesOf, type Store } from '../../streams/stores/store.ts'
import type { Task } from '../../streams/task/task.ts'

interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestampMs: number
}

export class Changelogs {
  /** By store and partition; in each, by the key's bytes, as compaction keeps them. */
  readonly #entries = new Map<string, Map<string, Entry>>()
  /** Stream times, by task and operator. */
  readonly #times = new Map<string, number>()

  /** Writes down what has changed, as it is in one transaction, and lets the task know. */
  commit(task: Task): void {
    for (const store of task.stores.values()) {
      if (store.spec.changelog === 'none') continue
      const entries = this.#of(task, store)
      for (const entry of changesOf(store)) entries.set(String(bytesOf(entry.key)), written(entry))
    }
    task.commit()
    for (const [operator, time] of task.times) {
      this.#times.set(`${task.id} ${operator}`, time.committed)
    }
  }

  /** Fills a new task. */
  restore(task: Task): void {
    for (const store of task.stores.values()) {
      for (const { key, value, timestampMs } of this.#of(task, store).values()) {
        store.restore(key, value, timestampMs)
      }
    }
    for (const [operator, time] of task.times) {
      const committed = this.#times.get(`${task.id} ${operator}`)
      if (committed !== undefined) time.restore(committed)
    }
  }

  #of(task: Task, store: Store): Map<string, Entry> {
    const name = `${task.id} ${store.spec.name}`
    let entries = this.#entries.get(name)
    if (!entries) {
      entries = new Map()
      this.#entries.set(name, entries)
    }
    return entries
  }
}

function written({ key, value, timestampMs }: ChangelogEntry): Entry {
  return {
    key: bytesOf(key),
    value: value === null ? null : bytesOf(value),
    timestampMs,
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? encodeUtf8(data) : data.slice()
}
