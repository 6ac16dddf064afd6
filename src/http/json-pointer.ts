/** What stands at a JSON pointer (RFC 6901) in a text, as it is written there: numbers of 64 bits are not rounded. */
import { decodeUtf8 } from '../core/bytes.ts'
import { JsonScanner } from './json-scanner.ts'

export const jsonDepthMax = 200

/** `/customer/id` as its parts. Throws an `Error` that says what it takes. */
export function readPointer(text: string): readonly string[] {
  if (text !== '' && !text.startsWith('/'))
    throw new Error(`it takes a JSON pointer such as /customer/id; got '${text}'`)
  if (/~(?![01])/.test(text))
    throw new Error(`in a JSON pointer ~ is written ~0, and / as ~1; got '${text}'`)
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The bytes of the value that is there; undefined where nothing is. Throws `KafkaError` for what is no JSON. */
export function valueAt(json: Uint8Array, path: readonly string[]): Uint8Array | undefined {
  const scanner = new JsonScanner(json, jsonDepthMax)
  let found: Uint8Array | undefined
  const look = (depth: number) => {
    if (depth === path.length) {
      found = scanner.raw()
      return
    }
    const part = path[depth]!
    const isObject = scanner.object((name) => {
      if (name === part) look(depth + 1)
      else scanner.skipValue()
    })
    if (isObject) return
    const isArray = scanner.array((index) => {
      if (String(index) === part) look(depth + 1)
      else scanner.skipValue()
    })
    if (!isArray) scanner.skipValue()
  }
  look(0)
  scanner.expectEnd()
  return found
}

/** A value as the text of a key: a string without its quotes, anything else as it is written. Null for null. */
export function asText(json: Uint8Array): string | null {
  const text = decodeUtf8(json)
  if (text === 'null') return null
  return text.startsWith('"') ? (JSON.parse(text) as string) : text
}
