/**
 * What is kept beside committed offsets: the stream time of each operator, so that a task goes on with the time that it had,
 * wherever it goes on; and the shape of each operator's state, so that a program that keeps another is noticed. It is committed with
 * the offsets and so agrees with them.
 */
import { ConfigError } from '../../core/errors.ts'
import type { Task } from '../task/task.ts'
import type { Topology } from '../topology/topology.ts'

/** Of the form, in case it has to change. */
const version = 1

interface Kept {
  readonly v: number
  readonly times: { readonly [operator: string]: number }
  readonly shapes: { readonly [operator: string]: string }
}

const nothing: Kept = { v: version, times: {}, shapes: {} }

/** Kafka's own limit (`offset.metadata.max.bytes`). */
const metadataMax = 4096

export function encodeTimes(task: Task, shapes: ReadonlyMap<string, string>): string {
  if (task.times.size === 0) return ''
  const times: { [operator: string]: number } = {}
  const ofTask: { [operator: string]: string } = {}
  for (const [name, time] of task.times) {
    if (time.now >= 0) times[name] = time.now
    ofTask[name] = shapes.get(name) ?? ''
  }
  return JSON.stringify({ v: version, times, shapes: ofTask } satisfies Kept)
}

/** Throws `ConfigError` when what a task has to keep beside its offsets would be too long for a broker. */
export function checkLength(topology: Topology, shapes: ReadonlyMap<string, string>): void {
  for (const { index, operators } of topology.subTopologies) {
    const names = operators.map((one) => topology.nameOf(one)).filter((name) => shapes.has(name))
    const times = Object.fromEntries(names.map((name) => [name, Number.MAX_SAFE_INTEGER]))
    const ofTask = Object.fromEntries(names.map((name) => [name, shapes.get(name)!]))
    const { length } = JSON.stringify({ v: version, times, shapes: ofTask } satisfies Kept)
    if (length <= metadataMax) continue
    throw new ConfigError(
      `Sub-topology ${index} of '${topology.application}' has ${names.length} operators with state, whose names and times take ${length} bytes beside the committed offsets; brokers keep ${metadataMax}. Give them shorter names, or divide the application`,
      { code: 'INVALID_CONFIG' },
    )
  }
}

/** The shapes of the state that was kept. */
export function keptShapes(metadata: string): Kept['shapes'] {
  return decode(metadata).shapes
}

/** Several partitions of a task may know the times; time only goes on, so the latest of each holds. */
export function restoreTimes(task: Task, kept: readonly string[]): void {
  for (const metadata of kept) {
    for (const [name, ms] of Object.entries(decode(metadata).times)) {
      const time = task.times.get(name)
      if (time && ms > time.now) time.restore(ms)
    }
  }
}

/** What others have put there says nothing. */
function decode(metadata: string): Kept {
  if (!metadata.startsWith('{')) return nothing
  try {
    const kept = JSON.parse(metadata) as Partial<Kept>
    return kept.v === version ? { ...nothing, ...kept } : nothing
  } catch {
    return nothing
  }
}
