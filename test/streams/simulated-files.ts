/**
 * Files of one place for a process: what was written survives the process that wrote it, but for the last, which the machine may
 * have lost with it. Writing takes a while, in which the process may die.
 */
import { StorageError } from '../../src/core/errors.ts'
import type { StateEngine } from '../../src/streams/state-dir/state-engine.ts'
import type { StateFolder } from '../../src/streams/state-dir/state-folder.ts'
import type { SeededRandom } from '../simulation/random.ts'
import type { SimulatedProcess } from './simulated-world.ts'
import { MemoryDatabase } from './state/memory-engine.ts'

const databases = new Map<string, () => StateEngine>()

/** In place of a database on disk: that of a path which `SimulatedFiles` has given. */
export function openSimulated(path: string): Promise<StateEngine> {
  return Promise.resolve(databases.get(path)!())
}

export class SimulatedFiles {
  readonly #random: SeededRandom
  readonly #databases = new Map<string, MemoryDatabase>()
  readonly #texts = new Map<string, string>()

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** Whoever had them before is dead. */
  takenBy(process: SimulatedProcess): StateFolder {
    const path = `/${process.runtime.uuid()}`
    for (const database of this.#databases.values()) {
      database.lose(this.#random.chance(0.3) ? this.#random.below(4) : 0)
    }
    const pathOf = (name: string) => {
      const at = `${path}/${name}`
      databases.set(at, () => this.#open(name, process))
      return at
    }
    const remove = (name: string) => void this.#databases.delete(name)
    return {
      path,
      pathOf,
      folders: () => [...this.#databases.keys()],
      remove,
      setAside: (name) => {
        remove(name)
        return `${path}/${name}.damaged`
      },
      readText: (name) => this.#texts.get(name),
      writeText: (name, text) => void this.#texts.set(name, text),
      release: () => {
        for (const at of databases.keys()) if (at.startsWith(`${path}/`)) databases.delete(at)
      },
    }
  }

  #open(name: string, process: SimulatedProcess): StateEngine {
    let database = this.#databases.get(name)
    if (!database) {
      database = new MemoryDatabase()
      this.#databases.set(name, database)
    }
    const engine = database.open()
    let isClosed = false
    return {
      ...engine,
      close: async () => {
        isClosed = true
      },
      write: async (batch) => {
        if (isClosed) throw new StorageError(`${name} is closed`, { code: 'STORAGE_ERROR' })
        const waitMs = this.#random.below(30)
        await new Promise<void>((resolve) => void process.runtime.setTimer(waitMs, resolve))
        await engine.write(batch)
      },
    }
  }
}
