/** What a filter expression is, as a tree. */

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in'

export type Literal = null | boolean | bigint | number | string

/** What of a record is looked at; `value` and `headers` have a path into it. */
export type Field =
  | 'key'
  | 'value'
  | 'text'
  | 'headers'
  | 'topic'
  | 'partition'
  | 'offset'
  | 'timestamp'

export const fields: readonly Field[] = [
  'key',
  'value',
  'text',
  'headers',
  'topic',
  'partition',
  'offset',
  'timestamp',
]

export const functions = [
  'contains',
  'startsWith',
  'endsWith',
  'like',
  'size',
  'has',
  'lower',
  'time',
] as const
export type FunctionName = (typeof functions)[number]

export type Expression =
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'field'; readonly field: Field; readonly path: readonly string[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'compare'
      readonly by: Comparison
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expression[] }
