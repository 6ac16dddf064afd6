/** The command line at a real Apache Kafka: every command that is not of `kafka-do serve` alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Interruption } from '../../src/cli/shell/io.ts'
import { Client } from '../../src/index.ts'
import { type Given, run, runJson } from '../cli/command-line.ts'
import { until } from '../until.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'

const password = 'correct horse'

describeJava('kafka-do at Apache Kafka', () => {
  let kafka: ApacheKafka
  let scratch = ''
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-apache-'))
    writeFileSync(join(scratch, 'password'), `${password}\n`)
    kafka = await startApacheKafka({
      users: { alice: password },
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:admin;User:ANONYMOUS',
      },
    })
  })
  afterAll(async () => {
    await kafka?.stop()
    rmSync(scratch, { recursive: true, force: true })
  })

  const withUrl = (given: Given = {}): Given => ({
    ...given,
    environment: { KAFKA_DO_URL: kafka.url, ...given.environment },
  })
  const cli = (words: readonly string[], given?: Given) => run(words, withUrl(given))
  const json = <T = unknown>(words: readonly string[], given?: Given) =>
    runJson<T>(words, withUrl(given))

  test('topics', async () => {
    expect(await cli(['topic', 'create', 'shop', '-p', '3', '--retention', '7d'])).toMatchObject({
      code: 0,
    })
    expect(await json(['topic', 'create', 'shop', '--if-not-exists'])).toEqual([
      { topic: 'shop', created: false },
    ])
    await cli(['topic', 'alter', 'shop', '-c', 'segment.ms=60000', '-p', '4'])
    expect(await json(['topic', 'describe', 'shop'])).toMatchObject({
      partitions: 4,
      retentionMs: 604_800_000,
      configs: { 'segment.ms': '60000' },
    })
  })

  test('purging, deleting and names that are not there', async () => {
    await cli(['produce', 'goods', '--create'], { stdin: '1\n2\n3\n' })
    expect(await json(['topic', 'purge', 'goods', '--before', '-1', '--execute'])).toMatchObject([
      { topic: 'goods', earliest: 0, before: 2, offsets: 2, purged: true },
    ])
    expect((await cli(['consume', 'goods'])).stdout).toBe('3\n')
    expect(await cli(['topic', 'describe', 'godos'])).toMatchObject({
      code: 4,
      stderr: "kafka-do: there is no topic 'godos'\n  Did you mean 'goods'?\n",
    })
    expect(await json(['topic', 'rm', 'goods', '--execute'])).toMatchObject([{ deleted: true }])
    expect((await cli(['produce', 'goods', '-v', '1'])).code).toBe(4)
  })

  test('records', async () => {
    await cli(['topic', 'create', 'orders', '-p', '2'])
    const lines = Array.from(
      { length: 200 },
      (_, i) => `{"id":${9_007_199_254_740_993n + BigInt(i)},"n":${i}}\n`,
    )
    for (const compression of ['none', 'gzip', 'zstd'])
      expect(
        (
          await cli(
            [
              'produce',
              'orders',
              '-f',
              'json',
              '--key-pointer',
              '/id',
              '-z',
              compression,
              '-H',
              'a=b',
            ],
            { stdin: lines.join('') },
          )
        ).code,
      ).toBe(0)
    const found = await cli([
      'consume',
      'orders',
      '--filter',
      'value.id == 9007199254740994 && headers.a == "b"',
      '--format',
      '%k %v\\n',
    ])
    expect(found.stdout).toBe('9007199254740994 {"id":9007199254740994,"n":1}\n'.repeat(3))
    expect(
      (await cli(['consume', 'orders', '--from', '-3', '-o', 'ndjson'])).stdout
        .trimEnd()
        .split('\n'),
    ).toHaveLength(6)
    expect(
      (await cli(['consume', 'orders', '--from', '@-1h:end', '-n', '7'])).stdout
        .trimEnd()
        .split('\n'),
    ).toHaveLength(7)
    const path = join(scratch, 'orders.ndjson.gz')
    expect((await cli(['export', 'orders', path])).stderr).toBe('Exported 600 records of orders.\n')
    expect(
      (await cli(['import', 'orders-copy', path, '--create', '--partitions', '2'])).stderr,
    ).toBe('Stored 600 records in orders-copy.\n')
    const values = async (topic: string) =>
      (await cli(['consume', topic, '--format', '%p %k %v %T\\n'])).stdout.split('\n').sort()
    expect(await values('orders-copy')).toEqual(await values('orders'))
  })

  test('the end is reached behind marks of transactions, and transactions are told of', async () => {
    await cli(['topic', 'create', 'ledger'])
    await using client = new Client(kafka.url)
    await client.transaction('ledger', { id: 'books' }, async (tx) => {
      await tx.send('kept')
      expect(await json(['tx', 'describe', 'books'])).toMatchObject({
        state: 'Ongoing',
        partitions: [{ topic: 'ledger', partition: 0 }],
      })
      // What is open is not waited for.
      expect(await cli(['consume', 'ledger'])).toMatchObject({ code: 0, stdout: '' })
    })
    // Apache Kafka answers a commit before its marks are written.
    const shown = async () => (await cli(['consume', 'ledger'])).stdout
    await expect.poll(shown, { timeout: 20_000 }).toBe('"kept"\n')
    expect((await cli(['tx', 'ls', '-o', 'tsv'])).stdout).toMatch(
      /^books\t(CompleteCommit|PrepareCommit)\t\d+\t\d+\n$/,
    )
    expect((await cli(['tx', 'describe', 'nobody'])).code).toBe(4)
  })

  test('groups', async () => {
    await cli(['produce', 'events', '--create'], { stdin: '1\n2\n3\n4\n' })
    expect((await cli(['consume', 'events', '-g', 'audit', '-n', '2'])).stdout).toBe('1\n2\n')
    expect(await json(['group', 'lag', 'audit'])).toMatchObject([
      { group: 'audit', topic: 'events', lag: 2 },
    ])
    expect((await cli(['consume', 'events', '-g', 'audit'])).stdout).toBe('3\n4\n')
    expect((await cli(['group', 'ls', 'aud*', '-o', 'tsv'])).stdout).toMatch(
      /^audit\tEmpty\t0\tconsumer\n$/,
    )
    expect(await json(['group', 'reset', 'audit', '--shift', '-3', '--execute'])).toMatchObject([
      { before: 4, offset: 1, executed: true },
    ])
    expect(await json(['group', 'reset', 'audit', '--to', '-1h'])).toMatchObject([
      { before: 1, offset: 0, executed: false },
    ])
    expect(await json(['group', 'rm', 'audit', '--execute'])).toMatchObject([{ deleted: true }])
    expect((await cli(['group', 'describe', 'audit'])).code).toBe(4)
  })

  test('following', async () => {
    await cli(['produce', 'live', '--create', '-v', '1'])
    const ctrlC = new AbortController()
    await using client = new Client(kafka.url)
    let sent = 1
    const { code, stdout } = await cli(['consume', 'live', '-F', '--from', 'earliest'], {
      signal: ctrlC.signal,
      onOutput: (all) => {
        const lines = all.trimEnd().split('\n').length
        if (lines === 3) ctrlC.abort(new Interruption('SIGINT'))
        else if (lines === sent) void client.produce('live', ++sent)
      },
    })
    expect([code, stdout]).toEqual([130, '1\n2\n3\n'])
  })

  test('rights and quotas', async () => {
    await cli(['topic', 'create', 'guarded'])
    const asAlice = (...words: string[]) =>
      run([
        ...words,
        '--url',
        kafka.sasl!.url,
        '--sasl-user',
        'alice',
        '--sasl-password-file',
        join(scratch, 'password'),
      ])
    const denied = await asAlice('produce', 'guarded', '-v', '1')
    expect([3, 4]).toContain(denied.code)
    expect((await asAlice('acl', 'ls')).code).toBe(3)
    await cli([
      'acl',
      'add',
      'User:alice',
      '--type',
      'topic',
      '--name',
      'guard*',
      '--operation',
      'write',
      '--operation',
      'describe',
    ])
    // Apache Kafka answers a change of rights or quotas before all of it goes by it.
    await until(async () => (await asAlice('produce', 'guarded', '-v', '1')).code === 0)
    expect((await asAlice('consume', 'guarded')).code).toBe(3)
    expect(await json(['acl', 'rm', '--principal', 'User:alice', '--execute'])).toHaveLength(2)
    writeFileSync(join(scratch, 'wrong'), 'wrong')
    const wrong = await run([
      'topic',
      'ls',
      '--url',
      kafka.sasl!.url,
      '--sasl-user',
      'alice',
      '--sasl-password-file',
      join(scratch, 'wrong'),
    ])
    expect(wrong.code).toBe(3)

    await cli([
      'quota',
      'set',
      '--user',
      'alice',
      'producer_byte_rate=1MiB',
      'request_percentage=50',
    ])
    const listed = 'alice\t\t\tproducer_byte_rate\t1048576\n'
    await until(async () => (await cli(['quota', 'ls', '-o', 'tsv'])).stdout.includes(listed))
    expect(await json(['quota', 'rm', '--user', 'alice', '--execute'])).toHaveLength(2)
    expect((await cli(['key', 'ls'])).stderr).toBe(
      'kafka-do: API keys are not available here: they need kafka-do serve --access keys\n',
    )
  })

  test('bench, top, doctor, completion', async () => {
    const measured = await json<{ phase: string }[]>([
      'bench',
      '--duration',
      '300ms',
      '--rate',
      '50',
      '--partitions',
      '2',
    ])
    expect(measured.map(({ phase }) => phase)).toEqual(['produce', 'consume', 'latency'])
    const { stdout } = await cli(['top', '-n', '1', '--interval', '200ms', '-o', 'ndjson'])
    expect(JSON.parse(stdout)).toMatchObject({
      topics: expect.any(Array),
      groups: expect.any(Array),
    })
    expect(await cli(['doctor'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/, which is reachable\n$/),
    })
    expect((await cli(['completion', '--words', '--', 'topic', 'describe', 'sh'])).stdout).toBe(
      'shop\ttopic\n',
    )
  })
})
