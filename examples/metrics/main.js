/** A client's metrics for Prometheus, by prom-client (`npm i prom-client`): rates, latencies and lag. */
import { Client } from 'kafka-do'
import { Counter, Gauge, register } from 'prom-client'

const kafka = new Client()
for (const { name, help, type, labelNames } of kafka.metrics()) {
  const Kind = type === 'counter' ? Counter : Gauge
  new Kind({
    name,
    help,
    labelNames,
    collect() {
      this.reset()
      const metric = kafka.metrics().find((candidate) => candidate.name === name)
      for (const { labels, value } of metric?.values ?? []) this.inc(labels, value)
    },
  })
}

await kafka.producer('example-clicks').sendBatch([1, 2, 3])
for await (const { value } of kafka.consumer('example-clicks').take(2)) {
  if (value === 2) await print('kafka_client_consumer_lag')
}
await print('kafka_client_sent_records_total')
await print('kafka_client_send_seconds_count')
await kafka.close()

/** In a service: `response.end(await register.metrics())`. @param {string} name */
async function print(name) {
  const lines = (await register.metrics()).split('\n')
  console.log(lines.filter((line) => line.startsWith(`${name}{`)).join('\n'))
}
