/** Every command where there is no server, no folder, and no right: it says so, prints no data, and ends with the right code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { leavesOf } from '../../src/cli/shell/tree.ts'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { run, urlOf } from './command-line.ts'

/** What each needs to get as far as asking. */
const needed: { readonly [command: string]: readonly string[] } = {
  'topic ls': [],
  'topic create': ['made'],
  'topic describe': ['orders'],
  'topic alter': ['orders', '-p', '9'],
  'topic rm': ['orders', '--execute'],
  'topic purge': ['orders', '--execute'],
  produce: ['orders', '-v', '1'],
  consume: ['orders'],
  export: ['orders'],
  import: ['orders'],
  'group ls': [],
  'group describe': ['billing'],
  'group lag': ['billing'],
  'group reset': ['billing', '--topic', 'orders', '--to', 'earliest', '--execute'],
  'group rm': ['billing', '--execute'],
  'tx ls': [],
  'tx describe': ['pay'],
  'key create': ['x', '--scope', 'admin'],
  'key ls': [],
  'key rotate': ['id'],
  'key rm': ['id', '--execute'],
  'acl ls': [],
  'acl add': ['User:a', '--type', 'topic', '--name', 'x', '--operation', 'read'],
  'acl rm': ['--principal', 'User:a', '--execute'],
  'quota ls': [],
  'quota set': ['--user', 'a', 'request_rate=5'],
  'quota rm': ['--user', 'a', '--execute'],
  'streams ls': [],
  'streams describe': ['app'],
  'streams reset': ['app', '--execute'],
  doctor: [],
  bench: ['--duration', '100ms'],
  top: ['-n', '1', '--interval', '100ms'],
}
/** They make a folder that is not there. */
const makers: ReadonlySet<string> = new Set(['topic create', 'bench'])
/** Those that may see nothing are told of nothing. */
const lists: ReadonlySet<string> = new Set([
  'topic ls',
  'group ls',
  'tx ls',
  'streams ls',
  'top',
  'doctor',
])

const names = Object.keys(needed)
const wordsOf = (name: string) => [...name.split(' '), ...needed[name]!]

test('every command that connects is here', async () => {
  // A backup speaks to a server in a way of its own, and has tests of its own.
  const connecting = (await leavesOf(commands)).filter(
    ({ spec, path }) => spec.connects && path[0] !== 'backup',
  )
  expect(connecting.map(({ path }) => path.join(' ')).sort()).toEqual([...names].sort())
})

test('without a server it is 1 or 5', async () => {
  const url = ['--url', 'kafka://127.0.0.1:1', '--timeout', '400ms']
  const outcomes = await Promise.all(
    names.map(async (name) => ({ name, ...(await run([...wordsOf(name), ...url])) })),
  )
  for (const { name, code, stdout, stderr } of outcomes) {
    // What a doctor finds is what it was asked for.
    const said = name === 'doctor' ? stdout : stderr
    expect([name, [1, 5].includes(code), said]).toEqual([
      name,
      true,
      expect.stringMatching(/127\.0\.0\.1:1|within 400 ms/),
    ])
    if (name !== 'doctor') expect([name, stdout]).toEqual([name, ''])
  }
})

test('without its folder it is 4, and none is made', async () => {
  const url = ['--url', `file:${join(tmpdir(), 'kafka-do-cli-no-such-folder')}`]
  for (const name of names.filter((one) => !makers.has(one))) {
    const { code, stdout, stderr } = await run([...wordsOf(name), ...url])
    expect([name, code, stdout, stderr]).toEqual([
      name,
      4,
      '',
      expect.stringMatching(/no data folder|not a data folder/),
    ])
  }
})

describe('with a key that may next to nothing', () => {
  let scratch = ''
  let server: Server
  let keyFile = ''
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-misfortunes-'))
    server = await createServer({ data: 'memory:', port: 0, access: 'keys' })
    await using admin = new Client({ url: server.url, apiKey: server.firstKey!.key })
    await admin.produce('orders', 1)
    await admin.consumer('orders', { group: 'billing' }).take(1).toArray()
    await admin.transaction('orders', { id: 'pay' }, async (tx) => void (await tx.send(1)))
    keyFile = join(scratch, 'little.key')
    const little = await admin.admin.createKey({ name: 'little', scopes: ['produce:elsewhere'] })
    writeFileSync(keyFile, little.key)
  })
  afterAll(async () => {
    await server.close()
    rmSync(scratch, { recursive: true, force: true })
  })

  test.each(names)('%s is 3, or tells of nothing', async (name) => {
    const url = ['--url', urlOf(server, 'kafka'), '--api-key-file', keyFile]
    const { code, stdout, stderr } = await run([...wordsOf(name), ...url])
    expect(stdout).not.toMatch(/orders|billing|pay/)
    if (lists.has(name)) return expect([name, [0, 3].includes(code)]).toEqual([name, true])
    expect([name, [3, 4].includes(code), stdout, stderr]).toEqual([
      name,
      true,
      '',
      expect.stringMatching(/^kafka-do: /),
    ])
  })
})
