/** Looking at transactions and ending one that hangs: kafka-transactions; and writing in them: kafka-producer-perf-test. */
import { expect, test } from 'vitest'
import { Client, string, topic } from '../../../src/index.ts'
import { describeBroker } from './describe-broker.ts'

describeBroker('Java tools: kafka-transactions', (broker) => {
  /** Runs `look` while a transaction with one record is under way, then lets it end. */
  async function during(id: string, look: () => Promise<void>): Promise<void> {
    const kafka = new Client(broker().url)
    let failure: unknown
    await kafka
      .transaction('payments', { id }, async (tx) => {
        await tx.send(id)
        await look()
      })
      .catch((error: unknown) => {
        failure = error
      })
    await kafka.close()
    if (failure) throw failure
  }

  test('list and describe one that is under way, and one that is over', async () => {
    await during('payer', async () => {
      const list = await broker().tool('transactions', ['list'])
      expect(list).toMatch(/payer\s+\d+\s+\d+\s+Ongoing/)
      const described = await broker().tool('transactions', [
        'describe',
        '--transactional-id',
        'payer',
      ])
      expect(described).toMatch(/Ongoing/)
      expect(described).toContain('payments-0')
    })
    expect(await broker().tool('transactions', ['list'])).toMatch(
      /payer\s+\d+\s+\d+\s+CompleteCommit/,
    )
  })

  test('describe the producers of a partition', async () => {
    const where = ['--topic', 'payments', '--partition', '0']
    await during('described', async () => {
      const printed = await broker().tool('transactions', ['describe-producers', ...where])
      // The open transaction is the one with a start offset.
      expect(printed.split('\n').some((line) => /\s\d+\s*$/.test(line))).toBe(true)
    })
  })

  test('one that is not there', async () => {
    const printed = await broker().toolFails('transactions', [
      'describe',
      '--transactional-id',
      'nobody',
    ])
    expect(printed).toMatch(/TransactionalIdNotFound|nobody/)
  })

  test('write in transactions, with Java’s producer, read with ours: only what is committed', async () => {
    const args = ['--topic', 'perf', '--num-records', '2000', '--record-size', '50']
    const how = [
      '--throughput',
      '-1',
      '--transactional-id',
      'perf',
      '--transaction-duration-ms',
      '20',
    ]
    const printed = await broker().tool('producer-perf-test', [...args, ...how])
    expect(printed).toMatch(/2000 records sent/)
    await using kafka = new Client(broker().url)
    const records = await kafka
      .consumer(topic('perf', { value: string }))
      .take(2000)
      .toArray()
    expect(records.every(({ value }) => value.length === 50)).toBe(true)
  })
})
