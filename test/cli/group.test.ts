/** `kafka-do group`, on a folder and on a server. */
import { describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { useTarget } from './command-line.ts'

describe.each(['file', 'kafka'] as const)('kafka-do group, %s', (kind) => {
  const target = useTarget(kind)

  async function fill(topic: string): Promise<void> {
    await using kafka = new Client(target.url)
    await kafka.admin.createTopic(topic, { partitions: 2 })
    for (let i = 0; i < 10; i++) await kafka.produce(topic, i, { partition: i % 2 })
  }

  async function read(topic: string, group: string, count: number): Promise<void> {
    await using kafka = new Client(target.url)
    await kafka.consumer(topic, { group }).take(count).toArray()
  }

  test('lists, describes, tells the lag, resets and deletes', async () => {
    await fill('orders')
    await read('orders', 'billing', 10)
    await fill('payments')
    await read('payments', 'billing', 10)
    expect((await target.run(['group', 'ls', '-o', 'tsv'])).stdout).toBe(
      'billing\tEmpty\t0\tconsumer\n',
    )
    const { stdout } = await target.run(['group', 'describe', 'billing'])
    expect(stdout).toMatch(/^group {8}billing\nstate {8}Empty\n/)
    expect(stdout).toMatch(/payments +1 +5 +5 +0 {2}-\n$/)
    expect(await target.json(['group', 'lag'])).toEqual([
      { topic: 'orders', partition: null, committed: null, latest: null, group: 'billing', lag: 0 },
      {
        topic: 'payments',
        partition: null,
        committed: null,
        latest: null,
        group: 'billing',
        lag: 0,
      },
    ])

    const shown = await target.run(['group', 'reset', 'billing', '--topic', 'orders', '--to', '@2'])
    expect(shown).toEqual({
      code: 0,
      stdout:
        'TOPIC   PARTITION  BEFORE  THEN\norders          0       5     2\norders          1       5     2\n',
      stderr: 'Nothing was changed: this is what --execute would do.\n',
    })
    expect(
      (await target.run(['group', 'lag', 'billing', '--by', 'group', '-o', 'tsv'])).stdout,
    ).toBe('billing\t\t\t\t\t0\n')
    await target.run(['group', 'reset', 'billing', '--topic', 'orders', '--to', '@2', '--execute'])
    await target.run(['group', 'reset', 'billing', '--shift', '-1', '--execute'])
    expect((await target.run(['group', 'lag', '--by', 'partition', '-o', 'tsv'])).stdout).toBe(
      'billing\torders\t0\t1\t5\t4\nbilling\torders\t1\t1\t5\t4\nbilling\tpayments\t0\t4\t5\t1\nbilling\tpayments\t1\t4\t5\t1\n',
    )
    expect((await target.run(['group', 'lag', '--fail-over', '8'])).code).toBe(0)
    expect((await target.run(['group', 'lag', '--fail-over', '7'])).code).toBe(1)

    expect((await target.run(['group', 'rm', 'billing'])).stderr).toMatch(
      /^Would delete group billing/,
    )
    expect(await target.json(['group', 'rm', 'billing', '--execute'])).toEqual([
      { group: 'billing', state: 'Empty', partitions: 4, deleted: true },
    ])
    expect(await target.run(['group', 'describe', 'biling'])).toMatchObject({
      code: 4,
      stderr: "kafka-do: there is no group 'biling'\n  kafka-do group ls lists them.\n",
    })
  })

  test('says what it takes', async () => {
    expect(await target.run(['group', 'reset', 'x'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('one of --to and --shift is required'),
    })
    expect((await target.run(['group', 'reset', 'x', '--to', 'yesterday'])).stderr).toMatch(
      /^kafka-do: --to: it takes earliest, latest.*got 'yesterday'\n$/,
    )
    expect((await target.run(['group', 'reset', 'x', '--to', '+5'])).code).toBe(2)
  })
})

describe('kafka-do group with members', () => {
  const target = useTarget('kafka')

  test('is neither reset nor deleted, and says who they are', async () => {
    await using kafka = new Client({ url: target.url, clientId: 'worker' })
    await kafka.produce('orders', 1)
    const consumer = kafka.consumer('orders', { group: 'billing' })
    await consumer.ready()
    expect(await target.run(['group', 'rm', 'billing', '--execute'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^kafka-do: group 'billing' has members: worker at /),
    })
    const reset = [
      'group',
      'reset',
      'billing',
      '--topic',
      'orders',
      '--to',
      'earliest',
      '--execute',
    ]
    expect(await target.run(reset)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has members; its offsets can be reset once they have stopped/),
    })
    await consumer.close()
  })
})
