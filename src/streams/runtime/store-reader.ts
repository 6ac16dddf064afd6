/** Reads a store over the tasks of this process, and says where else an answer could be. */
import { murmur2 } from '../../client/producer/partitioner.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { checkOptions } from '../dsl/state-options.ts'
import type { StoreLocation, StoreReader } from '../dsl/stream-run.ts'
import { StoreMovedError } from '../store-moved-error.ts'
import type { Store } from '../stores/store.ts'
import { StoreQueries } from '../stores/store-queries.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { Task } from '../task/task.ts'
import type { Topology } from '../topology/topology.ts'
import type { Plan } from './plan.ts'
import { taskIdOf } from './task-id.ts'

/** What the reader is told of the application. */
export interface StoresHere {
  readonly topology: Topology
  /** Undefined until the topics are known. */
  readonly plan: Plan | undefined
  readonly running: readonly Task[]
  readonly standbys: readonly Task[]
  readonly globals: ReadonlyMap<string, Store>
}

interface Asked {
  readonly spec: StoreSpec
  readonly isGlobal: boolean
}

/** Throws `ConfigError` for a store that there is not, and for wrong options. */
export function storeReader(
  topology: Topology,
  name: unknown,
  options: unknown,
  here: () => StoresHere,
): StoreReader {
  const asked = specOf(topology, name, here())
  const { spec, isGlobal } = asked
  const isStale = flag(options, 'stale')
  const stores = () => {
    const { running, standbys, globals } = here()
    if (isGlobal) return [globals.get(spec.name)!]
    const tasks = isStale ? [...running, ...standbys] : running
    return tasks.flatMap((task) => task.stores.get(spec.name) ?? [])
  }
  const queries = new StoreQueries(spec, !flag(options, 'uncommitted'), stores)
  /** What is not here may be elsewhere. */
  const absent = (key: unknown): undefined => {
    const { isLocal, isStandby, partition } = locate(asked, queries.keyBytes(key), here())
    if (isLocal || (isStandby && isStale)) return undefined
    throw moved(spec.name, partition, isStandby)
  }
  return {
    get(key) {
      const found = queries.get(key)
      return found ? found.value : absent(key)
    },
    range: (from, to) => queries.range(from, to),
    window(key, start) {
      const found = queries.window(key, start)
      return found ? found.value : absent(key)
    },
    windows(key, from, to) {
      const found = queries.windows(key, from, to)
      if (found.length === 0) absent(key)
      return found as ReturnType<StoreReader['windows']>
    },
    entries: () => ({
      [Symbol.iterator]: () => queries.entries(),
      [Symbol.asyncIterator]: () => queries.scan(),
    }),
  }
}

/** Where a key's entry of a store is. Throws `ConfigError`. */
export function locateKey(
  topology: Topology,
  name: unknown,
  key: unknown,
  here: StoresHere,
): StoreLocation {
  const asked = specOf(topology, name, here)
  return locate(asked, new StoreQueries(asked.spec, true, () => []).keyBytes(key), here)
}

function specOf(topology: Topology, name: unknown, { globals }: StoresHere): Asked {
  const spec = topology.stores.find((store) => store.name === name)
  if (spec) return { spec, isGlobal: false }
  const global = globals.get(name as string)
  if (global) return { spec: global.spec, isGlobal: true }
  const names = [...topology.stores.map((store) => store.name), ...globals.keys()]
  throw invalid(
    `The application has no store ${inspectBriefly(name)}; it has ${names.join(', ') || 'none'}`,
  )
}

function locate({ spec, isGlobal }: Asked, key: Uint8Array, here: StoresHere): StoreLocation {
  if (isGlobal) return { isLocal: true, isStandby: false, partition: undefined }
  const { topology, plan, running, standbys } = here
  const { index } = topology.subTopologies.find(({ stores }) =>
    stores.some(({ name }) => name === spec.name),
  )!
  const count = plan?.tasks.filter(({ subTopology }) => subTopology.index === index).length
  if (!count) return { isLocal: false, isStandby: false, partition: undefined }
  const partition = (murmur2(key) & 0x7fffffff) % count
  const id = taskIdOf({ subTopology: index, partition })
  const isLocal = running.some((task) => task.id === id)
  return { isLocal, isStandby: standbys.some((task) => task.id === id), partition }
}

function flag(options: unknown, name: string): boolean {
  const value = checkOptions('store', options, ['uncommitted', 'stale'])[name]
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw invalid(`store: ${name} must be true or false; got ${inspectBriefly(value)}`)
}

function moved(store: string, partition: number | undefined, isStandby: boolean): StoreMovedError {
  const what =
    partition === undefined ? `The store '${store}'` : `Partition ${partition} of '${store}'`
  const copy = isStandby ? '; this one keeps a copy, which store(name, { stale: true }) reads' : ''
  return new StoreMovedError(
    `${what} is in another process of the application, or is still on its way here${copy}. Ask again later, or ask the other processes`,
    { store, partition: partition ?? -1, isStandby },
    { code: 'STORE_MOVED', retriable: true },
  )
}
