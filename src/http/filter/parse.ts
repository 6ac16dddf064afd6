/**
 * The grammar of filters, a small part of CEL's:
 *
 *   or       = and { "||" and }
 *   and      = not { "&&" not }
 *   not      = { "!" } compared
 *   compared = primary [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" ) primary ]
 *   primary  = "(" or ")" | "[" [ primary { "," primary } ] "]" | literal | call | field, then { "." method }
 *   field    = ( key | value | text | headers | topic | partition | offset | timestamp ) { "." name | "[" ( string | number ) "]" }
 *   call     = function "(" or { "," or } ")"
 *   literal  = string | [ "-" ] number | true | false | null
 *
 * A method is a function whose first argument stands before it: `value.name.startsWith("a")`. There is no arithmetic, no loop
 * and no regular expression, so an expression takes no longer than its length times that of the record.
 */
import { suggestion } from '../../core/suggestion.ts'
import {
  type Comparison,
  type Expression,
  type Field,
  type FunctionName,
  fields,
  functions,
} from './syntax.ts'
import { FilterError, type Token, tokensOf } from './tokens.ts'

const depthMax = 100
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>='])
const arity: { readonly [name in FunctionName]: number } = {
  contains: 2,
  startsWith: 2,
  endsWith: 2,
  like: 2,
  size: 1,
  has: 1,
  lower: 1,
  time: 1,
}

/** Throws `FilterError`, which says where. */
export function parseFilter(source: string): Expression {
  return new Parser(source).whole()
}

class Parser {
  readonly #source: string
  readonly #tokens: readonly Token[]
  #next = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
    this.#tokens = tokensOf(source)
  }

  whole(): Expression {
    const expression = this.#or()
    if (this.#token.kind !== 'end') throw this.#unexpected('an operator, or the end,')
    return expression
  }

  get #token(): Token {
    return this.#tokens[this.#next]!
  }

  #or(): Expression {
    return this.#chain('||', 'or', () => this.#chain('&&', 'and', () => this.#not()))
  }

  #chain(operator: string, kind: 'and' | 'or', part: () => Expression): Expression {
    const parts = [part()]
    while (this.#take(operator)) parts.push(part())
    return parts.length === 1 ? parts[0]! : { kind, parts }
  }

  #not(): Expression {
    let count = 0
    while (this.#take('!')) count++
    const of = this.#compared()
    if (count === 0) return of
    const once: Expression = { kind: 'not', of }
    return count % 2 === 1 ? once : { kind: 'not', of: once }
  }

  #compared(): Expression {
    const left = this.#primary()
    const by = this.#comparison()
    if (by === undefined) return left
    const { at } = this.#token
    const right = this.#primary()
    const again = this.#comparison()
    if (again !== undefined)
      throw new FilterError(
        `${again} cannot follow another comparison; join them with &&`,
        this.#source,
        this.#tokens[this.#next - 1]!.at,
      )
    if (by === 'in' && right.kind !== 'list' && right.kind !== 'field')
      throw new FilterError("after 'in' comes a list, such as [1, 2], or a field", this.#source, at)
    return { kind: 'compare', by, left, right }
  }

  #comparison(): Comparison | undefined {
    const token = this.#token
    const isIn = token.kind === 'name' && token.text === 'in'
    const isOperator = token.kind === 'operator' && comparisons.has(token.text)
    if (!isIn && !isOperator) return undefined
    this.#next++
    return token.text as Comparison
  }

  #primary(): Expression {
    if (++this.#depth > depthMax)
      throw new FilterError(
        `it is nested deeper than ${depthMax} levels`,
        this.#source,
        this.#token.at,
      )
    let expression = this.#plainPrimary()
    while (this.#isAtMethod) {
      this.#next++
      expression = this.#call(expression)
    }
    this.#depth--
    return expression
  }

  #plainPrimary(): Expression {
    const token = this.#token
    switch (token.kind) {
      case 'string':
        this.#next++
        return { kind: 'literal', value: token.value }
      case 'number':
        this.#next++
        return { kind: 'literal', value: token.value }
      case 'name':
        return this.#named(token.text)
      case 'operator':
        if (this.#take('(')) {
          const inner = this.#or()
          this.#expect(')')
          return inner
        }
        if (this.#take('[')) return this.#list()
        if (this.#take('-')) return this.#negative()
        throw this.#unexpected('a value')
      default:
        throw this.#unexpected('a value')
    }
  }

  #list(): Expression {
    const items: Expression[] = []
    if (this.#take(']')) return { kind: 'list', items }
    do items.push(this.#primary())
    while (this.#take(','))
    this.#expect(']')
    return { kind: 'list', items }
  }

  #negative(): Expression {
    const token = this.#token
    if (token.kind !== 'number') throw this.#unexpected('a number')
    this.#next++
    return { kind: 'literal', value: -token.value }
  }

  #named(name: string): Expression {
    const constants: { readonly [name: string]: null | boolean } = {
      null: null,
      true: true,
      false: false,
    }
    if (Object.hasOwn(constants, name)) {
      this.#next++
      return { kind: 'literal', value: constants[name]! }
    }
    const following = this.#tokens[this.#next + 1]!
    if (following.kind === 'operator' && following.text === '(') return this.#call(undefined)
    if ((fields as readonly string[]).includes(name)) {
      this.#next++
      return { kind: 'field', field: name as Field, path: this.#path(name as Field) }
    }
    const near = suggestion(name, [...fields, ...functions])
    throw new FilterError(
      `there is no '${name.slice(0, 50)}'; ${near ? `is '${near}' meant?` : `there are ${fields.join(', ')}`}`,
      this.#source,
      this.#token.at,
    )
  }

  /** `.name` and `["name"]`, up to a method. */
  #path(field: Field): string[] {
    const path: string[] = []
    for (;;) {
      const { at } = this.#token
      const part = this.#pathPart()
      if (part === undefined) return path
      if (field !== 'value' && field !== 'headers' && field !== 'key')
        throw new FilterError(`${field} has nothing within it`, this.#source, at)
      if (field === 'headers' && path.length > 0)
        throw new FilterError('a header has nothing within it', this.#source, at)
      path.push(part)
    }
  }

  #pathPart(): string | undefined {
    if (this.#isAtMethod) return undefined
    if (this.#take('.')) {
      const token = this.#token
      if (token.kind !== 'name') throw this.#unexpected('a name; others are written as ["a-b"]')
      this.#next++
      return token.text
    }
    if (!this.#take('[')) return undefined
    const token = this.#token
    const isIndex = token.kind === 'number' && typeof token.value === 'bigint'
    if (token.kind !== 'string' && !isIndex)
      throw this.#unexpected('a name in quotes, or a whole number')
    this.#next++
    this.#expect(']')
    return String((token as { readonly value: string | bigint }).value)
  }

  get #isAtMethod(): boolean {
    const [dot, name, bracket] = this.#tokens.slice(this.#next, this.#next + 3)
    return (
      dot?.kind === 'operator' &&
      dot.text === '.' &&
      name?.kind === 'name' &&
      bracket?.kind === 'operator' &&
      bracket.text === '('
    )
  }

  /** `first`: what stands before the method. */
  #call(first: Expression | undefined): Expression {
    const token = this.#token as Token & { readonly text: string }
    const name = (functions as readonly string[]).includes(token.text)
      ? (token.text as FunctionName)
      : undefined
    if (name === undefined) {
      const near = suggestion(token.text, functions)
      throw new FilterError(
        `there is no function '${token.text.slice(0, 50)}'; ${near ? `is '${near}' meant?` : `there are ${functions.join(', ')}`}`,
        this.#source,
        token.at,
      )
    }
    this.#next++
    this.#expect('(')
    const args = first === undefined ? [] : [first]
    if (!this.#take(')')) {
      do args.push(this.#argument())
      while (this.#take(','))
      this.#expect(')')
    }
    if (args.length !== arity[name])
      throw new FilterError(
        `${name} takes ${arity[name]} ${arity[name] === 1 ? 'value' : 'values'}; got ${args.length}`,
        this.#source,
        token.at,
      )
    if (name === 'has' && args[0]!.kind !== 'field')
      throw new FilterError('has takes a field, such as has(value.name)', this.#source, token.at)
    return { kind: 'call', name, args }
  }

  #argument(): Expression {
    if (++this.#depth > depthMax)
      throw new FilterError(
        `it is nested deeper than ${depthMax} levels`,
        this.#source,
        this.#token.at,
      )
    const expression = this.#or()
    this.#depth--
    return expression
  }

  #take(operator: string): boolean {
    const token = this.#token
    if (token.kind !== 'operator' || token.text !== operator) return false
    this.#next++
    return true
  }

  #expect(operator: string): void {
    if (!this.#take(operator)) throw this.#unexpected(`'${operator}'`)
  }

  #unexpected(what: string): FilterError {
    const { kind, at, end } = this.#token
    const found = kind === 'end' ? 'the end' : `'${this.#source.slice(at, Math.min(end, at + 30))}'`
    return new FilterError(`${what} is expected, not ${found}`, this.#source, at)
  }
}
