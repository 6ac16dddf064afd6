/**
 * What every store has to do, in memory and on disk: random steps beside a Map, records that are undone, commits, aborts, restarts,
 * and crashes between a commit and its way to the files. Each is restored from the changelog that it wrote: in memory from its
 * beginning, on disk from where the files are in it.
 */

import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../../src/core/bytes.ts'
import { HotValues } from '../../../src/streams/state-dir/hot-values.ts'
import { TaskFiles } from '../../../src/streams/state-dir/task-files.ts'
import { openStore } from '../../../src/streams/stores/open-store.ts'
import { type ChangelogEntry, changesOf, type Store } from '../../../src/streams/stores/store.ts'
import { Undo } from '../../../src/streams/task/undo.ts'
import { amount } from '../../amount.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { MemoryDatabase } from './memory-engine.ts'
import {
  type Model,
  type Opened,
  queueOf,
  type StoreKindUnderTest,
  storeKinds,
} from './store-kinds.ts'

/** Where a store lives: it is opened there again and again. */
interface Home {
  open(kind: StoreKindUnderTest): Promise<Opened & { readonly undo: Undo; readonly from: number }>
  /** A commit was answered, and the changelog is so long. */
  committed(changelog: number, isLost: boolean): Promise<void>
  close(isCrash: boolean): Promise<void>
}

class InMemory implements Home {
  async open({ spec }: StoreKindUnderTest) {
    const undo = new Undo()
    const store = openStore(spec, undo)
    return { store, undo, queue: queueOf(store), from: 0 }
  }

  async committed() {}

  async close() {}
}

class OnDisk implements Home {
  readonly #database = new MemoryDatabase()
  readonly #cacheBytes: number
  readonly #random: SeededRandom
  #files!: TaskFiles

  constructor(cacheBytes: number, random: SeededRandom) {
    this.#cacheBytes = cacheBytes
    this.#random = random
  }

  async open({ spec }: StoreKindUnderTest) {
    this.#files = await TaskFiles.open({
      engine: this.#database.open(),
      path: 'memory',
      stores: [{ spec, origin: 'topic' }],
      hot: new HotValues(this.#cacheBytes),
      now: () => 1,
    })
    const undo = new Undo()
    const store = openStore(spec, undo, this.#files.cellsOf(spec))
    const queue = queueOf(store)
    await this.#files.load(new Map([[spec.name, store]]))
    return { store, undo, queue, from: Number(this.#files.positionOf(spec.name) ?? 0n) }
  }

  async committed(changelog: number, isLost: boolean) {
    this.#files.note('store', BigInt(changelog))
    if (isLost) return
    const writing = this.#files.write()
    // The next records need not wait for it.
    if (this.#random.chance(0.5)) await writing
  }

  async close(isCrash: boolean) {
    if (isCrash) this.#database.lose(this.#random.below(3))
    else await this.#files.close()
  }
}

async function trial(kind: StoreKindUnderTest, seed: number, home: Home): Promise<void> {
  const random = new SeededRandom(seed)
  kind.begin?.()
  const changelog: ChangelogEntry[] = []
  let model: Model = new Map()
  let committed: Model = new Map()
  // For kinds that no Map can be: never closed, never restored.
  const undo = new Undo()
  const twin: Opened = { store: openStore(kind.spec, undo), queue: undefined }
  let now = await home.open(kind)

  const isMap = kind.step(new SeededRandom(seed)).onModel !== undefined
  kind.begin?.()
  const check = () => {
    const expected = isMap
      ? [...model].map(([name, entry]) => JSON.stringify([JSON.parse(name), entry])).sort()
      : kind.read(twin.store)
    expect(kind.read(now.store)).toEqual(expected)
  }
  for (let n = 0; n < 50; n++) {
    const isUndone = random.chance(0.25)
    const before = new Map(model)
    for (let i = random.below(4); i >= 0; i--) {
      const step = kind.step(random)
      step.apply(now)
      if (!step.onModel) step.apply(twin)
      step.onModel?.(model)
    }
    if (isUndone) {
      now.undo.run()
      undo.run()
      model = before
    } else {
      now.undo.clear()
      undo.clear()
    }
    check()
    const what = random.below(10)
    if (what < 3) {
      changelog.push(...changesOf(now.store))
      now.store.commit()
      twin.store.commit()
      committed = new Map(model)
      await home.committed(changelog.length, random.chance(0.2))
    } else if (what < 4) {
      now.store.abort()
      twin.store.abort()
      model = new Map(committed)
    } else if (what < 6) {
      await home.close(random.chance(0.5))
      now = await home.open(kind)
      restore(now.store, changelog.slice(now.from))
      await home.committed(changelog.length, false)
      twin.store.abort()
      model = new Map(committed)
    }
    check()
  }
}

function restore(store: Store, entries: readonly ChangelogEntry[]): void {
  for (const { key, value, timestampMs } of entries) {
    store.restore(bytesOf(key), value === null ? null : bytesOf(value), timestampMs)
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? encodeUtf8(data) : data
}

const homes: readonly [string, (random: SeededRandom) => Home][] = [
  ['in memory', () => new InMemory()],
  ['on disk', (random) => new OnDisk(1_000_000, random)],
  ['on disk, with hardly a cache', (random) => new OnDisk(500, random)],
]

describe.each(homes)('%s', (_, newHome) => {
  test.each(storeKinds)('a store of kind $name', async (kind) => {
    for (let seed = 1; seed <= amount(3, 100); seed++) {
      try {
        await trial(kind, seed, newHome(new SeededRandom(seed)))
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })
})
