/**
 * Why a stream that has begun goes no further, as its last bytes: HTTP has no other place for that once an answer is on its
 * way. A stream that ends in the middle without them was cut off. They are shorter than a header of the archive, so whoever
 * reads it comes to its end.
 *
 *   {"code":…,"message":…}⏎kafka-do-failure LENGTH SHA-256⏎
 */
import { concatBytes, decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { KafkaError } from '../core/errors.ts'
import { sha256 } from './manifest.ts'

const tailBytesMax = 511
const messageMax = 300
const shape = /\nkafka-do-failure (\d+) ([0-9a-f]{64})\n$/

/** The stream, which does not fail once it has begun but ends with the reason. */
export async function* tellingFailure(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let hasBegun = false
  try {
    for await (const chunk of stream) {
      hasBegun = true
      yield chunk
    }
  } catch (error) {
    if (!hasBegun) throw error
    const { code = 'UNKNOWN_SERVER_ERROR', message = String(error) } = error as Partial<KafkaError>
    const text = encodeUtf8(JSON.stringify({ code, message: message.slice(0, messageMax) }))
    yield concatBytes([text, encodeUtf8(`\nkafka-do-failure ${text.length} ${sha256(text)}\n`)])
  }
}

/** Keeps the end of what goes by. */
export class FailureTail {
  #tail = new Uint8Array(0)

  /** As the stream; it throws at the end what the other side has said. */
  async *watch(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of stream) {
      const end = chunk.subarray(Math.max(0, chunk.length - tailBytesMax))
      const kept = this.#tail.subarray(Math.max(0, this.#tail.length + end.length - tailBytesMax))
      this.#tail = concatBytes([kept, end, new Uint8Array(0)]) as Uint8Array<ArrayBuffer>
      yield chunk
    }
    const failure = this.failure()
    if (failure) throw failure
  }

  /** Why the other side went no further; undefined: it has not said so. */
  failure(): KafkaError | undefined {
    const text = decodeUtf8(this.#tail)
    const [match, length, sum] = shape.exec(text) ?? []
    if (match === undefined) return undefined
    const end = this.#tail.length - encodeUtf8(match).length
    const said = this.#tail.subarray(end - Number(length), end)
    if (sha256(said) !== sum) return undefined
    const { code, message } = JSON.parse(decodeUtf8(said)) as { code: string; message: string }
    return new KafkaError(message, { code })
  }
}
