/**
 * The docstrings of the interfaces that users write are those of the tables: an editor shows the same
 * range and default that the check has. The interfaces stay hand-written; only the comment above a
 * member is replaced.
 */

import type { DocumentedTable } from '../../src/core/option.ts'
import { describeOption } from '../../src/core/option-text.ts'

const lineWidth = 100

export interface DocumentedInterface {
  readonly file: string
  readonly name: string
  readonly table: DocumentedTable
}

/** `source` with the docstrings of one interface, or type, as its table has them. */
export function withDocstrings(
  source: string,
  { file, name, table }: Omit<DocumentedInterface, 'file'> & { readonly file?: string },
): string {
  const start = new RegExp(`^export (?:interface|type) ${name}\\b`, 'm').exec(source)?.index
  if (start === undefined) throw new Error(`${file} declares no ${name}`)
  // An interface ends with its brace, a type with an empty line.
  const length = source.slice(start).search(/^\}|\n\n/m)
  const body = source.slice(start, start + length)
  const member = /^(?: *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?( +)((?:readonly )?(\w+)\??: )/gm
  const rewritten = body.replaceAll(member, (whole, indent: string, rest: string, key: string) =>
    Object.hasOwn(table, key)
      ? `${docstring(describeOption(table[key]!), indent)}${indent}${rest}`
      : whole,
  )
  return source.slice(0, start) + rewritten + source.slice(start + length)
}

/** The members of an interface that it declares itself. */
export function membersOf(source: string, name: string): string[] {
  const start = new RegExp(`^export (?:interface|type) ${name}\\b`, 'm').exec(source)!.index
  const body = source.slice(start, start + source.slice(start).search(/^\}|\n\n/m))
  return [...body.matchAll(/^ +(?:readonly )?(\w+)\??: /gm)].map(([, key]) => key!)
}

function docstring(text: string, indent: string): string {
  const short = `${indent}/** ${text} */`
  if (short.length <= lineWidth) return `${short}\n`
  const lines = wrapped(text, lineWidth - indent.length - ' * '.length)
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines
}
