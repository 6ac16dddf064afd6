/** A record as it was read: bytes and text on demand. What a cursor over fetched batches offers. */

import type { RawHeaders } from '../../client/consumer/record-headers.ts'
import type { Serializer } from '../../client/serializer.ts'

export interface RecordData {
  /** Epoch milliseconds. */
  readonly timestampMs: number
  readonly hasHeaders: boolean
  keyBytes(): Uint8Array | null
  keyText(): string | null
  valueBytes(): Uint8Array | null
  valueText(): string | null
  headers(): RawHeaders
}

export function readKey(serializer: Serializer<unknown>, data: RecordData): unknown {
  if (serializer.deserializeText) {
    const text = data.keyText()
    return text === null ? null : serializer.deserializeText(text)
  }
  const bytes = data.keyBytes()
  return bytes === null ? null : serializer.deserialize(bytes)
}

export function readValue(serializer: Serializer<unknown>, data: RecordData): unknown {
  if (serializer.deserializeText) {
    const text = data.valueText()
    return text === null ? null : serializer.deserializeText(text)
  }
  const bytes = data.valueBytes()
  return bytes === null ? null : serializer.deserialize(bytes)
}
