/**
 * How many partitions topics have to have. A task reads the same partition of all sources of its sub-topology, so what meets
 * by key, in a join or an aggregate, must have been partitioned alike: as many partitions, by the same keys.
 */
import { invalid } from '../../core/options.ts'
import { type Operator, RepartitionOperator } from '../operator.ts'
import type { SubTopology, TopologySource } from './sub-topology.ts'

/** Sources by whom they must be alike with: each is in one list, alone where there is no other. Those read whole are in none. */
export function copartitionedSources(subTopology: SubTopology): TopologySource[][] {
  let groups = partitioned(subTopology).map((source) => [source])
  for (const operator of subTopology.operators.filter(meetsByKey)) {
    const topics = sourcesOf(operator)
    const isMet = (group: readonly TopologySource[]) =>
      group.some(({ operators }) => operators.some((one) => topics.has(one)))
    const met = groups.filter(isMet)
    if (met.length > 1) groups = [...groups.filter((group) => !isMet(group)), met.flat()]
  }
  return groups
}

/**
 * How many partitions each topic of a repartition has, by topic. `partitions`: of the topics that are the user's. Throws
 * `ConfigError` where topics that meet cannot have the same number, or one is not known.
 */
export function repartitionPartitions(
  topology: { readonly subTopologies: readonly SubTopology[] },
  partitions: ReadonlyMap<string, number>,
): Map<string, number> {
  const groups = topology.subTopologies.flatMap((subTopology) => {
    const ofTasks = copartitionedSources(subTopology)
    const isWhole = ({ isBroadcast }: TopologySource) => isBroadcast
    return [...ofTasks, ...subTopology.sources.filter(isWhole).map((source) => [source])]
  })
  const counts = new Map<string, number>()
  for (const group of groups) {
    const fixed = fixedCount(group, partitions)
    if (fixed !== undefined) for (const { topic } of group) counts.set(topic, fixed)
  }
  // What is free takes the greatest number of what writes it. It may write what writes it: so until nothing changes.
  const free = groups.filter((group) => !counts.has(group[0]!.topic))
  for (let changes = true; changes; ) {
    changes = false
    for (const group of free) {
      const count = Math.max(...group.map((source) => writersCount(topology, source, counts)))
      if (count <= (counts.get(group[0]!.topic) ?? 0)) continue
      for (const { topic } of group) counts.set(topic, count)
      changes = true
    }
  }
  const internal = groups.flat().filter((source) => source.isInternal)
  return new Map(internal.map(({ topic }) => [topic, counts.get(topic) ?? 1]))
}

function partitioned({ sources }: SubTopology): TopologySource[] {
  return sources.filter(({ isBroadcast }) => !isBroadcast)
}

/** A merge takes records as they come; all else with several sources, or with state, goes by their keys. */
function meetsByKey({ kind, parents, stores }: Operator): boolean {
  return stores.length > 0 || (parents.length > 1 && kind !== 'merge')
}

/** What an operator's records are read by, in its own sub-topology. */
function sourcesOf(operator: Operator): Set<Operator> {
  const found = new Set<Operator>()
  const open: Operator[] = [operator]
  for (let one = open.pop(); one; one = open.pop()) {
    if (found.has(one)) continue
    found.add(one)
    if (!(one instanceof RepartitionOperator)) open.push(...one.parents)
  }
  return found
}

/** The number that is given for one of them; undefined: none is. */
function fixedCount(
  group: readonly TopologySource[],
  partitions: ReadonlyMap<string, number>,
): number | undefined {
  const given = group.flatMap((source) => {
    const count = givenCount(source, partitions)
    return count === undefined ? [] : [{ source, count }]
  })
  const [first] = given
  if (!first || given.every(({ count }) => count === first.count)) return first?.count
  const most = Math.max(...given.map(({ count }) => count))
  const counts = given.map(({ source, count }) => `'${source.topic}' has ${count}`).join(', ')
  throw invalid(
    `Topics whose records meet by key must have the same number of partitions: ${counts}. Send the smaller through a topic of the application's: stream(…).repartition({ partitions: ${most} }), of a table with .toTable() behind it; or make the topics alike`,
  )
}

function givenCount(
  { topic, isInternal, operators }: TopologySource,
  partitions: ReadonlyMap<string, number>,
): number | undefined {
  if (isInternal) {
    return operators.find((one) => one instanceof RepartitionOperator)?.partitions
  }
  const count = partitions.get(topic)
  if (count !== undefined) return count
  throw invalid(`The number of partitions of the topic '${topic}' is unknown: does it exist?`)
}

/** Of the tasks that write it. */
function writersCount(
  topology: { readonly subTopologies: readonly SubTopology[] },
  { operators }: TopologySource,
  counts: ReadonlyMap<string, number>,
): number {
  const writers = topology.subTopologies.filter(({ repartitions }) =>
    repartitions.some((one) => operators.includes(one)),
  )
  const sources = writers.flatMap(partitioned)
  return Math.max(0, ...sources.map(({ topic }) => counts.get(topic) ?? 0))
}
