/**
 * The `.snapshot` files of a partition: the producer state as of the offset that names the file. One is kept for each
 * segment, as of its beginning: recovery may have to begin with any of them, and what a producer wrote before that may be
 * gone with older segments.
 */
import type { File, FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import { writeWhole } from './index-file.ts'
import type { ProducerState } from './producer-state.ts'
import { segmentName } from './segment.ts'

export class ProducerSnapshots {
  readonly #fileSystem: FileSystem
  readonly #folder: string

  constructor(fileSystem: FileSystem, folder: string) {
    this.#fileSystem = fileSystem
    this.#folder = folder
  }

  /** Writes the state as of `offset` and removes old snapshots. Returns the file for the caller to sync and close. */
  write(offset: bigint, state: ProducerState): File {
    const file = writeWhole(this.#fileSystem, this.#path(offset), state.toSnapshot())
    for (const other of this.#offsets()) {
      const isOfSegment =
        this.#fileSystem.stat(`${this.#folder}/${segmentName(other)}.log`) !== undefined
      if (other < offset && !isOfSegment) this.#fileSystem.remove(this.#path(other))
    }
    return file
  }

  /** Restores the newest sound snapshot not past `offset`; returns its offset, or undefined and an empty state. */
  restore(offset: bigint, state: ProducerState, nowMs: number): bigint | undefined {
    for (const candidate of this.#offsets().reverse()) {
      if (candidate > offset) continue
      const bytes = readWhole(this.#fileSystem, this.#path(candidate))
      if (bytes && state.restore(bytes, nowMs)) return candidate
    }
    state.clear()
    return undefined
  }

  removeBelow(offset: bigint): void {
    for (const old of this.#offsets()) if (old < offset) this.#fileSystem.remove(this.#path(old))
  }

  /** Returns how many there were. */
  removeAbove(offset: bigint): number {
    const newer = this.#offsets().filter((one) => one > offset)
    for (const one of newer) this.#fileSystem.remove(this.#path(one))
    return newer.length
  }

  /** Ascending. */
  #offsets(): bigint[] {
    return this.#fileSystem
      .list(this.#folder)
      .filter((name) => /^\d{20}\.snapshot$/.test(name))
      .map((name) => BigInt(name.slice(0, 20)))
  }

  #path(offset: bigint): string {
    return `${this.#folder}/${segmentName(offset)}.snapshot`
  }
}
