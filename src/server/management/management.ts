/**
 * Whoever watches a server: health, metrics, and the listeners that tell of them. It is there before what is served is open,
 * and learns of that when it is.
 */
import type { Endpoint } from '../../backend/endpoint.ts'
import type { Metric } from '../../core/metrics.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { ResolvedListener } from '../listener-config.ts'
import type { Served } from '../served.ts'
import type { ListenerMetrics } from '../server-metrics.ts'
import { brokerFamilies, TimeLookUps } from './broker-families.ts'
import { brokerChecks, upstreamCheck } from './checks.ts'
import { Collector, type Source } from './collector.ts'
import type { MetricFamily } from './exposition.ts'
import { Health } from './health.ts'
import { ManagementListener } from './management-listener.ts'
import { ProcessMetrics } from './process-metrics.ts'
import { UpstreamWatch } from './upstream-families.ts'

export interface ManagementOptions {
  readonly runtime: Runtime
  /** What the listeners count. */
  readonly metrics: () => Metric[]
  readonly maxMetricSeries: () => number
}

export class Management {
  readonly health = new Health()
  readonly #runtime: Runtime
  readonly #process: ProcessMetrics
  readonly #collector: Collector
  readonly #sources: Source[]
  readonly #lookUps: TimeLookUps

  constructor({ runtime, metrics, maxMetricSeries }: ManagementOptions) {
    this.#runtime = runtime
    this.#process = new ProcessMetrics(runtime)
    this.#lookUps = new TimeLookUps(runtime.logger)
    this.#sources = [
      { name: 'process', read: () => this.#process.read() },
      { name: 'listeners', read: metrics },
    ]
    this.#collector = new Collector(runtime, () => this.#sources, maxMetricSeries)
  }

  /** Rejects with `KafkaError` when the port cannot be had. */
  openListener(
    { name, host, port, tls }: ResolvedListener & { readonly name: string },
    metrics: ListenerMetrics,
  ): Promise<ManagementListener> {
    const { health } = this
    return ManagementListener.open({
      ...{ name, host, port, tls, metrics, health },
      runtime: this.#runtime,
      collector: this.#collector,
    })
  }

  /** It is open, and all listeners are. `address`: where Kafka's clients reach it. */
  serving({ state, upstream, metrics }: Served, address: Endpoint | undefined): void {
    const runtime = this.#runtime
    this.#sources.push({ name: 'requests', read: () => metrics() })
    if (state) {
      this.health.add(...brokerChecks(state))
      const lookUps = this.#lookUps
      this.#sources.push({
        name: 'cluster',
        read: async (parts) => {
          const families = await brokerFamilies({ ...parts, state, address, runtime, lookUps })
          void lookUps.work()
          return families
        },
      })
    } else if (upstream) {
      const watch = new UpstreamWatch(upstream, runtime)
      this.health.add(upstreamCheck(watch))
      this.#sources.push({ name: 'cluster', read: ({ budget }) => watch.families(budget) })
    }
    this.health.phase = 'serving'
  }

  /** All that is told now, and what could be: a family of which there is nothing has no lines. Never rejects. */
  collect(): Promise<readonly MetricFamily[]> {
    return this.#collector.collect()
  }

  /** What is served is closed: nothing of it is read any more. */
  async closed(): Promise<void> {
    this.health.phase = 'closed'
    this.#sources.splice(2)
    this.#process.close()
    await this.#lookUps.work()
  }
}
