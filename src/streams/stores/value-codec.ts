/** Values of stores: as they are while they are worked on, serialised when they are committed or have been restored. */

import { json, type Serializer, serializeField } from '../../client/serializer.ts'
import { decodeUtf8, utf8Length } from '../../core/bytes.ts'

/** A value as it was restored, not yet looked at. */
export class Encoded {
  readonly data: string | Uint8Array

  constructor(data: string | Uint8Array) {
    this.data = data
  }
}

/** Stands for a value that is not there, where that has to be kept: itself, not what it is equal to. */
export const deletedData = new Uint8Array(0)

/** '0' in ASCII. */
const zero = 0x30

export interface ValueCodec {
  encode(value: unknown): string | Uint8Array
  /** What `restore` takes: `Encoded`, to be decoded when it is first asked for, or the value where it is a number. */
  hold(bytes: Uint8Array): unknown
  /** As `hold`, of what is written as text. Only where `isText`. */
  holdText(text: string): unknown
  /** What is written is text, and is read from text. */
  readonly isText: boolean
  /** Of what `Encoded` has. */
  decode(data: string | Uint8Array): unknown
}

export function valueCodec(serializer: Serializer<unknown>, store: string): ValueCodec {
  const { deserializeText } = serializer
  const isJson = serializer === json()
  return {
    isText: deserializeText !== undefined,
    encode(value) {
      if (value instanceof Encoded) return value.data
      return serializeField(serializer, value, 'value', store)!
    },
    hold: (bytes) =>
      (isJson ? smallNumber(bytes) : undefined) ??
      new Encoded(deserializeText ? decodeUtf8(bytes) : bytes.slice()),
    holdText: (text) => (isJson ? smallNumberOf(text) : undefined) ?? new Encoded(text),
    decode(data) {
      return typeof data === 'string'
        ? deserializeText!.call(serializer, data)
        : serializer.deserialize(data)
    },
  }
}

/** Digits, such as of a count: the number takes less time and memory than the text that it is written as. */
function smallNumber(bytes: Uint8Array): number | undefined {
  const { length } = bytes
  // JSON has no leading zeros; nine digits are a small integer everywhere.
  if (length === 0 || length > 9 || (length > 1 && bytes[0] === zero)) return undefined
  let number = 0
  for (let i = 0; i < length; i++) {
    const digit = bytes[i]! - zero
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  return number
}

function smallNumberOf(text: string): number | undefined {
  const { length } = text
  if (length === 0 || length > 9 || (length > 1 && text.charCodeAt(0) === zero)) return undefined
  let number = 0
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - zero
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  return number
}

/** What an encoded value takes, bytes. */
export function encodedSize(data: string | Uint8Array): number {
  return typeof data === 'string' ? utf8Length(data) : data.length
}
