/**
 * Gathers what is told, at most once a second, however many ask: those who come while it is under way share it. It gives
 * others their turn every few milliseconds. What cannot be read is left out and counted, so that a disk that fails takes
 * nothing else from who watches.
 */
import { Counter, gauge, type Metric } from '../../core/metrics.ts'
import type { Runtime } from '../../core/runtime.ts'
import { nextTurn } from '../../core/turn.ts'
import type { ClusterFamilies } from './cluster-families.ts'
import { familiesOf, type MetricFamily } from './exposition.ts'
import { SeriesBudget } from './series-budget.ts'

/** How long what was gathered is told again, milliseconds. */
const keptMs = 1000
/** So long it works before others have their turn, milliseconds. */
const sliceMs = 5

/** Where metrics come from. */
export interface Source {
  /** For the log, when it fails. */
  readonly name: string
  readonly read: (parts: {
    readonly budget: SeriesBudget
    readonly pause: () => Promise<void> | undefined
  }) => readonly Metric[] | ClusterFamilies | Promise<readonly Metric[] | ClusterFamilies>
}

export class Collector {
  readonly #runtime: Runtime
  readonly #sources: () => readonly Source[]
  readonly #maxSeries: () => number
  readonly #failures = new Counter(
    'kafkado_collection_failures_total',
    'Parts of a scrape that could not be read, by part',
    ['part'],
  )
  #durationMs = 0
  #collecting: Promise<readonly MetricFamily[]> | undefined
  #latest: { readonly families: readonly MetricFamily[]; readonly atMs: number } | undefined

  constructor(runtime: Runtime, sources: () => readonly Source[], maxSeries: () => number) {
    this.#runtime = runtime
    this.#sources = sources
    this.#maxSeries = maxSeries
  }

  /** Never rejects. */
  collect(): Promise<readonly MetricFamily[]> {
    const latest = this.#latest
    if (latest && this.#runtime.monotonicNow() - latest.atMs < keptMs)
      return Promise.resolve(latest.families)
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined
    })
    return this.#collecting
  }

  async #collect(): Promise<readonly MetricFamily[]> {
    const { monotonicNow, logger } = this.#runtime
    const startedMs = monotonicNow()
    let sliceFromMs = startedMs
    let awayMs = 0
    const pause = () => {
      const nowMs = monotonicNow()
      if (nowMs - sliceFromMs < sliceMs) return undefined
      return nextTurn().then(() => {
        sliceFromMs = monotonicNow()
        awayMs += sliceFromMs - nowMs
      })
    }
    const budget = new SeriesBudget(this.#maxSeries())
    const families: MetricFamily[] = []
    for (const { name, read } of this.#sources()) {
      try {
        const found = await read({ budget, pause })
        families.push(...('read' in found ? found.read() : familiesOf(found)))
      } catch (error) {
        this.#failures.at(name).value++
        logger.warn({ err: error, part: name }, 'a part of the metrics could not be read')
      }
    }
    this.#durationMs = monotonicNow() - startedMs - awayMs
    families.push(...familiesOf(this.#own()))
    this.#latest = { families, atMs: monotonicNow() }
    // The text of a large cluster is not kept for a scraper that comes in a minute.
    this.#runtime.setTimer(
      keptMs,
      () => {
        if (this.#latest?.families === families) this.#latest = undefined
      },
      { background: true },
    )
    return families
  }

  #own(): Metric[] {
    return [
      gauge(
        'kafkado_collection_seconds',
        'Time taken to gather the metrics of this scrape, without other work in between',
        [],
        [{ labels: {}, value: this.#durationMs / 1000 }],
      ),
      this.#failures.read(),
    ]
  }
}
