/**
 * What a client counts: sends, fetches, requests and how long they took. Counted once a batch or a request, never once a
 * record where that would cost, so it is always on. Names and units are Prometheus's; `kafka.metrics()` is a look at them.
 */
import type { Connection, ExchangeOptions } from '../connection/connection.ts'
import { KafkaError } from '../core/errors.ts'
import { Counter, gauge, Histogram, type Metric, type MetricValue } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'

/** What a gauge is read from when somebody looks. */
export interface BufferSource {
  readonly bufferedBytes: number
}
export interface LagSource {
  readonly group: string | undefined
  readonly isWaiting: boolean
  positions(): readonly { topic: string; partition: number; lag: bigint | undefined }[]
}

/** Something that is run in the client and counts for itself. */
export interface MetricSource {
  read(): readonly Metric[]
}

export class ClientMetrics {
  readonly sentRecords = new Counter('kafka_client_sent_records_total', 'Records stored', ['topic'])
  readonly sentBytes = new Counter(
    'kafka_client_sent_bytes_total',
    'Bytes of records stored, before compression',
    ['topic'],
  )
  readonly sends = new Histogram(
    'kafka_client_send_seconds',
    "Time from a batch's first record until it is stored",
    'topic',
  )
  readonly sendRetries = new Counter(
    'kafka_client_send_retries_total',
    'Batches that were retried',
    ['topic'],
  )
  readonly sendFailures = new Counter(
    'kafka_client_send_failures_total',
    'Records that were not stored, or may not have been',
    ['topic', 'error'],
  )
  readonly consumedRecords = new Counter(
    'kafka_client_consumed_records_total',
    'Records handed to the application',
    ['topic', 'group'],
  )
  readonly handlerFailures = new Counter(
    'kafka_client_handler_failures_total',
    'Handlers that threw, by what followed: retry, skip or deadLetter',
    ['topic', 'group', 'action'],
  )
  readonly commitFailures = new Counter(
    'kafka_client_commit_failures_total',
    'Automatic commits that failed; the next one covers them',
    ['group', 'error'],
  )
  readonly rebalances = new Counter(
    'kafka_client_rebalances_total',
    'Group generations a consumer took part in',
    ['group'],
  )
  readonly requests = new Histogram(
    'kafka_client_request_seconds',
    'Duration of requests by Kafka API; fetches and joins include their wait at the broker',
    'api',
  )
  readonly requestFailures = new Counter(
    'kafka_client_request_failures_total',
    'Requests without a response',
    ['api', 'error'],
  )
  readonly buffers = new Set<BufferSource>()
  readonly consumers = new Set<LagSource>()
  /** Those of one kind have the same metrics. */
  readonly others = new Set<MetricSource>()

  read(): Metric[] {
    return [
      this.sentRecords.read(),
      this.sentBytes.read(),
      ...this.sends.read(),
      this.sendRetries.read(),
      this.sendFailures.read(),
      this.#sendBuffer(),
      this.consumedRecords.read(),
      this.#lag(),
      this.#waiting(),
      this.handlerFailures.read(),
      this.commitFailures.read(),
      this.rebalances.read(),
      ...this.requests.read(),
      this.requestFailures.read(),
      ...this.#ofOthers(),
    ]
  }

  #ofOthers(): Metric[] {
    const byName = new Map<string, Metric>()
    for (const metric of [...this.others].flatMap((one) => one.read())) {
      const values = [...(byName.get(metric.name)?.values ?? []), ...metric.values]
      byName.set(metric.name, { ...metric, values })
    }
    return [...byName.values()]
  }

  #sendBuffer(): Metric {
    let value = 0
    for (const { bufferedBytes } of this.buffers) value += bufferedBytes
    const help = 'Size of records that have no outcome yet'
    return gauge('kafka_client_send_buffer_bytes', help, [], [{ labels: {}, value }])
  }

  #waiting(): Metric {
    const counts = new Map<string, number>()
    for (const { group = '', isWaiting } of this.consumers)
      counts.set(group, (counts.get(group) ?? 0) + Number(isWaiting))
    const help = 'Consumers that keep retrying after failures'
    const values = [...counts].map(([group, value]) => ({ labels: { group }, value }))
    return gauge('kafka_client_consumers_waiting', help, ['group'], values)
  }

  #lag(): Metric {
    const values: MetricValue[] = []
    for (const consumer of this.consumers) {
      for (const { topic, partition, lag } of consumer.positions()) {
        if (lag === undefined) continue
        const labels = { topic, partition: String(partition), group: consumer.group ?? '' }
        values.push({ labels, value: Number(lag) })
      }
    }
    const help = 'Records between the next one to be delivered and the end of the partition'
    return gauge('kafka_client_consumer_lag', help, ['topic', 'partition', 'group'], values)
  }
}

/** The name of an error, as a label; OpenTelemetry's word for one that has none. */
export function errorLabel(error: unknown): string {
  if (error instanceof KafkaError) return error.code
  return (error as Error | undefined)?.name ?? '_OTHER'
}

/** The connection, with its requests counted and timed. */
export function measured(
  connection: Connection,
  { requests, requestFailures }: ClientMetrics,
  runtime: Runtime,
): Connection {
  return {
    url: connection.url,
    async exchange<Request, Response>(
      api: Api<Request, Response>,
      request: Request | ((version: number) => Request),
      options?: ExchangeOptions,
    ): Promise<Response> {
      const startedAt = runtime.monotonicNow()
      try {
        const response = await connection.exchange(api, request, options)
        requests.observe(api.name, runtime.monotonicNow() - startedAt)
        return response
      } catch (error) {
        // What its sender gave up is no failure.
        if (!options?.signal?.aborted) requestFailures.at(api.name, errorLabel(error)).value++
        throw error
      }
    },
    releaseLane: (lane) => connection.releaseLane(lane),
    close: () => connection.close(),
  }
}
