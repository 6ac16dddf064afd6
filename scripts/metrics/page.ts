/** docs/metrics.md, made of what the source declares. */
import type { MetricFamily } from '../../src/server/management/exposition.ts'

/** [heading, names, text]; a metric stands under the first heading that takes it. */
const sections: readonly (readonly [heading: string, names: RegExp, text: string])[] = [
  [
    'As kafka_exporter has them',
    /^kafka_/,
    `Names, labels and meaning are those of [kafka_exporter](https://github.com/danielqsj/kafka_exporter), so
dashboards and alerts that were made for it work. A gateway (\`--upstream\`) tells brokers and the
partitions of topics as its cluster's metadata has them, and neither offsets nor groups.`,
  ],
  [
    'Topics and groups',
    /^kafkado_(consumergroup|topic|topics|groups|summed|max_metric|upstream)/,
    `\`maxMetricSeries\` bounds the series of topics and groups, kafka_exporter's included. Topics take
at most half of it, groups the rest, in the order of their names. What does not fit is summed under
the label \`(other)\`; of seconds it is the most, and a leader it has none.`,
  ],
  ['Requests', /^kafkado_(request|throttle|throttled|waiting)/, ''],
  ['HTTP', /^kafkado_http/, ''],
  [
    'Connections and their memory',
    /^kafkado_(connections|accepted|refused|received|sent|limits|queued|memory_waiters)/,
    'What the memory is bounded by is in [memory.md](memory.md).',
  ],
  ['Log and disk', /^kafkado_(log|partitions|offline|disk)/, ''],
  ['Access', /^kafkado_audit/, ''],
  [
    'Process',
    /^kafkado_(build|start|uptime|cpu|memory_bytes|open_files|max_open|event_loop|collection)/,
    '',
  ],
]

const opening = `# Metrics

Made by \`npm run generate:metrics\` from what the source declares.

\`kafka-do serve --management-port 9308\` has them at \`/metrics\`, in Prometheus's text format, or as
OpenMetrics for who asks for that. Those of requests, HTTP, connections, log and access are also in
\`server.metrics()\`. A histogram has \`_bucket\`, \`_sum\` and \`_count\`. What has not happened yet has
no series. A dashboard for Grafana is in the package (\`dashboards/kafka-do.json\`), alerts are in
[deploy/prometheus-alerts.yml](deploy/prometheus-alerts.yml); what to make of them is in [In
production](guide/in-production.md).
`

/** Throws for a metric that no heading takes. */
export function metricsPage(families: readonly MetricFamily[]): string {
  const rest = new Set(families)
  const parts = sections.map(([heading, names, text]) => {
    const taken = families.filter((family) => rest.has(family) && names.test(family.name))
    for (const family of taken) rest.delete(family)
    const rows = taken.map(({ name, type, labelNames, help }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${type} | ${labels} | ${help.replaceAll('|', '\\|')} |\n`
    })
    const head = '| metric | type | labels | what |\n|---|---|---|---|\n'
    return `\n## ${heading}\n\n${text === '' ? '' : `${text}\n\n`}${head}${rows.join('')}`
  })
  const [left] = rest
  if (left) throw new Error(`${left.name} belongs under no heading of docs/metrics.md`)
  return `${opening}${parts.join('')}`
}
