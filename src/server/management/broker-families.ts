/**
 * Topics and groups of the broker here, as families: read from memory, in slices, so that a scrape holds up no request. What
 * the budget has no room for is summed.
 *
 * How old the record at a group's position is, the log's timeline says. Where it knows too little, a few places are looked
 * up in the log behind the scrape's back, for the next one.
 */

import type { Endpoint } from '../../backend/endpoint.ts'
import type { BrokerState, GroupState, TopicState } from '../../broker/broker-state.ts'
import type { PartitionLog } from '../../broker/log/partition-log.ts'
import type { Logger, Runtime } from '../../core/runtime.ts'
import { ClusterFamilies, others } from './cluster-families.ts'
import { labelValue } from './exposition.ts'
import type { SeriesBudget } from './series-budget.ts'

export interface BrokerFamiliesParts {
  readonly state: BrokerState
  readonly runtime: Runtime
  readonly budget: SeriesBudget
  /** Where clients reach the broker; undefined: at no Kafka listener. */
  readonly address: Endpoint | undefined
  /** Lets others have a turn when it is time. */
  readonly pause: () => Promise<void> | undefined
  readonly lookUps: TimeLookUps
}

/** Series of a topic, and of each of its partitions. */
const seriesOfTopic = 2
const seriesOfPartition = 7
/** Of a group, of each of its topics, and of each of their partitions. */
const seriesOfGroup = 1
const seriesOfGroupTopic = 4
const seriesOfGroupPartition = 2

export async function brokerFamilies(parts: BrokerFamiliesParts): Promise<ClusterFamilies> {
  const families = new ClusterFamilies()
  const { state, address } = parts
  families.add('kafka_brokers', 1)
  if (address) {
    families.add('kafka_broker_info', 1, String(state.nodeId), `${address.host}:${address.port}`)
  }
  families.add('kafkado_max_metric_series', parts.budget.max)
  await addTopics(families, parts)
  await addGroups(families, parts)
  return families
}

async function addTopics(
  families: ClusterFamilies,
  { state, budget, pause }: BrokerFamiliesParts,
): Promise<void> {
  const topics = [...state.topics()].sort(byName)
  families.add('kafkado_topics', topics.length)
  const rest = { topics: 0, partitions: 0, bytes: 0, newest: 0n, oldest: 0n, offline: 0 }
  for (const topic of topics) {
    const count = topic.partitions.length
    const isTold = budget.takeForTopic(seriesOfTopic + seriesOfPartition * count)
    if (isTold) addTopic(families, topic, state.nodeId)
    else {
      rest.topics++
      rest.partitions += count
      for (const log of topic.partitions) {
        rest.bytes += log.sizeInBytes
        rest.newest += log.highWatermark
        rest.oldest += log.logStartOffset
        if (log.offline) rest.offline++
      }
    }
    const paused = pause()
    if (paused) await paused
  }
  families.add('kafkado_summed_topics', rest.topics)
  if (rest.topics === 0) return
  families.add('kafka_topic_partitions', rest.partitions, others)
  families.add('kafkado_topic_bytes', rest.bytes, others)
  const sums = [
    ['kafka_topic_partition_current_offset', rest.newest],
    ['kafka_topic_partition_oldest_offset', rest.oldest],
    ['kafka_topic_partition_in_sync_replica', rest.partitions - rest.offline],
    ['kafka_topic_partition_leader_is_preferred', rest.partitions - rest.offline],
    ['kafka_topic_partition_replicas', rest.partitions],
    ['kafka_topic_partition_under_replicated_partition', rest.offline],
  ] as const
  for (const [name, sum] of sums) families.add(name, sum, others, others)
}

function addTopic(
  families: ClusterFamilies,
  { name, partitions }: TopicState,
  nodeId: number,
): void {
  families.add('kafka_topic_partitions', partitions.length, name)
  let bytes = 0
  partitions.forEach((log, partition) => {
    bytes += log.sizeInBytes
    const labels = `topic="${name}",partition="${partition}"`
    const isOnline = log.offline ? 0 : 1
    families.line('kafka_topic_partition_current_offset', labels, log.highWatermark)
    families.line('kafka_topic_partition_oldest_offset', labels, log.logStartOffset)
    families.line('kafka_topic_partition_in_sync_replica', labels, isOnline)
    if (isOnline) families.line('kafka_topic_partition_leader', labels, nodeId)
    families.line('kafka_topic_partition_leader_is_preferred', labels, isOnline)
    families.line('kafka_topic_partition_replicas', labels, 1)
    families.line('kafka_topic_partition_under_replicated_partition', labels, 1 - isOnline)
  })
  families.add('kafkado_topic_bytes', bytes, name)
}

async function addGroups(families: ClusterFamilies, parts: BrokerFamiliesParts): Promise<void> {
  const { state, budget, pause } = parts
  const groups = [...state.groups()].sort(byId)
  const states = new Map<string, number>()
  const rest = { groups: 0, members: 0, offsets: 0n, lag: 0n, lagMs: 0, unreadMs: 0 }
  for (const group of groups) {
    states.set(group.state, (states.get(group.state) ?? 0) + 1)
    const read = [...group.offsets].flatMap(([name, committed]) => {
      const topic = state.topic(name)
      return topic ? [{ name, committed, partitions: topic.partitions }] : []
    })
    const series = read.reduce(
      (sum, { partitions }) =>
        sum + seriesOfGroupTopic + seriesOfGroupPartition * partitions.length,
      seriesOfGroup,
    )
    // One that is called as the rest is can only be part of it.
    const isTold = group.id !== others && budget.takeForGroup(series)
    if (isTold) addGroup(families, group)
    else {
      rest.groups++
      rest.members += group.memberCount
    }
    for (const one of read) {
      const sums = isTold ? addGroupTopic(families, group, one, parts) : sumsOf(one, parts)
      if (!isTold) {
        rest.offsets += sums.offsets
        rest.lag += sums.lag
        rest.lagMs = Math.max(rest.lagMs, sums.lagMs ?? 0)
        rest.unreadMs = Math.max(rest.unreadMs, sums.unreadMs ?? 0)
      }
      const paused = pause()
      if (paused) await paused
    }
  }
  for (const [name, count] of states) families.add('kafkado_groups', count, name)
  families.add('kafkado_summed_groups', rest.groups)
  if (rest.groups === 0) return
  families.add('kafka_consumergroup_members', rest.members, others)
  families.add('kafka_consumergroup_current_offset', rest.offsets, others, others, others)
  families.add('kafka_consumergroup_current_offset_sum', rest.offsets, others, others)
  families.add('kafka_consumergroup_lag', rest.lag, others, others, others)
  families.add('kafka_consumergroup_lag_sum', rest.lag, others, others)
  families.add('kafkado_consumergroup_lag_seconds', rest.lagMs / 1000, others, others)
  families.add('kafkado_consumergroup_unread_seconds', rest.unreadMs / 1000, others, others)
}

function addGroup(families: ClusterFamilies, { id, memberCount }: GroupState): void {
  families.add('kafka_consumergroup_members', memberCount, id)
}

/** A topic that a group has committed offsets of. */
interface GroupTopic {
  readonly name: string
  readonly committed: ReadonlyMap<number, { readonly offset: bigint }>
  readonly partitions: readonly PartitionLog[]
}

interface GroupSums {
  readonly offsets: bigint
  readonly lag: bigint
  /** Undefined: not known yet. */
  readonly lagMs: number | undefined
  readonly unreadMs: number | undefined
}

function addGroupTopic(
  families: ClusterFamilies,
  { id }: GroupState,
  topic: GroupTopic,
  parts: BrokerFamiliesParts,
): GroupSums {
  const both = `consumergroup="${labelValue(id)}",topic="${topic.name}"`
  const offsets = families.lines('kafka_consumergroup_current_offset')
  const lags = families.lines('kafka_consumergroup_lag')
  const offsetOf = `kafka_consumergroup_current_offset{${both},partition="`
  const lagOf = `kafka_consumergroup_lag{${both},partition="`
  const sums = sumsOf(topic, parts, (partition, offset, lag) => {
    offsets.add(`${offsetOf}${partition}"} ${offset}`)
    lags.add(`${lagOf}${partition}"} ${lag}`)
  })
  families.line('kafka_consumergroup_current_offset_sum', both, sums.offsets)
  families.line('kafka_consumergroup_lag_sum', both, sums.lag)
  const { lagMs, unreadMs } = sums
  if (lagMs !== undefined) {
    families.line('kafkado_consumergroup_lag_seconds', both, lagMs / 1000)
  }
  if (unreadMs !== undefined) {
    families.line('kafkado_consumergroup_unread_seconds', both, unreadMs / 1000)
  }
  return sums
}

/** `each` gets -1 for a partition that the group has no offset of, as kafka_exporter tells it. */
function sumsOf(
  { committed, partitions }: GroupTopic,
  { runtime, lookUps }: BrokerFamiliesParts,
  each?: (partition: number, offset: number, lag: number) => void,
): GroupSums {
  let offsets = 0n
  let lag = 0n
  let lagMs = 0
  let unreadMs = 0
  let isKnown = true
  const now = runtime.now()
  for (let partition = 0; partition < partitions.length; partition++) {
    const log = partitions[partition]!
    const offset = committed.get(partition)?.offset
    if (offset === undefined) {
      each?.(partition, -1, -1)
      continue
    }
    const { highWatermark } = log
    const behind = offset < highWatermark ? highWatermark - offset : 0n
    // As Prometheus has them: a float.
    each?.(partition, Number(offset), Number(behind))
    offsets += offset
    lag += behind
    if (behind === 0n) continue
    const from = offset > log.logStartOffset ? offset : log.logStartOffset
    const known = log.timeline.at(from)
    if (!known?.isNear) lookUps.want(log, from)
    if (known) {
      lagMs = Math.max(lagMs, log.timeline.newest!.timestampMs - known.point.timestampMs)
      unreadMs = Math.max(unreadMs, now - known.point.arrivedMs)
    } else isKnown = false
  }
  return {
    offsets,
    lag,
    lagMs: isKnown ? lagMs : undefined,
    unreadMs: isKnown ? unreadMs : undefined,
  }
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

/** Places looked up for one scrape. */
const lookUpsMax = 32

/** Looks into logs for the times that their timelines lack, one place after the other. */
export class TimeLookUps {
  readonly #logger: Logger
  #wanted: { readonly log: PartitionLog; readonly offset: bigint }[] = []
  #working: Promise<void> | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  want(log: PartitionLog, offset: bigint): void {
    if (this.#working || this.#wanted.length >= lookUpsMax) return
    this.#wanted.push({ log, offset })
  }

  /** Begins with what is wanted. Resolves when nothing is under way any more; never rejects. */
  work(): Promise<void> {
    this.#working ??= this.#lookUp().finally(() => {
      this.#working = undefined
    })
    return this.#working
  }

  async #lookUp(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = []
    for (const { log, offset } of wanted) {
      try {
        await log.lookUpTime(offset)
      } catch (error) {
        // Damage is said by who reads the records.
        this.#logger.debug({ err: error, log: log.folder }, 'the time of a record is not known')
      }
    }
  }
}
