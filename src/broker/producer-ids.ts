/**
 * Gives out producer ids, each once in the life of the data folder. Ids are reserved durably in blocks before the
 * first of a block is given out; what is left of a block at a restart is never used.
 */

/** Ids that one durable reservation covers. */
const blockSize = 1000n

export interface ProducerIdStore {
  readonly nextProducerId: bigint
  saveNextProducerId(next: bigint): Promise<void>
}

export class ProducerIds {
  readonly #store: ProducerIdStore
  #next: bigint
  #end: bigint
  #reserving: Promise<void> | undefined

  constructor(store: ProducerIdStore) {
    this.#store = store
    this.#next = store.nextProducerId
    this.#end = store.nextProducerId
  }

  /** Leaves out the ids below `id`. Call before the first is given out. */
  skipTo(id: bigint): void {
    if (id <= this.#next) return
    this.#next = id
    this.#end = id
  }

  /** Throws `StorageError` when a block cannot be reserved. */
  async next(): Promise<bigint> {
    while (this.#next === this.#end) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined
      })
      await this.#reserving
    }
    return this.#next++
  }

  async #reserve(): Promise<void> {
    const end = this.#end + blockSize
    await this.#store.saveNextProducerId(end)
    this.#next = end - blockSize
    this.#end = end
  }
}
