/**
 * Counters, histograms and gauges, in Prometheus's names and units. Counted once a batch or a request, never once a record
 * where that would cost, so they are always on. Whoever counts owns them; a reader gets a copy.
 */

/** One metric, as it is at the moment. */
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

export class Counter {
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
    const key = labelValues.length === 1 ? labelValues[0]! : labelValues.join('\0')
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
const limits = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
const limitNames = [...limits.map(String), '+Inf']

/** What was observed under one label. */
export interface Observations {
  /** `durationMs` is put into its bucket as seconds. */
  observe(durationMs: number): void
}

class LabelObservations implements Observations {
  /** One for each limit, and one for all beyond. */
  readonly counts = new Array<number>(limitNames.length).fill(0)
  sum = 0
  count = 0

  observe(durationMs: number): void {
    const seconds = durationMs / 1000
    let bucket = 0
    while (bucket < limits.length && seconds > limits[bucket]!) bucket++
    this.counts[bucket]!++
    this.sum += seconds
    this.count++
  }
}

/** How long things took, by one label or by none. */
export class Histogram {
  readonly #name: string
  readonly #help: string
  readonly #labelName: string | undefined
  readonly #observations = new Map<string, LabelObservations>()

  constructor(name: string, help: string, labelName?: string) {
    this.#name = name
    this.#help = help
    this.#labelName = labelName
  }

  /** Hold on to it where observing is frequent. */
  at(label = ''): Observations {
    let observations = this.#observations.get(label)
    if (!observations) {
      observations = new LabelObservations()
      this.#observations.set(label, observations)
    }
    return observations
  }

  observe(label: string, durationMs: number): void {
    this.at(label).observe(durationMs)
  }

  read(): Metric[] {
    const buckets: MetricValue[] = []
    const sums: MetricValue[] = []
    const totals: MetricValue[] = []
    const labelNames = this.#labelName === undefined ? [] : [this.#labelName]
    for (const [label, { counts, sum, count }] of this.#observations) {
      const labels: MetricValue['labels'] = labelNames.length > 0 ? { [labelNames[0]!]: label } : {}
      let upTo = 0
      counts.forEach((inBucket, i) => {
        upTo += inBucket
        buckets.push({ labels: { ...labels, le: limitNames[i]! }, value: upTo })
      })
      sums.push({ labels, value: sum })
      totals.push({ labels, value: count })
    }
    const one = (
      suffix: string,
      what: string,
      names: readonly string[],
      values: readonly MetricValue[],
    ): Metric => ({
      name: `${this.#name}_${suffix}`,
      help: `${this.#help}: ${what}`,
      type: 'counter',
      labelNames: names,
      values,
    })
    return [
      one('bucket', 'how many took at most so long', [...labelNames, 'le'], buckets),
      one('sum', 'seconds of all together', labelNames, sums),
      one('count', 'how many there were', labelNames, totals),
    ]
  }
}

/** What stands somewhere at the moment of reading. */
export function gauge(
  name: string,
  help: string,
  labelNames: readonly string[],
  values: readonly MetricValue[],
): Metric {
  return { name, help, type: 'gauge', labelNames, values }
}

function labelled(
  names: readonly string[],
  values: readonly string[],
): { readonly [name: string]: string } {
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]))
}
