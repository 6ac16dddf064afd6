/** Commands where not everybody may do everything: keys, rights, quotas; and where transactions are. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { type Given, run, runJson, urlOf, useTarget } from './command-line.ts'

let scratch = ''
let server: Server
let keyFile = ''
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-access-'))
  server = await createServer({ data: 'memory:', port: 0, httpPort: 0, access: 'keys' })
  keyFile = join(scratch, 'admin.key')
  writeFileSync(keyFile, `${server.firstKey!.key}\n`)
})
afterAll(async () => {
  await server.close()
  rmSync(scratch, { recursive: true, force: true })
})

describe.each(['kafka', 'http'] as const)('with access control, %s', (kind) => {
  const asAdmin = (words: readonly string[], given?: Given) =>
    run([...words, '--url', urlOf(server, kind), '--api-key-file', keyFile], given)
  const json = <T>(words: readonly string[]) =>
    runJson<T>([...words, '--url', urlOf(server, kind), '--api-key-file', keyFile])

  test('rights are added, listed and deleted', async () => {
    const who = `User:alice-${kind}`
    const added = await asAdmin([
      'acl',
      'add',
      who,
      '--type',
      'topic',
      '--name',
      'orders-*',
      '--operation',
      'read',
      '--operation',
      'describe',
    ])
    expect(added).toMatchObject({ code: 0, stderr: 'Added 2 rights.\n' })
    await asAdmin([
      'acl',
      'add',
      who,
      '--type',
      'cluster',
      '--operation',
      'alter',
      '--deny',
      '--host',
      '10.0.0.1',
    ])
    expect((await asAdmin(['acl', 'ls', '--principal', who, '-o', 'tsv'])).stdout).toBe(
      [
        `${who}\tdeny\talter\tcluster\tkafka-cluster\tliteral\t10.0.0.1\n`,
        `${who}\tallow\tdescribe\ttopic\torders-\tprefixed\t*\n`,
        `${who}\tallow\tread\ttopic\torders-\tprefixed\t*\n`,
      ].join(''),
    )
    const shown = await asAdmin(['acl', 'rm', '--principal', who, '--operation', 'read'])
    expect(shown.stderr).toBe('Nothing was changed: this is what --execute would do.\n')
    expect(shown.stdout).toMatch(/orders-/)
    expect(
      await json(['acl', 'rm', '--principal', who, '--type', 'topic', '--execute']),
    ).toMatchObject([
      { operation: 'describe', deleted: true },
      { operation: 'read', deleted: true },
    ])
    expect(await json(['acl', 'ls', '--principal', who])).toHaveLength(1)
    expect(await asAdmin(['acl', 'rm'])).toMatchObject({ code: 2 })
    expect(
      await asAdmin(['acl', 'add', who, '--type', 'topik', '--operation', 'read']),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--type: it is one of topic, group'),
    })
    expect(
      await asAdmin([
        'acl',
        'add',
        'alice',
        '--type',
        'topic',
        '--name',
        'x',
        '--operation',
        'read',
      ]),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must be like User:alice'),
    })
  })

  test('quotas are set, listed and taken away', async () => {
    const user = `bob-${kind}`
    await asAdmin([
      'quota',
      'set',
      '--user',
      user,
      '--client-id',
      'batch',
      'producer_byte_rate=1MiB',
      'request_rate=12.5',
    ])
    await asAdmin(['quota', 'set', '--default-user', 'consumer_byte_rate=64k'])
    const { stdout } = await asAdmin(['quota', 'ls', '-o', 'tsv'])
    expect(stdout).toContain('<default>\t\t\tconsumer_byte_rate\t65536\n')
    expect(stdout).toContain(`${user}\tbatch\t\tproducer_byte_rate\t1048576\n`)
    expect((await asAdmin(['quota', 'rm', '--user', user, '--client-id', 'batch'])).stderr).toMatch(
      /^Nothing was changed/,
    )
    expect(
      await json([
        'quota',
        'rm',
        '--user',
        user,
        '--client-id',
        'batch',
        'request_rate',
        '--execute',
      ]),
    ).toMatchObject([{ name: 'request_rate', value: 12.5, deleted: true }])
    await asAdmin(['quota', 'rm', '--default-user', '--execute'])
    expect(await json(['quota', 'ls'])).toMatchObject([
      { entity: { user, clientId: 'batch' }, name: 'producer_byte_rate', value: 1_048_576 },
    ])
    await asAdmin(['quota', 'rm', '--user', user, '--client-id', 'batch', '--execute'])
    expect(await asAdmin(['quota', 'rm', '--user', user, '--client-id', 'batch'])).toMatchObject({
      code: 4,
    })
    expect(await asAdmin(['quota', 'set', '--user', user, 'speed=3'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('producer_byte_rate'),
    })
    expect(await asAdmin(['quota', 'set', 'producer_byte_rate=3'])).toMatchObject({ code: 2 })
  })

  test('keys are made, rotated and revoked, and may do no more than they were made for', async () => {
    await asAdmin(['topic', 'create', `orders-${kind}`, `other-${kind}`])
    const path = join(scratch, `shop-${kind}.key`)
    const made = await json<{ id: string; keyFile: string }>([
      'key',
      'create',
      'shop',
      '--scope',
      `produce:orders-${kind}`,
      '--expires',
      '30d',
      '--key-file',
      path,
    ])
    expect(made).toMatchObject({ name: 'shop', keyFile: path })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const asShop = (...words: string[]) =>
      run([...words, '--url', urlOf(server, kind), '--api-key-file', path, '--timeout', '5s'])
    expect((await asShop('produce', `orders-${kind}`, '-v', '1')).code).toBe(0)
    for (const words of [
      ['produce', `other-${kind}`, '-v', '1'],
      ['consume', `orders-${kind}`, '-g', 'x'],
      ['topic', 'rm', `orders-${kind}`, '--execute'],
      ['acl', 'ls'],
      ['key', 'ls'],
      ['key', 'create', 'more', '--scope', 'admin'],
    ]) {
      const { code, stderr } = await asShop(...words)
      // A topic that may not be seen is not there.
      expect([words, code, stderr]).toEqual([
        words,
        expect.toSatisfy((one) => one === 3 || (one === 4 && words[1]!.startsWith('other'))),
        expect.stringMatching(/^kafka-do: /),
      ])
    }
    expect((await asAdmin(['key', 'ls', '-o', 'tsv'])).stdout).toContain(
      `${made.id}\tshop\tproduce:orders-${kind}\t`,
    )
    const rotated = await json<{ key: string }>(['key', 'rotate', made.id])
    expect(rotated.key).toMatch(new RegExp(`^kd_${made.id}_`))
    expect((await asShop('produce', `orders-${kind}`, '-v', '1')).code).toBe(3)
    expect(await asAdmin(['key', 'rotate', made.id, '--key-file', path])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('already exists'),
    })
    expect((await asAdmin(['key', 'rm', made.id])).stderr).toMatch(/^Nothing was changed/)
    expect(await json(['key', 'rm', made.id, '--execute'])).toMatchObject([
      { id: made.id, revoked: true },
    ])
    expect((await asAdmin(['key', 'rm', made.id])).code).toBe(4)
    expect((await asAdmin(['key', 'rotate', made.id])).code).toBe(4)
    expect((await asAdmin(['key', 'create', 'x', '--scope', 'everything'])).code).not.toBe(0)
    expect((await asAdmin(['key', 'create', 'x'])).code).toBe(2)
    const nowhere = join(scratch, 'no', 'folder', 'x.key')
    expect(
      await asAdmin(['key', 'create', 'x', '--scope', 'keys', '--key-file', nowhere]),
    ).toMatchObject({ code: 1 })
    expect((await json<{ name: string }[]>(['key', 'ls'])).map(({ name }) => name)).not.toContain(
      'x',
    )
  })

  test('without a key it is 3, and a file without one is said', async () => {
    const url = urlOf(server, kind)
    const { code, stdout, stderr } = await run(['topic', 'ls', '--url', url, '-o', 'json'])
    expect([code, stdout, JSON.parse(stderr)]).toEqual([
      3,
      '',
      {
        error: {
          code: expect.any(String),
          message: expect.any(String),
          hint: expect.stringContaining('--api-key-file'),
          exitCode: 3,
        },
      },
    ])
    const withFile = (file: string) => run(['topic', 'ls', '--url', url, '--api-key-file', file])
    expect(await withFile(join(scratch, 'none'))).toMatchObject({
      code: 4,
      stderr: `kafka-do: there is no file ${join(scratch, 'none')}\n`,
    })
    const empty = join(scratch, 'empty.key')
    writeFileSync(empty, '\n')
    expect(await withFile(empty)).toMatchObject({
      code: 1,
      stderr: `kafka-do: the file ${empty} contains no API key\n`,
    })
  })
})

describe.each(['file', 'kafka'] as const)('kafka-do tx, %s', (kind) => {
  const target = useTarget(kind)

  test('lists and describes', async () => {
    {
      await using kafka = new Client(target.url)
      await kafka.admin.createTopic('payments', { partitions: 2 })
      await kafka.transaction('payments', { id: 'billing' }, async (tx) => {
        await tx.send(1, { partition: 1 })
        if (kind === 'file') return
        const open = await target.json(['tx', 'describe', 'billing'])
        expect(open).toMatchObject({
          state: 'Ongoing',
          partitions: [{ topic: 'payments', partition: 1 }],
          startedAtMs: expect.any(Number),
        })
        expect((await target.run(['tx', 'ls', '--state', 'ongoing', '-o', 'tsv'])).stdout).toMatch(
          /^billing\tOngoing\t\d+\t\d+\n$/,
        )
      })
    }
    expect((await target.run(['tx', 'ls', '-o', 'tsv'])).stdout).toMatch(
      /^billing\tCompleteCommit\t\d+\t\d+\n$/,
    )
    expect((await target.run(['tx', 'describe', 'billing'])).stdout).toMatch(
      /^transactional id {2}billing\nstate {13}CompleteCommit\n/,
    )
    expect(await target.json(['tx', 'ls', '--state', 'Ongoing'])).toEqual([])
    expect(await target.run(['tx', 'describe', 'nobody'])).toMatchObject({
      code: 4,
      stderr: "kafka-do: There is no transactional id 'nobody'\n",
    })
  })

  test('there are no rights where there is no access control', async () => {
    expect(await target.run(['acl', 'ls'])).toMatchObject({ code: 1 })
    expect(await target.run(['quota', 'ls'])).toMatchObject({ code: 1 })
    expect(await target.run(['key', 'ls'])).toMatchObject({
      code: 1,
      stderr: 'kafka-do: API keys are not available here: they need kafka-do serve --access keys\n',
    })
  })
})

describe('kafka-do context', () => {
  test('keeps connections by name, uses them, and forgets them', async () => {
    const contexts = join(scratch, 'settings', 'contexts.json')
    const given = { environment: { KAFKA_DO_CONTEXTS: contexts } }
    const context = (...words: string[]) => run(['context', ...words], given)
    expect((await context('ls')).stderr).toBe('There are no contexts.\n')
    const url = urlOf(server, 'kafka')
    expect(
      (await context('add', 'here', '--url', url, '--api-key-file', keyFile, '--use')).code,
    ).toBe(0)
    expect((await context('add', 'data', '--url', 'file:./data')).code).toBe(0)
    expect(await context('add', 'here', '--url', url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is a context 'here' already"),
    })
    expect((await context('ls', '-o', 'tsv')).stdout).toBe(
      `data\tno\tfile:${join(process.cwd(), 'data')}\t\t\nhere\tyes\t${url}\t${keyFile}\t\n`,
    )
    expect((await run(['topic', 'ls'], given)).code).toBe(0)
    expect(await run(['topic', 'ls', '--context', 'data'], given)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('there is no data folder'),
    })
    const named = {
      environment: { ...given.environment, KAFKA_DO_CONTEXT: 'data', KAFKA_DO_URL: url },
    }
    expect((await run(['topic', 'ls'], named)).code).toBe(4)
    expect(await run(['topic', 'ls', '--context', 'heer'], given)).toMatchObject({
      code: 4,
      stderr: "kafka-do: there is no context 'heer'\n  Did you mean 'here'?\n",
    })
    expect((await run(['topic', 'ls', '--context', 'here', '--url', url], given)).code).toBe(2)
    expect((await context('use', 'data')).code).toBe(0)
    expect((await context('rm', 'data')).code).toBe(0)
    expect((await context('ls', '-o', 'tsv')).stdout).toMatch(/^here\tno\t/)
    expect(await context('add', 'x', '--url', 'kafka://alice:secret@host:9092')).toMatchObject({
      code: 2,
    })
    writeFileSync(contexts, '{"version":1,"current":null,"contexts":{"a":{}}}')
    expect(await context('ls')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be read: it was not written by kafka-do context'),
    })
  })
})
