import { describe, expect, test } from 'vitest'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { TarReader } from './tar-reader.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts'

interface Content {
  readonly path: string
  readonly text: string
}

function archive(contents: readonly Content[]): Uint8Array {
  const parts = contents.flatMap(({ path, text }) => {
    const bytes = encodeUtf8(text)
    const header = tarHeader({ path, size: bytes.length, modifiedSeconds: 1_700_000_000 })
    return [header, bytes, tarPadding(bytes.length)]
  })
  return concatBytes([...parts, tarEnd()])
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

async function read(bytes: Uint8Array, pieceBytes: number): Promise<Content[]> {
  const reader = new TarReader(inPieces(bytes, pieceBytes))
  const contents: Content[] = []
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    const parts: Uint8Array[] = []
    for await (const chunk of entry.chunks()) parts.push(chunk)
    contents.push({ path: entry.path, text: decodeUtf8(concatBytes(parts)) })
  }
  return contents
}

const topic = 'x'.repeat(249)
const contents: Content[] = [
  { path: 'meta.properties', text: 'version=1' },
  { path: 'empty', text: '' },
  { path: `${'y'.repeat(150)}-0/${'0'.repeat(20)}.log`, text: 'a'.repeat(512) },
  { path: `${topic}-123/${'0'.repeat(20)}.timeindex`, text: 'b'.repeat(1025) },
]

describe.each([1, 100, 512, 5000, 1_000_000])('in pieces of %i bytes', (pieceBytes) => {
  test('what was written is read', async () => {
    expect(await read(archive(contents), pieceBytes)).toEqual(contents)
  })

  test('entries that nobody reads are skipped', async () => {
    const reader = new TarReader(inPieces(archive(contents), pieceBytes))
    const paths: string[] = []
    for (let entry = await reader.next(); entry; entry = await reader.next()) paths.push(entry.path)
    expect(paths).toEqual(contents.map(({ path }) => path))
  })

  test('an archive that is cut off anywhere is no archive', async () => {
    const bytes = archive(contents)
    for (let end = 0; end <= bytes.length - 1024; end += 97)
      await expect(read(bytes.subarray(0, end), pieceBytes), `${end}`).rejects.toThrow(
        /in the middle/,
      )
  })
})

test('a header with a flipped bit is found', async () => {
  const bytes = archive(contents)
  for (const at of [0, 124, 150, 156, 300]) {
    const damaged = bytes.slice()
    damaged[at]! ^= 1
    await expect(read(damaged, 512), `byte ${at}`).rejects.toThrow(/header is not sound/)
  }
})

test('large sizes, as GNU tar writes them', async () => {
  const bytes = archive([{ path: 'a', text: 'abc' }])
  // Base 256: the first bit set, then the number.
  bytes.fill(0, 124, 136)
  bytes[124] = 0x80
  bytes[135] = 3
  let sum = 0
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : bytes[i]!
  bytes.set(encodeUtf8(sum.toString(8).padStart(6, '0')), 148)
  expect(await read(bytes, 512)).toEqual([{ path: 'a', text: 'abc' }])
})
