/** Tests that one client reads what another wrote: every kind of content, byte for byte, with every compression. */
import { expect, test } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { inBase64, type Outgoing, type RecordClient } from './exchanged-record.ts'
import type { ServedBroker } from './served-broker.ts'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const empty = Buffer.alloc(0)
const contents: readonly (Buffer | null)[] = [
  Buffer.from('text'),
  Buffer.from('Ünïcödé 🚀'),
  everyByte,
  empty,
  null,
  Buffer.alloc(30_000, everyByte),
  // Not UTF-8.
  Buffer.from([0xc3, 0x28, 0xff, 0]),
]
const start = 1_700_000_000_000

/** Every content as key and as value, with and without headers; timestamps that go forth and back. */
const records: readonly Outgoing[] = contents.flatMap((key, i) =>
  contents.map((value, j) => ({
    key,
    value,
    headers: (j % 2 === 0 ? contents : [])
      .filter((header) => header !== null && header.length < 1000)
      .map((header, n) => [`header ${n} ü`, header!] as const),
    timestamp: start + (j % 3) * 60_000 - i * 1000,
    partition: 0,
  })),
)

type Named = readonly [name: string, client: RecordClient]

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export function describeExchange(
  broker: ServedBroker,
  unique: (prefix: string) => string,
  [writerName, writer]: Named,
  [readerName, reader]: Named,
): void {
  describeClient(
    `Across clients: ${writerName} writes, ${readerName} reads`,
    () => {
      for (const compression of compressions) {
        const isPossible =
          writer.compressions.includes(compression) && reader.compressions.includes(compression)
        const reason = isPossible ? '' : ' (not run: its codec needs Node 22.15 or later)'
        test.skipIf(!isPossible)(`every byte, ${compression}${reason}`, async () => {
          const topic = unique(compression)
          await writer.write(broker, topic, records, compression)
          const read = await reader.read(broker, topic, records.length)
          expect(inBase64(read)).toEqual(inBase64(records))
        })
      }
    },
    '',
  )
}
