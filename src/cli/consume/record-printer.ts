/** Prints records as they come: in which form, and when what is written leaves. */
import { concatBytes, encodeUtf8 } from '../../core/bytes.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import {
  type BytesRecord,
  headersText,
  readableJson,
  recordTsv,
  terminalText,
  timeText,
} from '../records/record-text.ts'
import type { Io } from '../shell/io.ts'
import type { Output } from '../shell/output.ts'

/** So much is written at a time, while records come one after the other. */
const chunkBytes = 65_536
/** No record waits longer for others. */
const waitMs = 5

type Printed = string | Uint8Array

/** Whether records come one after the other, or as the entries of one array of JSON. */
type Framing = 'none' | 'array'

export interface PrinterParts {
  readonly runtime: Runtime
  /** Resolves when there may be more. */
  readonly write: (chunk: Uint8Array) => Promise<void>
  /** One record, with its line end. */
  readonly print: (record: BytesRecord) => Printed
  readonly framing: Framing
}

export class RecordPrinter {
  readonly #parts: PrinterParts
  #chunks: Uint8Array[] = []
  #bytes = 0
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()
  #hasBegun = false

  constructor(parts: PrinterParts) {
    this.#parts = parts
  }

  /** To standard output, as its format or `template` says. */
  static of(
    { runtime, stdout }: Io,
    out: Output,
    template: ((record: BytesRecord) => Uint8Array) | undefined,
  ): RecordPrinter {
    return new RecordPrinter({
      runtime,
      write: (chunk) => out.write(chunk),
      print: template ?? printerOf(out.format, stdout.isTTY === true),
      framing: template === undefined && out.format === 'json' ? 'array' : 'none',
    })
  }

  /** Resolves when more may come. */
  print(record: BytesRecord): undefined | Promise<void> {
    if (this.#parts.framing === 'array') this.#add(this.#hasBegun ? ',\n' : '[\n')
    this.#hasBegun = true
    this.#add(this.#parts.print(record))
    if (this.#bytes >= chunkBytes) return this.flush()
    this.#timer ??= this.#parts.runtime.setTimer(waitMs, () => {
      // What goes wrong is told when more is printed, or at the end.
      this.flush().catch(() => undefined)
    })
    return undefined
  }

  /** Resolves when all is handed to the system, as far as it takes it. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const chunk = concatBytes(this.#chunks)
    this.#chunks = []
    this.#bytes = 0
    this.#writing = this.#writing.then(() => this.#parts.write(chunk))
    return this.#writing
  }

  async end(): Promise<void> {
    if (this.#parts.framing === 'array') this.#add(this.#hasBegun ? '\n]\n' : '[]\n')
    await this.flush()
  }

  #add(part: Printed): void {
    if (part.length === 0) return
    const chunk = typeof part === 'string' ? encodeUtf8(part) : part
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }
}

const newline = Uint8Array.of(10)
const nothing = new Uint8Array(0)

function printerOf(format: string, isTerminal: boolean): (record: BytesRecord) => Printed {
  switch (format) {
    case 'json':
      return readableJson
    case 'ndjson':
      return (record) => `${readableJson(record)}\n`
    case 'tsv':
      return (record) => `${recordTsv(record)}\n`
    case 'table':
      return lineOf
    default:
      // As it is for a program; for a terminal nothing that could do something to it.
      return isTerminal
        ? ({ value }) => `${value === null ? 'null' : terminalText(value)}\n`
        : ({ value }) => concatBytes([value ?? nothing, newline])
  }
}

/** For people: `orders-0 @15  2026-01-31T12:00:00.000Z  key  value  headers`. */
function lineOf(record: BytesRecord): string {
  const { topic, partition, offset, timestampMs, key, value } = record
  const headers = headersText(record)
  const parts = [
    `${topic}-${partition} @${offset}`,
    timeText(timestampMs),
    key === null ? '-' : oneLine(key),
    value === null ? 'null' : oneLine(value),
    ...(headers === '' ? [] : [headers]),
  ]
  return `${parts.join('  ')}\n`
}

function oneLine(bytes: Uint8Array): string {
  return terminalText(bytes).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}
