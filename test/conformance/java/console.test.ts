/** Records through Kafka's console producer and consumer. */
import { expect, test } from 'vitest'
import { Client, Offset, string, topic } from '../../../src/index.ts'
import { describeBroker } from './describe-broker.ts'

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
/** Long enough that every codec has something to repeat. */
const lines = Array.from({ length: 500 }, (_, i) => `line ${i}, ${'and so on, '.repeat(i % 20)}`)
const shown = ['key', 'headers', 'offset', 'partition', 'timestamp'].flatMap((part) => [
  '--formatter-property',
  `print.${part}=true`,
])

describeBroker('Java tools: kafka-console-producer and kafka-console-consumer', (broker) => {
  const produce = (name: string, stdin: string, ...args: string[]) =>
    broker().tool('console-producer', ['--topic', name, ...args], { stdin })
  const consume = async (name: string, count: number, ...args: string[]) => {
    const options = ['--max-messages', String(count), '--timeout-ms', '30000']
    const output = await broker().tool('console-consumer', ['--topic', name, ...options, ...args])
    return output.split('\n').slice(0, -1)
  }

  for (const compression of compressions) {
    test(`produce and consume: ${compression}`, async () => {
      const name = `lines-${compression}`
      await produce(name, `${lines.join('\n')}\n`, '--compression-codec', compression)
      expect(await consume(name, lines.length, '--from-beginning')).toEqual(lines)
    })
  }

  test('keys, headers and null values', async () => {
    const reader = ['parse.key=true', 'parse.headers=true', 'null.marker=NULL']
    await produce(
      'parts',
      'h1:x,h2:ÿ\tk1\tv1\nNULL\tk2\tNULL\nh1:,h1:again\tNULL\tv3\n',
      ...reader.flatMap((property) => ['--reader-property', property]),
    )
    const records = await consume('parts', 3, '--from-beginning', ...shown)
    expect(records[0]).toMatch(/^CreateTime:\d{13}\tPartition:0\tOffset:0\th1:x,h2:ÿ\tk1\tv1$/)
    expect(records[1]).toMatch(/\tOffset:1\tNO_HEADERS\tk2\tnull$/)
    expect(records[2]).toMatch(/\tOffset:2\th1:,h1:again\tnull\tv3$/)
  })

  test('acks 0, 1 and all', async () => {
    for (const acks of ['0', '1', '-1']) {
      await produce('acks', `${acks}\n`, '--command-property', `acks=${acks}`, ...notIdempotent)
    }
    expect(await consume('acks', 3, '--from-beginning')).toEqual(['0', '1', '-1'])
  })

  test('consume one partition from an offset', async () => {
    const from = (offset: string, count: number) =>
      consume('lines-gzip', count, '--partition', '0', '--offset', offset)
    expect(await from('400', 100)).toEqual(lines.slice(400))
    expect(await from('earliest', 2)).toEqual(lines.slice(0, 2))
  })

  test('consume as a group goes on where it was', async () => {
    const group = ['--group', 'readers', '--from-beginning']
    expect(await consume('lines-lz4', 200, ...group)).toEqual(lines.slice(0, 200))
    expect(await consume('lines-lz4', 300, ...group)).toEqual(lines.slice(200))
  })

  test('read_committed and read_uncommitted', async () => {
    for (const isolation of ['read_committed', 'read_uncommitted']) {
      const read = await consume(
        'lines-zstd',
        500,
        '--from-beginning',
        '--isolation-level',
        isolation,
      )
      expect(read).toEqual(lines)
    }
  })

  test("kafka-do's client reads what the console producer wrote", async () => {
    await using client = new Client(broker().url)
    for (const compression of compressions) {
      const lineTopic = topic(`lines-${compression}`, { value: string })
      const consumer = client.consumer(lineTopic, { offset: Offset.earliest })
      const read: string[] = []
      for await (const record of consumer.take(lines.length)) read.push(record.value)
      expect(read).toEqual(lines)
    }
  })
})

const notIdempotent = ['--command-property', 'enable.idempotence=false']
