/** A filter expression cut into tokens, each with its place. Linear in the length of the text. */

export type Token =
  | {
      readonly kind: 'name' | 'operator'
      readonly text: string
      readonly at: number
      readonly end: number
    }
  | { readonly kind: 'string'; readonly value: string; readonly at: number; readonly end: number }
  | {
      readonly kind: 'number'
      readonly value: bigint | number
      readonly at: number
      readonly end: number
    }
  | { readonly kind: 'end'; readonly at: number; readonly end: number }

/** What is wrong with an expression, and where: shows the expression with a mark below. */
export class FilterError extends Error {
  override readonly name = 'FilterError'
  /** Where it is wrong: characters before it. */
  readonly at: number

  constructor(what: string, source: string, at: number) {
    super(`column ${at + 1}: ${what}\n  ${shownLine(source, at)}`)
    this.at = at
  }
}

const shownBefore = 60
const shownAfter = 20

/** One line, cut to what is around the mistake. */
function shownLine(source: string, at: number): string {
  const start = Math.max(0, at - shownBefore)
  const part = source.slice(start, at + shownAfter).replaceAll(/\s/g, ' ')
  return `${part}\n  ${' '.repeat(at - start)}^`
}

export const expressionLengthMax = 10_000

const operators = [
  '==',
  '!=',
  '<=',
  '>=',
  '&&',
  '||',
  '<',
  '>',
  '!',
  '(',
  ')',
  '[',
  ']',
  '.',
  ',',
  '-',
]
const nameShape = /[A-Za-z_][A-Za-z0-9_]*/y
const numberShape = /(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const spaceShape = /\s+/y

/** Throws `FilterError`. */
export function tokensOf(source: string): Token[] {
  if (source.length > expressionLengthMax)
    throw new FilterError(
      `an expression has at most ${expressionLengthMax} characters`,
      source,
      expressionLengthMax,
    )
  const tokens: Token[] = []
  let at = 0
  const match = (shape: RegExp): RegExpExecArray | null => {
    shape.lastIndex = at
    return shape.exec(source)
  }
  while (at < source.length) {
    const space = match(spaceShape)
    if (space) {
      at += space[0].length
      continue
    }
    const char = source[at]!
    if (char === '"' || char === "'") {
      const token = stringAt(source, at)
      tokens.push(token)
      at = token.end
      continue
    }
    const name = match(nameShape)
    if (name) {
      tokens.push({ kind: 'name', text: name[0], at, end: at + name[0].length })
      at += name[0].length
      continue
    }
    const number = match(numberShape)
    if (number) {
      const [text, fraction, exponent] = number
      const isWhole = fraction === undefined && exponent === undefined
      const value = isWhole ? BigInt(text) : Number(text)
      tokens.push({ kind: 'number', value, at, end: at + text.length })
      at += text.length
      continue
    }
    const operator = operators.find((one) => source.startsWith(one, at))
    if (operator === undefined) throw new FilterError(unknownCharacter(char), source, at)
    tokens.push({ kind: 'operator', text: operator, at, end: at + operator.length })
    at += operator.length
  }
  tokens.push({ kind: 'end', at: source.length, end: source.length })
  return tokens
}

function unknownCharacter(char: string): string {
  const meant: { readonly [char: string]: string } = { '=': '==', '&': '&&', '|': '||', '`': '"' }
  const hint = meant[char]
  return `${JSON.stringify(char)} has no meaning here${hint ? `; is ${hint} meant?` : ''}`
}

const escapes: { readonly [char: string]: string } = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
}

function stringAt(source: string, at: number): Token & { readonly kind: 'string' } {
  const quote = source[at]
  let value = ''
  for (let i = at + 1; i < source.length; i++) {
    const char = source[i]!
    if (char === quote) return { kind: 'string', value, at, end: i + 1 }
    if (char !== '\\') {
      value += char
      continue
    }
    const next = source[++i] ?? ''
    const unicode =
      next === 'u' ? /^[0-9a-fA-F]{4}/.exec(source.slice(i + 1, i + 5))?.[0] : undefined
    if (unicode !== undefined) {
      value += String.fromCharCode(Number.parseInt(unicode, 16))
      i += 4
    } else if (Object.hasOwn(escapes, next)) value += escapes[next]!
    else throw new FilterError('there is no such escape in a string', source, i - 1)
  }
  throw new FilterError('this string has no end', source, at)
}
