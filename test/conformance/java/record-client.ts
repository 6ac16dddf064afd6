/** Java's producer and consumer, as far as records go; what they do is in RecordProgram.java. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runJava } from '../../kafka/java-tools.ts'
import type { Outgoing, RecordClient } from '../npm/exchanged-record.ts'

const program = fileURLToPath(new URL('RecordProgram.java', import.meta.url))
const packed = (part: Buffer | null) => part?.toString('base64') ?? '-'
const unpacked = (part: string) => (part === '-' ? null : Buffer.from(part, 'base64'))

/** Runs the program from its source, and gives what it printed. */
async function run(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runJava(program, args, { timeoutMs: 120_000 })
  if (exitCode === 0) return stdout
  throw new Error(`RecordProgram ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
}

function toLine({ timestamp, key, value, headers }: Outgoing): string {
  const named = headers.flatMap(([name, header]) => [packed(Buffer.from(name)), packed(header)])
  return [timestamp, packed(key), packed(value), ...named].join(' ')
}

function fromLine(line: string) {
  const [timestamp = '', key = '', value = '', ...named] = line.split(' ')
  const headers = Array.from({ length: named.length / 2 }, (_, i) => {
    return [String(unpacked(named[2 * i]!)), unpacked(named[2 * i + 1]!)!] as const
  })
  return {
    ...{ partition: 0, timestamp: Number(timestamp), headers },
    ...{ key: unpacked(key), value: unpacked(value) },
  }
}

/** Of partition 0 only. */
export const javaRecords: RecordClient = {
  compressions: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
  async write({ bootstrap }, topic, records, compression) {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-records-'))
    try {
      const file = join(folder, 'records')
      await writeFile(file, records.map((record) => `${toLine(record)}\n`).join(''))
      await run(bootstrap, 'write', topic, compression, file)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
  async read({ bootstrap }, topic, count) {
    const printed = await run(bootstrap, 'read', topic, String(count))
    return printed.trimEnd().split('\n').map(fromLine)
  },
}
