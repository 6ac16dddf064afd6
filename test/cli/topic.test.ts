/** `kafka-do topic`, on a folder and on a server. */
import { describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { run, useTarget } from './command-line.ts'

describe.each(['file', 'kafka', 'http'] as const)('kafka-do topic, %s', (kind) => {
  const target = useTarget(kind)

  test('creates, lists, describes, changes and deletes', async () => {
    const created = await target.run([
      'topic',
      'create',
      'orders',
      '--partitions',
      '3',
      '--retention',
      '7d',
    ])
    expect(created).toEqual({ code: 0, stdout: '', stderr: 'Created topic orders.\n' })
    expect(await target.run(['topic', 'create', 'orders'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('orders'),
    })
    expect(await target.json(['topic', 'create', 'orders', '--if-not-exists'])).toEqual([
      { topic: 'orders', created: false },
    ])
    await target.run(['topic', 'create', 'customers', '-c', 'cleanup.policy=compact', '-p', '1'])

    const { stdout } = await target.run(['topic', 'ls'])
    expect(stdout).toMatch(
      /^TOPIC {6}PARTITIONS {2}ID\ncustomers {11}1 {2}\S+\norders {14}3 {2}\S+\n$/,
    )
    expect((await target.run(['topic', 'ls', 'ord*', '-o', 'tsv'])).stdout).toMatch(
      /^orders\t3\t\S+\n$/,
    )

    const described = await target.json(['topic', 'describe', 'orders'])
    expect(described).toMatchObject({ name: 'orders', partitions: 3, retentionMs: 604_800_000 })
    expect((await target.run(['topic', 'describe', 'orders', '-o', 'tsv'])).stdout).toBe(
      '0\t0\t0\t0\t0\n1\t0\t0\t0\t0\n2\t0\t0\t0\t0\n',
    )

    await target.run([
      'topic',
      'alter',
      'orders',
      '--retention',
      'forever',
      '-c',
      'segment.ms=60000',
      '-p',
      '4',
    ])
    expect(await target.json(['topic', 'describe', 'orders'])).toMatchObject({
      partitions: 4,
      retentionMs: -1,
      configs: { 'segment.ms': '60000' },
    })
    await target.run(['topic', 'alter', 'orders', '--reset-config', 'segment.ms'])
    const { configs } = await target.json<{ configs: object }>(['topic', 'describe', 'orders'])
    expect(configs).not.toHaveProperty('segment.ms')

    const shown = await target.run(['topic', 'rm', 'orders'])
    expect(shown.stderr).toBe(
      'Would delete topic orders (4 partitions, 0 offsets).\nNothing was changed: this is what --execute would do.\n',
    )
    expect(await target.json(['topic', 'rm', 'orders', 'customers', '--execute'])).toEqual([
      { topic: 'orders', partitions: 4, offsets: 0, deleted: true },
      { topic: 'customers', partitions: 1, offsets: 0, deleted: true },
    ])
    expect(await target.json(['topic', 'ls'])).toEqual([])
  })

  test('purges up to a place', async () => {
    await target.run(['topic', 'create', 'events', '-p', '2'])
    {
      await using kafka = new Client(target.url)
      for (let i = 0; i < 10; i++) await kafka.produce('events', i, { partition: i % 2 })
    }
    expect(
      (await target.run(['topic', 'purge', 'events', '--before', '-2', '--partition', '1'])).stderr,
    ).toBe(
      'Would delete 3 offsets of events-1, those before 3.\nNothing was changed: this is what --execute would do.\n',
    )
    expect(await target.json(['topic', 'purge', 'events', '--before', '@4', '--execute'])).toEqual([
      { topic: 'events', partition: 0, earliest: 0, before: 4, offsets: 4, purged: true },
      { topic: 'events', partition: 1, earliest: 0, before: 4, offsets: 4, purged: true },
    ])
    expect((await target.run(['topic', 'describe', 'events', '-o', 'tsv'])).stdout).toMatch(
      /^0\t4\t5\t1\t\d\d+\n1\t4\t5\t1\t\d\d+\n$/,
    )
    expect(await target.run(['topic', 'purge', 'events', '--partition', '7'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('partitions 0 to 1; there is no partition 7'),
    })
  })

  test('a topic that is not there is 4, with the one that may have been meant', async () => {
    await target.run(['topic', 'create', 'payments'])
    for (const words of [
      ['describe', 'paymnets'],
      ['rm', 'paymnets'],
      ['purge', 'paymnets'],
      ['alter', 'paymnets', '-p', '2'],
    ]) {
      const { code, stderr } = await target.run(['topic', ...words])
      expect([code, stderr]).toEqual([
        4,
        "kafka-do: there is no topic 'paymnets'\n  Did you mean 'payments'?\n",
      ])
    }
    const failed = await target.run(['topic', 'describe', 'nothing-like-it', '-o', 'json'])
    expect([failed.code, failed.stdout]).toEqual([4, ''])
    expect(JSON.parse(failed.stderr)).toEqual({
      error: {
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        message: "there is no topic 'nothing-like-it'",
        hint: 'kafka-do topic ls lists them',
        exitCode: 4,
      },
    })
  })
})

test('a folder that is not there is not made by looking', async () => {
  const failed = await run(['topic', 'ls', '--url', 'file:./no-such-folder'])
  expect(failed).toMatchObject({
    code: 4,
    stderr: 'kafka-do: there is no data folder ./no-such-folder\n',
  })
})
