/** Kafka's load generators get through: every record is acknowledged, and read again. */
import { expect, test } from 'vitest'
import { describeBroker } from './describe-broker.ts'

const count = 20_000

describeBroker('Java tools: kafka-producer-perf-test and kafka-consumer-perf-test', (broker) => {
  const produce = (topic: string, ...args: string[]) =>
    broker().tool('producer-perf-test', [
      ...['--topic', topic, '--num-records', String(count), '--record-size', '100'],
      ...['--throughput', '-1', ...args],
    ])
  const consume = async (topic: string, ...args: string[]) => {
    const options = ['--topic', topic, '--num-records', String(count), '--timeout', '30000']
    const output = await broker().tool('consumer-perf-test', [...options, ...args])
    return Number(output.trim().split('\n').at(-1)?.split(', ')[4])
  }

  for (const acks of ['all', '1', '0']) {
    test(`produce with acks=${acks}, and consume`, async () => {
      const report = await produce(`acks-${acks}`, '--command-property', `acks=${acks}`)
      expect(report).toMatch(new RegExp(`^${count} records sent, .* 99\\.9th\\.$`, 'm'))
      expect(await consume(`acks-${acks}`)).toBe(count)
    })
  }

  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd']) {
    test(`produce with ${compression}, and consume`, async () => {
      const topic = `compressed-${compression}`
      const report = await produce(topic, '--command-property', `compression.type=${compression}`)
      expect(report).toMatch(new RegExp(`^${count} records sent`, 'm'))
      expect(await consume(topic)).toBe(count)
    })
  }

  test('produce in transactions, and consume what is committed', async () => {
    const report = await produce('transactions', '--transaction-duration-ms', '50')
    expect(report).toMatch(new RegExp(`^${count} records sent`, 'm'))
    const committed = ['--command-property', 'isolation.level=read_committed']
    expect(await consume('transactions', ...committed)).toBe(count)
  })
})
