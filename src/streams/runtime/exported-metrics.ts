/** What an application counts, as `client.metrics()` tells it: in Prometheus's names and units, with the application as a label. */
import { gauge, type Metric, type MetricValue } from '../../core/metrics.ts'
import type { StreamMetrics } from '../dsl/stream-run.ts'

export function exportedMetrics(app: string, metrics: StreamMetrics): Metric[] {
  const one = (value: number): MetricValue[] => [{ labels: { app }, value }]
  const by = (label: string, values: { readonly [of: string]: number }): MetricValue[] =>
    Object.entries(values).map(([of, value]) => ({ labels: { app, [label]: of }, value }))
  const ofStores = (read: (store: { entries: number; sizeInBytes: number }) => number) =>
    by(
      'store',
      Object.fromEntries(Object.entries(metrics.stores).map(([name, one]) => [name, read(one)])),
    )
  return [
    counter('kafka_streams_records_in_total', 'Records processed', [], one(metrics.recordsIn)),
    counter('kafka_streams_records_out_total', 'Records put out', [], one(metrics.recordsOut)),
    counter(
      'kafka_streams_late_records_total',
      'Records that came too late for an operator',
      ['operator'],
      by('operator', metrics.late),
    ),
    counter(
      'kafka_streams_skipped_records_total',
      'Records passed over, by reason',
      ['reason'],
      by('reason', metrics.skipped),
    ),
    counter(
      'kafka_streams_dead_letters_total',
      'Records sent to a topic of dead letters',
      [],
      one(metrics.deadLetters),
    ),
    counter('kafka_streams_commit_seconds_count', 'Commits', [], one(metrics.commits)),
    counter(
      'kafka_streams_commit_seconds_sum',
      'Seconds that commits took',
      [],
      one(metrics.commitMs / 1000),
    ),
    counter(
      'kafka_streams_join_comparisons_total',
      'Pairs that joins by predicate compared',
      ['operator'],
      by('operator', metrics.joinComparisons),
    ),
    labelled(
      'kafka_streams_tasks',
      'Tasks of this process, by state',
      ['state'],
      by('state', metrics.tasksByState),
    ),
    labelled(
      'kafka_streams_restore_remaining',
      'Changelog entries that tasks wait for',
      [],
      one(metrics.restoreRemaining),
    ),
    labelled(
      'kafka_streams_standby_lag',
      'Changelog entries that copies of state lack',
      [],
      one(metrics.standbyLag),
    ),
    labelled(
      'kafka_streams_store_entries',
      'Entries of a store in this process',
      ['store'],
      ofStores(({ entries }) => entries),
    ),
    labelled(
      'kafka_streams_store_bytes',
      'Keys and values of a store in this process',
      ['store'],
      ofStores(({ sizeInBytes }) => sizeInBytes),
    ),
  ]
}

function counter(
  name: string,
  help: string,
  labels: readonly string[],
  values: readonly MetricValue[],
): Metric {
  return { name, help, type: 'counter', labelNames: ['app', ...labels], values }
}

function labelled(
  name: string,
  help: string,
  labels: readonly string[],
  values: MetricValue[],
): Metric {
  return gauge(name, help, ['app', ...labels], values)
}
