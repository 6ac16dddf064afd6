/**
 * What a client counts: sends, fetches, requests and how long they took. Counted once a batch or a request, never once a
 * record where that would cost, so it is always on. Names and units are Prometheus's; `kafka.metrics()` is a look at them.
 */
import type { Connection, ExchangeOptions } from '../connection/connection.ts'
import { KafkaError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'

/** One metric of a client, as it is at the moment. */
export interface Metric {
  /** As Prometheus has it: `kafka_client_sent_records_total`. */
  readonly name: string
  readonly help: string
  /** A counter only grows. A histogram is three counters: `_bucket` (with the label `le`), `_sum` and `_count`. */
  readonly type: 'counter' | 'gauge'
  readonly labelNames: readonly string[]
  readonly values: readonly MetricValue[]
}

/** The value for one set of labels. */
export interface MetricValue {
  readonly labels: { readonly [name: string]: string }
  /** A count, bytes, or seconds, as the metric's name says. */
  readonly value: number
}

/** Grows at `value`; hold on to it where counting is frequent. */
export interface Series {
  value: number
}

class Counter {
  readonly #name: string
  readonly #help: string
  readonly #labelNames: readonly string[]
  readonly #series = new Map<string, MetricValue & Series>()

  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.#name = name
    this.#help = help
    this.#labelNames = labelNames
  }

  at(...labelValues: readonly string[]): Series {
    const key = labelValues.join('\0')
    let series = this.#series.get(key)
    if (!series) {
      series = { labels: labelled(this.#labelNames, labelValues), value: 0 }
      this.#series.set(key, series)
    }
    return series
  }

  read(): Metric {
    return {
      name: this.#name,
      help: this.#help,
      type: 'counter',
      labelNames: this.#labelNames,
      values: [...this.#series.values()].map(({ labels, value }) => ({ labels, value })),
    }
  }
}

/** Upper limits in seconds. */
const buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

class Histogram {
  readonly #labelName: string
  readonly #buckets: Counter
  readonly #sum: Counter
  readonly #count: Counter

  constructor(name: string, help: string, labelName: string) {
    this.#labelName = labelName
    this.#buckets = new Counter(`${name}_bucket`, `${help}: how many took at most so long`, [
      labelName,
      'le',
    ])
    this.#sum = new Counter(`${name}_sum`, `${help}: seconds of all together`, [labelName])
    this.#count = new Counter(`${name}_count`, `${help}: how many there were`, [labelName])
  }

  observe(label: string, durationMs: number): void {
    const seconds = durationMs / 1000
    const limit = buckets.find((upTo) => seconds <= upTo)
    this.#buckets.at(label, limit === undefined ? '+Inf' : String(limit)).value++
    this.#sum.at(label).value += seconds
    this.#count.at(label).value++
  }

  read(): Metric[] {
    const counts = this.#count.read()
    const values: MetricValue[] = []
    for (const { labels } of counts.values) {
      const label = labels[this.#labelName]!
      let value = 0
      for (const le of [...buckets.map(String), '+Inf']) {
        value += this.#buckets.at(label, le).value
        values.push({ labels: { ...labels, le }, value })
      }
    }
    return [{ ...this.#buckets.read(), values }, this.#sum.read(), counts]
  }
}

/** What a gauge is read from when somebody looks. */
export interface BufferSource {
  readonly bufferedBytes: number
}
export interface LagSource {
  readonly group: string | undefined
  positions(): readonly { topic: string; partition: number; lag: bigint | undefined }[]
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
    'Batches, from the first record to the answer that they are stored',
    'topic',
  )
  readonly sendRetries = new Counter(
    'kafka_client_send_retries_total',
    'Batches that were sent again',
    ['topic'],
  )
  readonly sendFailures = new Counter(
    'kafka_client_send_failures_total',
    'Records that could not be stored, or of which that is not known',
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
    'Automatic commits that failed, and are made up for by the next',
    ['group', 'error'],
  )
  readonly rebalances = new Counter(
    'kafka_client_rebalances_total',
    'Generations of a group that a consumer took part in',
    ['group'],
  )
  readonly requests = new Histogram(
    'kafka_client_request_seconds',
    "Requests by Kafka's name, until the answer; fetches and joins wait at the broker",
    'api',
  )
  readonly requestFailures = new Counter(
    'kafka_client_request_failures_total',
    'Requests without an answer',
    ['api', 'error'],
  )
  readonly buffers = new Set<BufferSource>()
  readonly consumers = new Set<LagSource>()

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
      this.handlerFailures.read(),
      this.commitFailures.read(),
      this.rebalances.read(),
      ...this.requests.read(),
      this.requestFailures.read(),
    ]
  }

  #sendBuffer(): Metric {
    let value = 0
    for (const { bufferedBytes } of this.buffers) value += bufferedBytes
    const help = 'Bytes of records that have no outcome yet'
    return gauge('kafka_client_send_buffer_bytes', help, [], [{ labels: {}, value }])
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
    const help = 'Records between the next one to be handed out and the end of the partition'
    return gauge('kafka_client_consumer_lag', help, ['topic', 'partition', 'group'], values)
  }
}

function gauge(
  name: string,
  help: string,
  labelNames: readonly string[],
  values: readonly MetricValue[],
): Metric {
  return { name, help, type: 'gauge', labelNames, values }
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
    close: () => connection.close(),
  }
}

function labelled(
  names: readonly string[],
  values: readonly string[],
): { readonly [name: string]: string } {
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]))
}
