/**
 * The headers of a tar archive (POSIX.1-2001), by which every tar can unpack it. Content follows its header and is filled up
 * to blocks of 512 bytes; two empty blocks are the end. Names are ASCII; one that fits into no header has a pax header before it.
 */
import { concatBytes, encodeUtf8 } from '../core/bytes.ts'

export const blockBytes = 512
const nameMax = 100
const prefixMax = 155
const magic = 'ustar\u000000'
/** What a size field of eleven octal digits holds. */
const octalSizeMax = 8 ** 11 - 1

export interface TarHeader {
  readonly path: string
  readonly size: number
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number
}

/** Of a file that its owner alone may read. */
export function tarHeader(header: TarHeader): Uint8Array {
  const fitting = split(header.path)
  if (fitting && header.size <= octalSizeMax) return block(fitting, header, '0')
  const records = encodeUtf8(
    paxRecord('path', header.path) + paxRecord('size', String(header.size)),
  )
  const pax = { ...header, size: records.length }
  return concatBytes([
    block({ name: 'pax', prefix: '' }, pax, 'x'),
    records,
    tarPadding(records.length),
    block(
      { name: header.path.slice(-nameMax), prefix: '' },
      { ...header, size: Math.min(header.size, octalSizeMax) },
      '0',
    ),
  ])
}

/** What follows content of this size. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((blockBytes - (size % blockBytes)) % blockBytes)
}

export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * blockBytes)
}

interface Name {
  readonly name: string
  readonly prefix: string
}

function split(path: string): Name | undefined {
  if (path.length <= nameMax) return { name: path, prefix: '' }
  const slash = path.lastIndexOf('/')
  const [prefix, name] = [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)]
  return slash > 0 && prefix.length <= prefixMax && name.length <= nameMax
    ? { name, prefix }
    : undefined
}

function block({ name, prefix }: Name, header: TarHeader, type: '0' | 'x'): Uint8Array {
  const bytes = new Uint8Array(blockBytes)
  const text = (at: number, value: string) => bytes.set(encodeUtf8(value), at)
  const octal = (at: number, digits: number, value: number) =>
    text(at, Math.max(0, Math.floor(value)).toString(8).padStart(digits, '0'))
  text(0, name)
  octal(100, 7, 0o600)
  octal(108, 7, 0)
  octal(116, 7, 0)
  octal(124, 11, header.size)
  octal(136, 11, header.modifiedSeconds)
  text(148, '        ')
  text(156, type)
  text(257, magic)
  text(345, prefix)
  octal(148, 6, sumOf(bytes))
  bytes[154] = 0
  return bytes
}

/** The checksum of a header in which the field for it holds blanks. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < blockBytes; i++) sum += i >= 148 && i < 156 ? 32 : bytes[i]!
  return sum
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length
  return `${length}${rest}`
}
