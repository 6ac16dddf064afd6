/** Kafka's text form of a UUID: its 16 bytes in base64url without padding, 22 characters. */
import { KafkaError } from '../core/errors.ts'

/** The UUID that stands for "none". */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const digits = Array.from(alphabet)
const values = new Int8Array(128).fill(-1)
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i

/** Text of the 16 bytes at `at`; the caller has checked that they are there. */
export function formatUuid(bytes: Uint8Array, at: number): string {
  let text = ''
  for (let i = at; i < at + 15; i += 3) {
    const bits = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!
    text +=
      digits[bits >> 18]! +
      digits[(bits >> 12) & 63]! +
      digits[(bits >> 6) & 63]! +
      digits[bits & 63]!
  }
  const last = bytes[at + 15]!
  return text + digits[last >> 2]! + digits[(last & 3) << 4]!
}

/** Writes the 16 bytes of `uuid` at `at`. Throws `KafkaError` INVALID_REQUEST when it is not a UUID. */
export function parseUuid(uuid: string, target: Uint8Array, at: number): void {
  if (uuid.length !== 22) throw notUuid(uuid)
  let bits = 0
  let bitCount = 0
  for (let i = 0; i < 22; i++) {
    const code = uuid.charCodeAt(i)
    const value = code < 128 ? values[code]! : -1
    if (value < 0) throw notUuid(uuid)
    bits = (bits << 6) | value
    bitCount += 6
    if (bitCount >= 8) {
      bitCount -= 8
      target[at++] = bits >> bitCount
      bits &= (1 << bitCount) - 1
    }
  }
  if (bits !== 0) throw notUuid(uuid)
}

/** Turns the hexadecimal form (`123e4567-e89b-…`, as `crypto.randomUUID` gives) into Kafka's. */
export function uuidFromHex(hex: string): string {
  const plain = hex.replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/i.test(plain)) throw notUuid(hex)
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 16; i++) bytes[i] = Number.parseInt(plain.slice(2 * i, 2 * i + 2), 16)
  return formatUuid(bytes, 0)
}

function notUuid(uuid: string): KafkaError {
  return new KafkaError(
    `'${uuid}' is not a UUID in Kafka's form: give 22 characters of unpadded base64url`,
    { code: 'INVALID_REQUEST' },
  )
}
