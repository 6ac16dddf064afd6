/** The folders of partitions, by topic: opening, listing, and removal that is durable when it resolves. */
import type { FileSystem } from '../../storage/file-system.ts'
import type { LogConfig } from '../log/log-config.ts'
import type { LogStore } from '../log/log-store.ts'
import type { PartitionLog } from '../log/partition-log.ts'

export interface PartitionName {
  readonly topic: string
  readonly partition: number
}

export class TopicFolders {
  readonly #store: LogStore
  readonly #fileSystem: FileSystem

  constructor(store: LogStore, fileSystem: FileSystem) {
    this.#store = store
    this.#fileSystem = fileSystem
  }

  /** All partition folders that are there, opened or not. */
  list(): PartitionName[] {
    return this.#store.folders().map((folder) => {
      const dash = folder.lastIndexOf('-')
      return { topic: folder.slice(0, dash), partition: Number(folder.slice(dash + 1)) }
    })
  }

  /** What a folder holds: log files, nothing, or something that is none of the broker's business. */
  content({ topic, partition }: PartitionName): 'log' | 'nothing' | 'foreign' {
    const names = this.#fileSystem.list(`${topic}-${partition}`)
    if (names.length === 0) return 'nothing'
    return names.some((name) => /^\d{20}\.log$/.test(name)) ? 'log' : 'foreign'
  }

  /** Opens or creates partitions [from, to). Throws `StorageError`; then the new ones are left for `remove`. */
  async open(topic: string, from: number, to: number, config: LogConfig): Promise<PartitionLog[]> {
    const opening: Promise<PartitionLog>[] = []
    for (let partition = from; partition < to; partition++) {
      opening.push(this.#store.openLog(topic, partition, config))
    }
    return allOf(opening)
  }

  /** Removes what is there of these partitions. Throws `StorageError`. */
  async remove(partitions: readonly PartitionName[]): Promise<void> {
    if (partitions.length === 0) return
    await this.#store.deleteLogs(partitions)
  }

  /**
   * Durable when it resolves, also where nothing is there any more: a process that died may have removed the folders without
   * having seen that become durable, and with their record gone they would come back as a topic.
   */
  async removeTopic(name: string): Promise<void> {
    await this.#store.deleteLogs(this.#store.partitionsOf(name))
  }
}

/** As `Promise.all`, but leaves nothing running when it rejects. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const values: T[] = []
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason
    values.push(result.value)
  }
  return values
}
