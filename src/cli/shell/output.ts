/**
 * How commands print what they have found: a table to read, or JSON, NDJSON and TSV for programs. The three are a contract:
 * names of entries and order of columns do not change. Data goes to standard output, everything else to standard error.
 */

import type { Writable } from 'node:stream'
import { type Io, OutputClosed, type Terminal } from './io.ts'

/** `value` is of records only: their values, one a line. */
export const outputFormats = ['table', 'json', 'ndjson', 'tsv', 'value'] as const
export type OutputFormat = (typeof outputFormats)[number]

export type Cell = string | number | bigint | boolean | undefined | null

/** One column of a table and of TSV. */
export interface Column<T> {
  readonly title: string
  readonly cell: (item: T) => Cell
}

/** A part of what `document` prints: a list of its own, with a heading in a table. */
export interface Section {
  readonly title?: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

export function section<T>(
  columns: readonly Column<T>[],
  items: readonly T[],
  title?: string,
): Section {
  return {
    ...(title !== undefined && { title }),
    columns: columns.map((column) => column.title),
    rows: items.map((item) => columns.map(({ cell }) => cell(item))),
  }
}

export class Output {
  readonly format: OutputFormat
  readonly #io: Io

  constructor(io: Io, format: OutputFormat) {
    this.#io = io
    this.format = format
  }

  /** A list: an array in JSON, a line for each item in NDJSON and TSV. */
  async list<T>(
    columns: readonly Column<T>[],
    items: readonly T[],
    asJson: (item: T) => unknown = (item) => item,
  ): Promise<void> {
    switch (this.format) {
      case 'json':
        return this.write(json(items.map(asJson)))
      case 'ndjson':
        return this.write(items.map((item) => jsonLine(asJson(item))).join(''))
      case 'tsv':
        return this.write(tsv(section(columns, items).rows))
      default:
        return this.write(this.#table(section(columns, items)))
    }
  }

  /** One thing: an object in JSON and NDJSON; in TSV the rows of its first section, in a table all of it. */
  async document(
    value: object,
    {
      facts = [],
      sections = [],
    }: { facts?: readonly (readonly [string, Cell])[]; sections?: readonly Section[] },
  ): Promise<void> {
    switch (this.format) {
      case 'json':
        return this.write(json(value))
      case 'ndjson':
        return this.write(jsonLine(value))
      case 'tsv':
        return this.write(tsv(sections[0]?.rows ?? facts))
      default: {
        const width = Math.max(0, ...facts.map(([name]) => name.length))
        const lines = facts
          .map(([name, cell]) => `${name.padEnd(width)}  ${shown(cell)}\n`)
          .join('')
        const parts = sections.map((one) => {
          if (one.rows.length === 0) return ''
          return `${one.title === undefined ? '' : `${this.#bold(one.title)}\n`}${this.#table(one)}`
        })
        return this.write([lines, ...parts].filter((part) => part !== '').join('\n'))
      }
    }
  }

  /** Text as it is. Waits while whoever reads it is slow. Throws `OutputClosed` when nobody reads any more. */
  write(text: string | Uint8Array): Promise<void> {
    return writeTo(this.#io.stdout, text, this.#io.signal)
  }

  /** For people, beside the data. */
  note(text: string): void {
    this.#io.stderr.write(`${text}\n`)
  }

  get isForPeople(): boolean {
    return this.format === 'table'
  }

  #table(part: Section): string {
    return tableText(part, (text) => this.#bold(text))
  }

  #bold(text: string): string {
    return mayColour(this.#io.stdout, this.#io) ? `\u001b[1m${text}\u001b[0m` : text
  }
}

/** Columns two blanks apart, as wide as their longest entry; numbers to the right. */
export function tableText(
  { columns, rows }: Section,
  emphasize: (text: string) => string = (text) => text,
): string {
  const cells = rows.map((row) => row.map(shown))
  const widths = columns.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]!.length)),
  )
  const isNumeric = columns.map((_, i) => {
    const given = rows.map((row) => row[i]).filter((cell) => cell !== undefined && cell !== null)
    return given.length > 0 && given.every((cell) => /number|bigint/.test(typeof cell))
  })
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [emphasize(line(columns)), ...cells.map(line)].map((one) => `${one}\n`).join('')
}

/** https://no-color.org */
export function mayColour(stream: Terminal, { environment }: Io): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
}

/** Control characters would move the cursor, or worse. */
function shown(cell: Cell): string {
  if (cell === undefined || cell === null) return '-'
  return visible(String(cell))
}

/** `text` with its control characters as escapes: what others have stored is shown, and does nothing to a terminal. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

export function tsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(tsvCell).join('\t')}\n`).join('')
}

const tsvEscapes: { readonly [char: string]: string } = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

/** Nothing for what is not there; a tab, a line end and a backslash as `\t`, `\n`, `\r` and `\\`. */
export function tsvCell(cell: Cell): string {
  if (cell === undefined || cell === null) return ''
  return String(cell).replaceAll(/[\\\t\n\r]/g, (char) => tsvEscapes[char]!)
}

/** Offsets are numbers where a double can hold them, text elsewhere; what is not there is null. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, exactly, 2)}\n`
}

export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, exactly)}\n`
}

/** Objects of the client write their offsets as text by themselves; here they are looked at before that. */
function exactly(this: unknown, key: string, given: unknown): unknown {
  const value = (this as { [key: string]: unknown })[key] ?? given
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date || value === null || typeof value !== 'object') return given
  if (Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, one === undefined ? null : (one as unknown)]),
  )
}

/** Resolves once `text` is on its way, or right away while there is room. */
export async function writeTo(
  stream: Writable,
  text: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw signal.reason
  if (text.length === 0) return
  if (stream.destroyed || stream.writableEnded) throw new OutputClosed()
  if (stream.write(text)) return
  await new Promise<void>((resolve, reject) => {
    const done = (after: () => void) => () => {
      stream.off('drain', drained)
      stream.off('close', closed)
      signal.removeEventListener('abort', aborted)
      after()
    }
    const drained = done(resolve)
    const closed = done(() => reject(new OutputClosed()))
    const aborted = done(() => reject(signal.reason as Error))
    stream.once('drain', drained)
    stream.once('close', closed)
    signal.addEventListener('abort', aborted, { once: true })
  })
}
