/**
 * Metrics as text for Prometheus, in the two formats that its servers ask for: its own (0.0.4) and OpenMetrics (1.0.0).
 * They differ in how counters are called above their lines, and in the end; the lines of samples are the same.
 */
import type { Metric } from '../../core/metrics.ts'

/** All samples of one name; those of a histogram have endings behind it. */
export interface MetricFamily {
  /** With `_total` for a counter. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** In the order in which they stand in samples. */
  readonly labelNames: readonly string[]
  /** Whole lines, several in one text. */
  readonly lines: readonly string[]
}

export type Format = 'text' | 'openmetrics'

export const contentTypes: { readonly [format in Format]: string } = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Text by the piece, so that no piece is large. */
export function* exposition(
  families: readonly MetricFamily[],
  format: Format,
): Generator<string, undefined> {
  for (const family of families) {
    if (family.lines.length === 0) continue
    yield head(family, format)
    yield* family.lines
  }
  if (format === 'openmetrics') yield '# EOF\n'
  return undefined
}

function head({ name, type, help }: MetricFamily, format: Format): string {
  const isBare = format === 'openmetrics' && type === 'counter'
  const shown = isBare ? name.replace(/_total$/, '') : name
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  const text = format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
  return `# HELP ${shown} ${text}\n# TYPE ${shown} ${type}\n`
}

/** The lines of one family, gathered into texts of a size that a socket takes. */
export class Lines {
  readonly #done: string[] = []
  #open = ''

  /** Without the end of the line. */
  add(line: string): void {
    this.#open += `${line}\n`
    if (this.#open.length >= pieceLength) this.#close()
  }

  all(): readonly string[] {
    if (this.#open !== '') this.#close()
    return this.#done
  }

  #close(): void {
    this.#done.push(this.#open)
    this.#open = ''
  }
}

const pieceLength = 65_536

/** The value of a label, between its quotes. */
export function labelValue(value: string): string {
  if (!/["\\\n]/.test(value)) return value
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

export function sampleValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

/** What `Server.metrics()` has: the three counters of a histogram become one family again. */
export function familiesOf(metrics: readonly Metric[]): MetricFamily[] {
  const families: MetricFamily[] = []
  for (let i = 0; i < metrics.length; i++) {
    const metric = metrics[i]!
    const [sum, count] = [metrics[i + 1], metrics[i + 2]]
    if (metric.labelNames.includes('le') && sum && count) {
      families.push(histogram([metric, sum, count]))
      i += 2
    } else families.push({ ...metric, lines: linesOf([metric]) })
  }
  return families
}

function histogram(parts: readonly [buckets: Metric, sum: Metric, count: Metric]): MetricFamily {
  const [{ name, help, labelNames }] = parts
  return {
    name: name.replace(/_bucket$/, ''),
    type: 'histogram',
    // The rest of it says what the part is.
    help: help.replace(/: how many took at most so long$/, ''),
    labelNames: labelNames.filter((label) => label !== 'le'),
    lines: linesOf(parts),
  }
}

/** Those of one set of labels stand together: OpenMetrics asks that of histograms. */
function linesOf(metrics: readonly Metric[]): readonly string[] {
  const bySet = new Map<string, string[]>()
  for (const { name, values } of metrics) {
    for (const { labels, value } of values) {
      const entries = Object.entries(labels)
      const text = entries.map(([label, one]) => `${label}="${labelValue(one)}"`).join(',')
      const set = entries
        .filter(([label]) => label !== 'le')
        .map(([, one]) => one)
        .join('\0')
      const line = `${name}${text === '' ? '' : `{${text}}`} ${sampleValue(value)}`
      const lines = bySet.get(set)
      if (lines) lines.push(line)
      else bySet.set(set, [line])
    }
  }
  const lines = new Lines()
  for (const set of bySet.values()) for (const line of set) lines.add(line)
  return lines.all()
}

/** What a scraper likes best of the two; anything else gets Prometheus's own format. */
export function formatFor(accept: string | undefined): Format {
  let best: Format = 'text'
  let bestQuality = 0
  for (const part of (accept ?? '').split(',')) {
    const [type, ...parameters] = part.split(';').map((one) => one.trim().toLowerCase())
    const given = new Map(
      parameters.map((one) => one.split('=', 2).map((half) => half.trim()) as [string, string]),
    )
    const isOpen = type === 'application/openmetrics-text'
    const version = given.get('version')
    // A later version is another format.
    if (isOpen && version !== undefined && version !== '1.0.0' && version !== '0.0.1') continue
    if (!isOpen && type !== 'text/plain' && type !== 'text/*' && type !== '*/*') continue
    const quality = Number(given.get('q') ?? 1)
    if (!(quality > bestQuality)) continue
    best = isOpen ? 'openmetrics' : 'text'
    bestQuality = quality
  }
  return best
}
