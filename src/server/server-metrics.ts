/** What a server counts at its listeners: connections, bytes and limits that were reached, by listener; and the memory they hold. */
import { Counter, gauge, type Metric, type MetricValue, type Series } from '../core/metrics.ts'
import { HttpMetrics } from '../http/http-metrics.ts'
import type { MemoryBudget } from './memory-budget.ts'

/** What one listener counts. */
export interface ListenerMetrics {
  /** Accepted connections. */
  readonly accepted: Series
  /** Connections that were turned away: there were too many. */
  readonly turnedAway: Series
  readonly receivedBytes: Series
  readonly sentBytes: Series
  /** A limit was reached: a connection was closed, or a fetch answered without records. */
  readonly reached: (limit: ReachedLimit) => void
}

/** By the names of options. */
export type ReachedLimit =
  | 'requestReceiveTimeout'
  | 'memoryWaitTimeout'
  | 'slowConnectionGrace'
  | 'maxFirstRequestBytes'
  | 'socketRequestMaxBytes'
  | 'queuedMaxRequestBytes'

/** Tells how many connections are open. */
interface Listening {
  readonly name: string
  readonly connections: number
}

export class ServerMetrics {
  /** Of all HTTP listeners together. */
  readonly http = new HttpMetrics()
  readonly #accepted = counter('accepted_connections_total', 'Accepted connections')
  readonly #turnedAway = counter(
    'refused_connections_total',
    'Connections refused because of maxConnections',
  )
  readonly #received = counter('received_bytes_total', 'Bytes of requests')
  readonly #sent = counter('sent_bytes_total', 'Bytes of answers')
  readonly #reached = new Counter(
    'kafkado_limits_reached_total',
    'Connections closed, and fetches answered without records, by limit',
    ['listener', 'limit'],
  )

  of(listener: string): ListenerMetrics {
    return {
      accepted: this.#accepted.at(listener),
      turnedAway: this.#turnedAway.at(listener),
      receivedBytes: this.#received.at(listener),
      sentBytes: this.#sent.at(listener),
      reached: (limit) => void this.#reached.at(listener, limit).value++,
    }
  }

  read(listening: readonly Listening[], memory: MemoryBudget): Metric[] {
    const values: MetricValue[] = listening.map(({ name, connections }) => ({
      labels: { listener: name },
      value: connections,
    }))
    return [
      gauge('kafkado_connections', 'Open connections', ['listener'], values),
      this.#accepted.read(),
      this.#turnedAway.read(),
      this.#received.read(),
      this.#sent.read(),
      this.#reached.read(),
      ...this.http.read(),
      gauge(
        'kafkado_queued_max_bytes',
        'Memory limit for requests and responses of all connections',
        [],
        [{ labels: {}, value: memory.bytesMax }],
      ),
      gauge(
        'kafkado_queued_bytes',
        'Memory used by requests and responses of all connections',
        ['kind'],
        kinds.map(([kind, label]) => ({ labels: { kind: label }, value: memory.heldBytes(kind) })),
      ),
      gauge(
        'kafkado_memory_waiters',
        'Requests and responses waiting for memory',
        ['kind'],
        kinds.map(([kind, label]) => ({ labels: { kind: label }, value: memory.waiting(kind) })),
      ),
    ]
  }
}

/** With what they are called in metrics. */
const kinds = [
  ['request', 'request'],
  ['largeRequest', 'large_request'],
  ['answer', 'answer'],
] as const

function counter(name: string, help: string): Counter {
  return new Counter(`kafkado_${name}`, help, ['listener'])
}
