/** Keys of stores: maps need text, the changelog needs bytes, callbacks want what the user gave. */

import { type Serializer, serializeField, string } from '../../client/serializer.ts'
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'

export interface KeyCodec {
  /** The text is what is written, as UTF-8. */
  readonly isText: boolean
  /** Equal for equal keys. */
  toText(key: unknown): string
  fromText(text: string): unknown
  /** With room for so many bytes behind it. */
  toBytes(text: string, room?: number): Uint8Array
  fromBytes(bytes: Uint8Array): string
}

/** Keys that are strings or written as text stand for themselves; of others, the bytes, one character a byte. */
export function keyCodec(serializer: Serializer<unknown>, store: string): KeyCodec {
  if (serializer === (string as Serializer<unknown>)) return textKeys(store)
  const { deserializeText } = serializer
  if (deserializeText) {
    return {
      isText: true,
      toText(key) {
        const data = serializeField(serializer, key, 'key', store)!
        return typeof data === 'string' ? data : decodeUtf8(data)
      },
      fromText: (text) => deserializeText.call(serializer, text),
      toBytes: textToBytes,
      fromBytes: (bytes) => decodeUtf8(bytes),
    }
  }
  return {
    isText: false,
    toText(key) {
      const data = serializeField(serializer, key, 'key', store)
      return latin1(typeof data === 'string' ? encodeUtf8(data) : data!)
    },
    fromText: (text) => serializer.deserialize(fromLatin1(text)),
    toBytes: fromLatin1,
    fromBytes: latin1,
  }
}

function textKeys(store: string): KeyCodec {
  return {
    isText: true,
    toText(key) {
      return typeof key === 'string'
        ? key
        : (serializeField(string, key as string, 'key', store) as string)
    },
    fromText: (text) => text,
    toBytes: textToBytes,
    fromBytes: (bytes) => decodeUtf8(bytes),
  }
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function fromLatin1(text: string, room = 0): Uint8Array {
  const bytes = new Uint8Array(text.length + room)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** As UTF-8. Keys are short and mostly ASCII, for which a loop takes a fifth of what an encoder does. */
function textToBytes(text: string, room = 0): Uint8Array {
  const bytes = new Uint8Array(text.length + room)
  let every = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    every |= unit
    bytes[i] = unit
  }
  if (every < 0x80) return bytes
  const encoded = encodeUtf8(text)
  if (room === 0) return encoded
  const whole = new Uint8Array(encoded.length + room)
  whole.set(encoded)
  return whole
}
