/** The cases of the oracle as oracle.json has them, and how results are compared with what Apache Kafka gave. */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Expression } from './oracle-expressions.ts'

/** One node of a topology. `op` says which of the rest it has. */
export interface OracleNode {
  readonly op: string
  readonly id?: string
  readonly from?: string
  readonly with?: string | readonly string[]
  readonly topic?: string
  readonly store?: string
  readonly history?: number
  readonly fn?: Expression
  readonly key?: Expression
  readonly value?: Expression
  readonly branches?: readonly { readonly id: string; readonly when: Expression }[]
  readonly otherwise?: string
  readonly window?: OracleWindow
  readonly emit?: 'update' | 'close'
  readonly subtract?: Expression
  readonly initial?: unknown
  readonly merge?: Expression
  readonly retention?: number
  readonly groups?: readonly { readonly from: string; readonly fn: Expression }[]
  readonly until?: 'close' | number
  readonly maxRecords?: number
  readonly kind?: 'inner' | 'left' | 'outer'
  readonly grace?: number
  readonly foreignKey?: Expression
}

/** Of a window, or, without a type, of a join. Milliseconds. */
export interface OracleWindow {
  readonly type?: 'tumbling' | 'hopping' | 'sliding' | 'session'
  readonly size?: number
  readonly advance?: number
  readonly difference?: number
  readonly gap?: number
  readonly within?: number
  readonly before?: number
  readonly after?: number
  readonly grace?: number
}

export interface OracleInput {
  readonly topic: string
  readonly key: string | null
  readonly value?: unknown
  readonly rawValue?: string
  readonly timestamp: number
  readonly headers?: { readonly [name: string]: string }
}

export interface OracleOutput {
  readonly topic: string
  readonly key: unknown
  readonly window?: { readonly start: number; readonly end: number }
  readonly value?: unknown
  /** Where it is no JSON. */
  readonly rawValue?: string
  readonly timestamp: number
  /** Which input it came of. */
  readonly input: number
  readonly headers?: { readonly [name: string]: string | null }
}

export interface OracleCase {
  readonly name: string
  readonly topology: readonly OracleNode[]
  readonly input: readonly OracleInput[]
  readonly output: readonly OracleOutput[]
  /** Kafka's settings. */
  readonly config?: { readonly [name: string]: string }
  /** Which input stopped it. */
  readonly error?: number | { readonly input: number }
  /** False: what is expected is a fault of Kafka's, and must not come. */
  readonly imitate?: boolean
  readonly note?: string
}

export function readCases(file: URL): readonly OracleCase[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly OracleCase[] }).cases
}

/**
 * What differs; empty when nothing does. Outputs of one input and topic are compared as a list for each key and window, and
 * as a set among several: their order is that of Kafka's stores.
 */
export function differences(
  expected: readonly OracleOutput[],
  actual: readonly OracleOutput[],
): string[] {
  const want = grouped(expected)
  const got = grouped(actual)
  return [...new Set([...want.keys(), ...got.keys()])].flatMap((place) => {
    const [wanted, given] = [want.get(place) ?? [], got.get(place) ?? []]
    if (wanted.length === given.length && wanted.every((one, i) => isSame(one, given[i]!))) {
      return []
    }
    const show = (list: readonly OracleOutput[]) => list.map((one) => JSON.stringify(one)).join(' ')
    return [`${place}\n  expected ${show(wanted) || 'nothing'}\n  got ${show(given) || 'nothing'}`]
  })
}

function grouped(outputs: readonly OracleOutput[]): Map<string, OracleOutput[]> {
  const groups = new Map<string, OracleOutput[]>()
  const inOrder = [...outputs].sort((a, b) => a.input - b.input)
  for (const one of inOrder) {
    const place = `input ${one.input}, ${one.topic}, ${JSON.stringify([one.key, one.window])}`
    groups.set(place, [...(groups.get(place) ?? []), one])
  }
  return groups
}

function isSame(expected: OracleOutput, actual: OracleOutput): boolean {
  const { headers = {}, ...wanted } = expected
  const { headers: given = {}, ...rest } = actual
  if (!isDeepStrictEqual(wanted, rest)) return false
  return Object.entries(headers).every(
    // What went wrong is told in Java's words there.
    // So are the names of the application's own topics.
    ([name, value]) =>
      /\.(exception|message)$/.test(name) ||
      given[name] === value ||
      (value?.endsWith('-repartition') && given[name]?.endsWith('-repartition')),
  )
}
