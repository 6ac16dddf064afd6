/** Bytes that come in pieces, cut into lines. What comes in one piece comes out together, so that nobody waits for more. */
import { concatBytes } from '../../core/bytes.ts'
import { CommandError } from '../shell/command-error.ts'

const newline = 10
const carriageReturn = 13
/** A line of more is no record that any broker takes. */
const lineBytesMax = 128 * 1024 * 1024

/** Lines without their ends (LF or CRLF). The last needs none; empty ones are lines, too. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let begun: Uint8Array[] = []
  let begunBytes = 0
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = []
    let at = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, at)) {
      const rest = chunk.subarray(at, end)
      lines.push(withoutReturn(begun.length === 0 ? rest : concatBytes([...begun, rest])))
      begun = []
      begunBytes = 0
      at = end + 1
    }
    if (at < chunk.length) {
      begun.push(chunk.subarray(at))
      begunBytes += chunk.length - at
    }
    if (begunBytes > lineBytesMax)
      throw new CommandError(`a line is longer than ${lineBytesMax} bytes`, {
        code: 'LINE_TOO_LONG',
      })
    if (lines.length > 0) yield lines
  }
  if (begun.length > 0) yield [withoutReturn(concatBytes(begun))]
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line
}

/** Nothing but white space of JSON. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === carriageReturn)
}
