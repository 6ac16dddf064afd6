/** What the generated encoders and decoders share. */
import { KafkaError } from '../../core/errors.ts'
import type { ByteReader } from '../byte-reader.ts'

export function readArray<T>(
  reader: ByteReader,
  version: number,
  compact: boolean,
  readItem: (reader: ByteReader, version: number) => T,
): T[] {
  return readItems(reader, version, reader.readArrayLength(compact), readItem)
}

export function readNullableArray<T>(
  reader: ByteReader,
  version: number,
  compact: boolean,
  readItem: (reader: ByteReader, version: number) => T,
): T[] | null {
  const length = reader.readNullableArrayLength(compact)
  return length < 0 ? null : readItems(reader, version, length, readItem)
}

/** Grows item by item: a length that lies allocates no more than the bytes that are there. */
function readItems<T>(
  reader: ByteReader,
  version: number,
  length: number,
  readItem: (reader: ByteReader, version: number) => T,
): T[] {
  const items: T[] = []
  for (let i = 0; i < length; i++) items.push(readItem(reader, version))
  return items
}

/** A value that may not be null in the version at hand. */
export function required<T>(value: T | null, field: string): T {
  if (value !== null) return value
  throw new KafkaError(`${field} may not be null in this version of the request`, {
    code: 'INVALID_REQUEST',
  })
}

/** A field is set that the version at hand cannot carry. */
export function unsupported(field: string, version: number): KafkaError {
  return new KafkaError(
    `${field} cannot be expressed in version ${version}: the broker is too old for this request`,
    { code: 'UNSUPPORTED_VERSION' },
  )
}
