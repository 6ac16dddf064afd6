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
  kafka_broker_info: [['id', 'address'], '1, with the id of a broker and where clients reach it'],
  kafka_topic_partitions: [byTopic, 'Partitions of a topic'],
  kafka_topic_partition_current_offset: [
    byPartition,
    'Where a partition ends: the offset that the next record gets',
  ],
  kafka_topic_partition_oldest_offset: [byPartition, 'Where a partition begins'],
  kafka_topic_partition_in_sync_replica: [byPartition, 'Copies of a partition that are up to date'],
  kafka_topic_partition_leader: [byPartition, 'The id of the broker that serves a partition'],
  kafka_topic_partition_leader_is_preferred: [
    byPartition,
    '1 if the broker that should serve a partition does',
  ],
  kafka_topic_partition_replicas: [byPartition, 'Copies of a partition that there should be'],
  kafka_topic_partition_under_replicated_partition: [
    byPartition,
    '1 if copies of a partition are missing; of a broker here: if its disk has failed',
  ],
  kafka_consumergroup_current_offset: [
    byGroupAndPartition,
    'The offset that a group has committed; -1: none in this partition of a topic that it reads',
  ],
  kafka_consumergroup_current_offset_sum: [
    byGroupAndTopic,
    'The offsets that a group has committed, of all partitions together',
  ],
  kafka_consumergroup_lag: [
    byGroupAndPartition,
    'Records between the committed offset and the end of the partition; -1: there is no such offset',
  ],
  kafka_consumergroup_lag_sum: [
    byGroupAndTopic,
    'Records between the committed offsets and the ends, of all partitions together',
  ],
  kafka_consumergroup_members: [byGroup, 'Members of a group'],
  kafkado_consumergroup_lag_seconds: [
    byGroupAndTopic,
    "The timestamp of a partition's newest record less that of the record that the group reads next; of the topic's partitions the most",
  ],
  kafkado_consumergroup_unread_seconds: [
    byGroupAndTopic,
    'How long the record that the group reads next has been there; of the partitions the longest, and 0 when all is read',
  ],
  kafkado_topic_bytes: [byTopic, 'Bytes of a topic on the disk'],
  kafkado_groups: [['state'], 'Groups, by their state'],
  kafkado_topics: [[], 'Topics that clients see'],
  kafkado_upstream_up: [[], '1 if the cluster behind a gateway can be reached'],
  kafkado_summed_topics: [
    [],
    'Topics that are summed under topic="(other)", as maxMetricSeries was reached',
  ],
  kafkado_summed_groups: [
    [],
    'Groups that are summed under consumergroup="(other)", as maxMetricSeries was reached',
  ],
  kafkado_max_metric_series: [[], 'maxMetricSeries: series of topics and groups at most'],
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
