/**
 * How long many things took, in a fixed amount of memory (as HdrHistogram has it): each power of two of microseconds has 64
 * steps, so a percentile is at most 1.6 % too high, and never too low.
 */

const stepBits = 6
const steps = 1 << stepBits
/** Up to 2^36 µs: 19 hours. */
const powers = 36

export interface Percentiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class Latencies {
  readonly #counts = new Float64Array((powers - stepBits + 2) * steps)
  #max = 0
  count = 0

  add(ms: number): void {
    const micros = Math.max(0, Math.ceil(ms * 1000))
    const at = Math.min(bucketOf(micros), this.#counts.length - 1)
    this.#counts[at] = this.#counts[at]! + 1
    this.count++
    if (ms > this.#max) this.#max = ms
  }

  /** Milliseconds that `share` of them (0 to 1) took at most; 0 when there are none. */
  percentile(share: number): number {
    const wanted = Math.ceil(share * this.count)
    let seen = 0
    for (let at = 0; at < this.#counts.length; at++) {
      seen += this.#counts[at]!
      if (seen >= wanted && seen > 0) return Math.min(highestIn(at) / 1000, this.#max)
    }
    return this.#max
  }

  percentiles(): Percentiles {
    return {
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.#max,
    }
  }
}

/** Below 64 each microsecond has its own; from there the first 7 bits count. */
function bucketOf(micros: number): number {
  if (micros < steps) return micros
  const power = Math.floor(Math.log2(micros))
  const step = Math.floor(micros / 2 ** (power - stepBits)) - steps
  return (power - stepBits + 1) * steps + step
}

/** The largest number of microseconds in a bucket. */
function highestIn(bucket: number): number {
  if (bucket < steps) return bucket
  const power = Math.floor(bucket / steps) + stepBits - 1
  return (steps + (bucket % steps) + 1) * 2 ** (power - stepBits) - 1
}
