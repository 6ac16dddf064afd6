/** The expressions of the oracle's little language: what they are is said in the file's `topology.expressions`. */
import { isDeepStrictEqual } from 'node:util'
import { Windowed } from '../../src/streams/windowed.ts'

/** As JSON has it: a path, or an object with one operator. */
export type Expression = string | { readonly [operator: string]: unknown }

/** What paths begin with: key, value, aggregate, left, right. */
export type Variables = { readonly [name: string]: unknown }

/** Null for what is missing. Throws `TypeError` for arithmetic on what is no number, and for what is no expression. */
export function evaluate(expression: unknown, variables: Variables): unknown {
  if (typeof expression === 'string') return follow(expression, variables)
  const [operator, ...others] = Object.keys((expression ?? {}) as object)
  if (operator === undefined || others.length > 0) {
    throw new TypeError(`no expression: ${JSON.stringify(expression)}`)
  }
  const operand = (expression as { readonly [name: string]: unknown })[operator]
  const of = (one: unknown) => evaluate(one, variables)
  const all = () => (operand as readonly unknown[]).map(of)
  switch (operator) {
    case 'const':
      return operand ?? null
    case 'obj':
      return Object.fromEntries(
        Object.entries(operand as object).map(([name, one]) => [name, of(one)]),
      )
    case 'list':
      return all()
    case 'add':
    case 'sub':
    case 'mul':
    case 'max':
    case 'min':
      return arithmetic[operator](...numbers(operator, all()))
    case 'concat':
      return all().map(textOf).join('')
    case 'append':
      return append(all())
    case 'joinLists':
      return all().flatMap(listOf)
    case 'without':
      return without(all())
    case 'gt': {
      const [a, b] = all()
      return numberOf(a) > numberOf(b)
    }
    case 'eq':
      return equal(all())
    case 'not':
      return !isTrue(of(operand))
    case 'if': {
      const [condition, then, otherwise] = operand as readonly unknown[]
      return of(isTrue(of(condition)) ? then : otherwise)
    }
    case 'split':
      return split(of(operand))
    default:
      throw new TypeError(`no operator '${operator}' in ${JSON.stringify(expression)}`)
  }
}

export function isTrue(value: unknown): boolean {
  return value === true
}

const arithmetic = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  max: Math.max,
  min: Math.min,
}

function follow(path: string, variables: Variables): unknown {
  let at: unknown = variables
  for (const name of path.split('.')) {
    if (at instanceof Windowed) at = { key: at.key, start: at.startMs, end: at.endMs }
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return null
    if (!Object.hasOwn(at, name)) return null
    at = (at as Variables)[name]
  }
  return at ?? null
}

function numbers(operator: string, values: readonly unknown[]): [number, number] {
  for (const value of values) {
    if (typeof value !== 'number') {
      throw new TypeError(`${operator} of what is no number: ${JSON.stringify(value)}`)
    }
  }
  return values as [number, number]
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function equal([a, b]: readonly unknown[]): boolean {
  if (typeof a === 'number' && b === null) return a === 0
  if (typeof b === 'number' && a === null) return b === 0
  return isDeepStrictEqual(a, b)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function append([list, value]: readonly unknown[]): unknown[] {
  return [...listOf(list), value]
}

function without([list, value]: readonly unknown[]): unknown[] {
  const left = [...listOf(list)]
  const at = left.findIndex((one) => isDeepStrictEqual(one, value))
  if (at >= 0) left.splice(at, 1)
  return left
}

/** As Java's `split(" ")`: without the empty texts at the end. */
function split(text: unknown): string[] {
  if (typeof text !== 'string') return []
  const words = text.split(' ')
  while (words.length > 1 && words.at(-1) === '') words.pop()
  return words
}
