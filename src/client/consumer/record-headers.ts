/**
 * Headers of a record that was read. Two views of the same: text by name, for most uses; and as they are, in their order,
 * with names that are repeated and values that are bytes. Made when they are looked at.
 */
import { decodeUtf8 } from '../../core/bytes.ts'

/**
 * Header values as UTF-8 text by name (malformed bytes become U+FFFD); null where the value is null; of a repeated name,
 * the last. The object has no prototype: every name is only a name.
 */
export type RecordHeaders = { readonly [name: string]: string | null }

/**
 * Headers as they are stored: in their order, with repeated names, values as bytes or null. They can be passed to a
 * send unchanged.
 */
export type RawHeaders = readonly (readonly [name: string, value: Uint8Array | null])[]

export const noHeaders: RawHeaders = Object.freeze([])

export function readableHeaders(raw: RawHeaders): RecordHeaders {
  const headers = Object.create(null) as { [name: string]: string | null }
  for (const [name, value] of raw) headers[name] = value === null ? null : decodeUtf8(value)
  return headers
}
