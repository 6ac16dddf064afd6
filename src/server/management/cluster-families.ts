/**
 * The families that grow with what is in a cluster: brokers, topics, partitions, groups. Names, labels and meaning are those
 * of kafka_exporter where it has them, so that dashboards and alerts that were made for it work.
 *
 * They hold lines, not objects: of 100,000 partitions that groups read, each has two.
 */
import { Lines, labelValue, type MetricFamily } from './exposition.ts'

/** Stands for all topics, groups or partitions that are not told one by one. No topic can be called so. */
export const others = '(other)'

const byTopic = ['topic'] as const
const byPartition = ['topic', 'partition'] as const
const byGroup = ['consumergroup'] as const
const byGroupAndTopic = ['consumergroup', 'topic'] as const
const byGroupAndPartition = ['consumergroup', 'topic', 'partition'] as const

/** [labels, help], by name. All are gauges. */
const table = {
  kafka_brokers: [[], 'Brokers of the cluster'],
  kafka_broker_info: [['id', 'address'], '1, with the id and address of a broker'],
  kafka_topic_partitions: [byTopic, 'Partitions of a topic'],
  kafka_topic_partition_current_offset: [
    byPartition,
    'End of a partition: the offset of the next record',
  ],
  kafka_topic_partition_oldest_offset: [byPartition, 'Oldest offset of a partition'],
  kafka_topic_partition_in_sync_replica: [byPartition, 'In-sync replicas of a partition'],
  kafka_topic_partition_leader: [byPartition, 'Id of the leader of a partition'],
  kafka_topic_partition_leader_is_preferred: [
    byPartition,
    '1 if the preferred leader leads the partition',
  ],
  kafka_topic_partition_replicas: [byPartition, 'Replicas of a partition'],
  kafka_topic_partition_under_replicated_partition: [
    byPartition,
    '1 if replicas of a partition are not in sync; for the broker here, if its disk has failed',
  ],
  kafka_consumergroup_current_offset: [
    byGroupAndPartition,
    'Committed offset of a group; -1 if it has none in this partition of a topic that it reads',
  ],
  kafka_consumergroup_current_offset_sum: [
    byGroupAndTopic,
    "Sum of a group's committed offsets over all partitions",
  ],
  kafka_consumergroup_lag: [
    byGroupAndPartition,
    'Records between the committed offset and the end of the partition; -1 without a committed offset',
  ],
  kafka_consumergroup_lag_sum: [byGroupAndTopic, "Sum of a group's lag over all partitions"],
  kafka_consumergroup_members: [byGroup, 'Members of a group'],
  kafkado_consumergroup_lag_seconds: [
    byGroupAndTopic,
    "Timestamp of a partition's newest record minus that of the next record the group reads; the maximum over the partitions",
  ],
  kafkado_consumergroup_unread_seconds: [
    byGroupAndTopic,
    'How long the next record the group reads has waited; the maximum over the partitions, and 0 when everything is read',
  ],
  kafkado_topic_bytes: [byTopic, 'Size of a topic on disk'],
  kafkado_groups: [['state'], 'Groups by state'],
  kafkado_topics: [[], 'Topics visible to clients'],
  kafkado_upstream_up: [[], '1 if the gateway can reach its cluster'],
  kafkado_summed_topics: [[], 'Topics summed under topic="(other)" because of maxMetricSeries'],
  kafkado_summed_groups: [
    [],
    'Groups summed under consumergroup="(other)" because of maxMetricSeries',
  ],
  kafkado_max_metric_series: [[], 'maxMetricSeries: limit on the series of topics and groups'],
} as const satisfies { readonly [name: string]: readonly [labels: readonly string[], help: string] }

export type FamilyName = keyof typeof table

export class ClusterFamilies {
  readonly #lines = new Map<FamilyName, Lines>()

  add(name: FamilyName, value: number | bigint, ...labelValues: readonly string[]): void {
    const names = table[name][0]
    const labels = names.map((label, i) => `${label}="${labelValue(labelValues[i]!)}"`)
    this.line(name, labels.join(','), value)
  }

  /** For those that are many: `labels` is as it stands between the braces, in the order of the table. */
  line(name: FamilyName, labels: string, value: number | bigint): void {
    this.lines(name).add(labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`)
  }

  /** For those of which there are 100,000. */
  lines(name: FamilyName): Lines {
    let lines = this.#lines.get(name)
    if (!lines) {
      lines = new Lines()
      this.#lines.set(name, lines)
    }
    return lines
  }

  /** All that there can be; those without a sample have no lines. */
  read(): MetricFamily[] {
    return Object.entries(table).map(([name, [labelNames, help]]) => ({
      name,
      type: 'gauge',
      help,
      labelNames,
      lines: this.#lines.get(name as FamilyName)?.all() ?? [],
    }))
  }
}
