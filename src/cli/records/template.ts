/**
 * `--format` of `consume`: text with directives, as in kcat.
 *
 *   %t topic  %p partition  %o offset  %k key  %v, %s value  %h headers  %K, %V bytes of key, value
 *   %T time in epoch milliseconds  %d time in ISO 8601  %% a percent sign  \n \t \r \\ \0 \xNN
 *
 * Keys and values are written as the bytes they are; a null is nothing.
 */
import { concatBytes, encodeUtf8 } from '../../core/bytes.ts'
import { type BytesRecord, headersText, timeText } from './record-text.ts'

type Part = (record: BytesRecord) => string | Uint8Array

const directives: { readonly [letter: string]: Part } = {
  t: ({ topic }) => topic,
  p: ({ partition }) => String(partition),
  o: ({ offset }) => String(offset),
  k: ({ key }) => key ?? '',
  v: ({ value }) => value ?? '',
  s: ({ value }) => value ?? '',
  h: headersText,
  K: ({ key }) => String(key === null ? -1 : key.length),
  V: ({ value }) => String(value === null ? -1 : value.length),
  S: ({ value }) => String(value === null ? -1 : value.length),
  T: ({ timestampMs }) => String(timestampMs),
  d: ({ timestampMs }) => timeText(timestampMs),
  '%': () => '%',
}

const escapes: { readonly [letter: string]: string } = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '0': '\0',
}

/** Throws an `Error` that says where the template is wrong. */
export function readTemplate(text: string): (record: BytesRecord) => Uint8Array {
  const parts: Part[] = []
  let plain = ''
  const flush = () => {
    const fixed = plain
    if (fixed !== '') parts.push(() => fixed)
    plain = ''
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    const next = text[at + 1] ?? ''
    if (char === '%') {
      const directive = Object.hasOwn(directives, next) ? directives[next] : undefined
      if (!directive)
        throw new Error(
          `there is no directive '%${next}' (column ${at + 1}); there are ${Object.keys(directives)
            .map((one) => `%${one}`)
            .join(' ')}`,
        )
      flush()
      parts.push(directive)
      at++
    } else if (char === '\\') {
      const byte = /^x[0-9a-f]{2}/i.exec(text.slice(at + 1))?.[0]
      if (byte !== undefined) {
        flush()
        const code = Number.parseInt(byte.slice(1), 16)
        parts.push(() => Uint8Array.of(code))
        at += 3
      } else if (Object.hasOwn(escapes, next)) {
        plain += escapes[next]!
        at++
      } else
        throw new Error(
          `there is no escape '\\${next}' (column ${at + 1}); there are \\n \\t \\r \\\\ \\0 \\xNN`,
        )
    } else plain += char
  }
  flush()
  return (record) =>
    concatBytes(
      parts.map((part) => {
        const made = part(record)
        return typeof made === 'string' ? encodeUtf8(made) : made
      }),
    )
}
