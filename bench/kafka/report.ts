/** Runs in turn, their medians, and the lines that are printed. */

export const runs = Number(process.env.BENCH_RUNS ?? 3)
export const scale = Number(process.env.BENCH_SCALE ?? 1)

export function printHead(mine = 'kafka-do', other = 'Apache Kafka'): void {
  print('what', mine, other, 'ratio', 'target', 'cores busy')
}

export interface Comparison {
  readonly mine: number
  readonly other: number
  readonly target?: string
  readonly isMet?: boolean
  /** How many cores the two brokers kept busy meanwhile: what they do not use, the load generator does, or nobody. */
  readonly busy?: readonly [mine: number, other: number]
}

export function printComparison(what: string, comparison: Comparison): void {
  const { mine, other, target, isMet, busy } = comparison
  const verdict = target === undefined ? '' : `${target} ${isMet ? 'met' : 'MISSED'}`
  const cores = busy ? busy.map((share) => share.toFixed(2)).join(' / ') : ''
  print(what, format(mine), format(other), (mine / other).toFixed(2), verdict, cores)
}

function print(
  what: string,
  mine: string,
  other: string,
  ratio: string,
  target: string,
  busy: string,
): void {
  console.log(
    `${what.padEnd(52)} ${mine.padStart(12)} ${other.padStart(13)} ${ratio.padStart(7)}  ${target.padEnd(16)} ${busy}`,
  )
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

export function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
