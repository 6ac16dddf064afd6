/** The error of every codec for bytes that cannot be, or must not be, decompressed. */
import { CorruptDataError } from '../../core/errors.ts'

export function damaged(name: string, what: string, cause?: unknown): CorruptDataError {
  return new CorruptDataError(`${name} data cannot be decompressed: ${what}`, {
    code: 'CORRUPT_MESSAGE',
    cause,
  })
}

export function tooLarge(name: string, bytesMax: number): CorruptDataError {
  return damaged(name, `it holds more than the ${bytesMax} bytes that are allowed`)
}
