/** A record that one task gives another in memory, as a topic between them would. */

import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import type { Output } from '../operator.ts'
import type { RecordData } from '../task/record-data.ts'

type Field = string | Uint8Array | null

export class HandedRecord implements RecordData {
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
  }

  get timestampMs(): number {
    return this.#output.timestampMs
  }

  get hasHeaders(): boolean {
    return this.#output.headers.length > 0
  }

  headers(): Output['headers'] {
    return this.#output.headers
  }

  keyBytes(): Uint8Array | null {
    return bytesOf(this.#output.key)
  }

  keyText(): string | null {
    return textOf(this.#output.key)
  }

  valueBytes(): Uint8Array | null {
    return bytesOf(this.#output.value)
  }

  valueText(): string | null {
    return textOf(this.#output.value)
  }
}

function bytesOf(field: Field): Uint8Array | null {
  return typeof field === 'string' ? encodeUtf8(field) : field
}

function textOf(field: Field): string | null {
  return field === null || typeof field === 'string' ? field : decodeUtf8(field)
}
