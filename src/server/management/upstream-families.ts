/**
 * What a gateway tells of the cluster behind it: whether it can be reached, its brokers, and its topics as its metadata has
 * them. Offsets and groups are not asked for: that is a request for each group, which kafka_exporter makes, beside the
 * cluster.
 */
import type { Runtime } from '../../core/runtime.ts'
import {
  createMetadataRequest,
  type MetadataResponse,
  metadata,
} from '../../protocol/messages/generated/metadata.ts'
import type { Upstream } from '../upstream.ts'
import { ClusterFamilies, others } from './cluster-families.ts'
import type { SeriesBudget } from './series-budget.ts'

/** How long metadata of the cluster may be old, and how long an answer is waited for, milliseconds. */
const metadataMs = 10_000
const timeoutMs = 2000
const seriesOfTopic = 1
const seriesOfPartition = 5

export class UpstreamWatch {
  readonly #upstream: Upstream
  readonly #runtime: Runtime
  #known: MetadataResponse | undefined
  #error: unknown
  #askedMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined

  constructor(upstream: Upstream, runtime: Runtime) {
    this.#upstream = upstream
    this.#runtime = runtime
  }

  /** Why the cluster cannot be reached; undefined: it can. Asks when the last answer is older than ten seconds. */
  async problem(): Promise<string | undefined> {
    await this.#look()
    if (this.#known) return undefined
    return this.#error instanceof Error ? this.#error.message : String(this.#error)
  }

  async families(budget: SeriesBudget): Promise<ClusterFamilies> {
    await this.#look()
    const families = new ClusterFamilies()
    families.add('kafkado_upstream_up', this.#known ? 1 : 0)
    families.add('kafkado_max_metric_series', budget.max)
    if (this.#known) addCluster(families, this.#known, budget)
    return families
  }

  #look(): Promise<void> {
    const isFresh = this.#runtime.monotonicNow() - this.#askedMs < metadataMs
    if (this.#known && isFresh) return Promise.resolve()
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<void> {
    const request = createMetadataRequest({ topics: null, allowAutoTopicCreation: false })
    const connection = this.#upstream.connectionOfServer()
    try {
      this.#known = await connection.exchange(metadata, request, { timeoutMs })
      this.#error = undefined
    } catch (error) {
      this.#known = undefined
      this.#error = error
    }
    this.#askedMs = this.#runtime.monotonicNow()
  }
}

function addCluster(
  families: ClusterFamilies,
  { brokers, topics }: MetadataResponse,
  budget: SeriesBudget,
): void {
  families.add('kafka_brokers', brokers.length)
  for (const { nodeId, host, port } of brokers)
    families.add('kafka_broker_info', 1, String(nodeId), `${host}:${port}`)
  const sorted = [...topics].sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1))
  families.add('kafkado_topics', sorted.length)
  const rest = { topics: 0, partitions: 0, inSync: 0, preferred: 0, replicas: 0, under: 0 }
  for (const { name, partitions } of sorted) {
    const series = seriesOfTopic + seriesOfPartition * partitions.length
    const isTold = name !== null && budget.takeForTopic(series)
    if (isTold) families.add('kafka_topic_partitions', partitions.length, name)
    else rest.topics++
    for (const { partitionIndex, leaderId, replicaNodes, isrNodes } of partitions) {
      const isPreferred = leaderId >= 0 && leaderId === replicaNodes[0] ? 1 : 0
      const isUnder = isrNodes.length < replicaNodes.length ? 1 : 0
      if (isTold) {
        const labels = `topic="${name}",partition="${partitionIndex}"`
        if (leaderId >= 0) families.line('kafka_topic_partition_leader', labels, leaderId)
        families.line('kafka_topic_partition_leader_is_preferred', labels, isPreferred)
        families.line('kafka_topic_partition_replicas', labels, replicaNodes.length)
        families.line('kafka_topic_partition_in_sync_replica', labels, isrNodes.length)
        families.line('kafka_topic_partition_under_replicated_partition', labels, isUnder)
      } else {
        rest.partitions++
        rest.inSync += isrNodes.length
        rest.preferred += isPreferred
        rest.replicas += replicaNodes.length
        rest.under += isUnder
      }
    }
  }
  families.add('kafkado_summed_topics', rest.topics)
  if (rest.topics === 0) return
  families.add('kafka_topic_partitions', rest.partitions, others)
  const sums = [
    ['kafka_topic_partition_leader_is_preferred', rest.preferred],
    ['kafka_topic_partition_replicas', rest.replicas],
    ['kafka_topic_partition_in_sync_replica', rest.inSync],
    ['kafka_topic_partition_under_replicated_partition', rest.under],
  ] as const
  for (const [name, sum] of sums) families.add(name, sum, others, others)
}
