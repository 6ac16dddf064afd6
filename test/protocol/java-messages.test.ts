/**
 * Every message in every version as Kafka's own Java client writes it: `golden/java-messages.tsv` has a line per
 * case (message, version, bytes in hexadecimal, and the same content as Java prints it in JSON). Made by
 * `golden/MakeMessages.java`, which fills the fields at random; how to run it stands there.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { everyMessage } from './message-shapes.ts'

const cases = await everyMessage()
const file = process.env.JAVA_MESSAGES ?? new URL('golden/java-messages.tsv', import.meta.url)
const rows = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t') as [string, string, string, string])

test('there is a line for every message and version', () => {
  const wanted = cases.map(({ name, version }) => `${name} ${version}`)
  expect(new Set(rows.map(([name, version]) => `${name} ${version}`))).toEqual(new Set(wanted))
})

describe.each([...new Set(cases.map(({ name }) => name))])('%s', (message) => {
  test('reads what Java wrote, and writes the same bytes', () => {
    for (const [name, version, hex, json] of rows) {
      if (name !== message) continue
      const label = `${name} version ${version}`
      const found = cases.find((one) => one.name === name && one.version === Number(version))
      const reader = new ByteReader(new Uint8Array(Buffer.from(hex, 'hex')))
      const decoded = found!.codec.decode(reader, found!.version)
      expect(reader.remaining, label).toBe(0)
      expectContent(decoded, JSON.parse(json), label)
      const writer = new ByteWriter()
      found!.codec.encode(writer, decoded, found!.version)
      expect(Buffer.from(writer.finish()).toString('hex'), label).toBe(hex)
    }
  })
})

/**
 * Java's JSON names what the version has and is not at its default. It prints int64 as a number, here with an `n`
 * behind it, bytes in base64, and records not at all: those are held by writing the same bytes again.
 */
function expectContent(ours: unknown, java: unknown, path: string): void {
  if (typeof ours === 'bigint') expect(`${ours}n`, path).toBe(java)
  else if (ours instanceof Uint8Array) {
    if (!path.endsWith('ecords')) expect(Buffer.from(ours).toString('base64'), path).toBe(java)
  } else if (Array.isArray(ours)) {
    const items = java as unknown[]
    expect(ours.length, path).toBe(items.length)
    for (const [i, item] of ours.entries()) expectContent(item, items[i], `${path}[${i}]`)
  } else if (typeof ours === 'object' && ours !== null) {
    for (const [key, value] of Object.entries(java as object)) {
      expect(ours, path).toHaveProperty(key)
      expectContent((ours as { [key: string]: unknown })[key], value, `${path}.${key}`)
    }
  } else expect(ours, path).toBe(java)
}
