/** What all commands share: usage, output, errors and their exit codes, signals, pipes. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { connectionOptions } from '../../src/cli/connection/connection-options.ts'
import { type CommandSpec, flagOf } from '../../src/cli/shell/command.ts'
import { optionsOf, parse } from '../../src/cli/shell/parser.ts'
import { find, leavesOf } from '../../src/cli/shell/tree.ts'
import { suggestion } from '../../src/core/suggestion.ts'
import { Client } from '../../src/index.ts'
import { run, Sink, useTarget } from './command-line.ts'
import { wordsOf } from './words.ts'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-shell-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('usage', () => {
  test('help shows commands, or what one of them takes', async () => {
    const whole = await run(['--help'])
    expect(whole).toMatchObject({ code: 0, stderr: '' })
    expect(whole.stdout).toMatch(/serve [\s\S]*topic\|topics [\s\S]*consume [\s\S]*KAFKA_DO_URL/)
    expect(await run(['help'])).toEqual(whole)
    const topic = await run(['topic', '--help'])
    expect(topic.stdout).toMatch(/ls\|list[\s\S]*purge/)
    expect(await run([])).toEqual({ code: 2, stdout: '', stderr: whole.stdout })
    expect(await run(['topic'])).toEqual({ code: 2, stdout: '', stderr: topic.stdout })
    const create = await run(['topic', 'create', '--help'])
    expect(create.stdout).toMatch(/^Usage: kafka-do topic create \[options\] <topics\.\.\.>/)
    expect(create.stdout).toMatch(
      /Connection:[\s\S]*--api-key-file[\s\S]*Exit code: 0 done; 1 it failed; 2/,
    )
    expect(await run(['help', 'topic', 'create'])).toEqual(create)
    expect((await run(['topics', 'list', '--help'])).stdout).toMatch(/^Usage: kafka-do topic ls /)
  })

  test.each([
    [['topci', 'ls'], "kafka-do has no command 'topci'\n  Did you mean 'topic'?"],
    [
      ['topic', 'descirbe', 'x'],
      "kafka-do topic has no command 'descirbe'\n  Did you mean 'describe'?",
    ],
    [['--verison'], "kafka-do has no option '--verison'"],
    [['topic', 'ls', '--ulr', 'x'], "unknown option '--ulr'\n  Did you mean --url?"],
    [['topic', 'create'], "missing required argument 'topics'"],
    [['topic', 'describe', 'a', 'b'], 'too many arguments'],
    [['topic', 'ls', '--url'], "option '--url <url>' argument missing"],
    [['topic', 'ls', '-o', 'xml'], "--output: it is one of table, json, ndjson, tsv; got 'xml'"],
    [['topic', 'ls', '--timeout', 'long'], '--timeout: it takes a duration such as 500ms'],
    [['topic', 'ls', '--url', 'ftp://x'], 'ftp:'],
    [
      ['topic', 'create', 'x', '-p', '0'],
      '--partitions: it takes a whole number from 1 to 100000; got ',
    ],
    [
      ['consume', 'x', '--filter', 'value.a >'],
      '--filter: column 10: a value is expected, not the end\n  value.a >\n           ^',
    ],
    [['consume', 'x', '--format', '%z'], "--format: there is no directive '%z' (column 1)"],
    [['consume', 'x', '--format', '%v', '-o', 'tsv'], '--format and -o exclude each other'],
    [['consume', 'x', '--from', '@1:2', '--to', '@3'], '--from already has an end'],
  ])('%j is 2, and says why', async (words, message) => {
    const { code, stdout, stderr } = await run(words)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)])
    expect(stderr).toMatch(/^kafka-do: /)
  })

  test('errors are one JSON object where JSON was asked for', async () => {
    for (const words of [
      ['topic', 'ls', '--nothing', '-o', 'json'],
      ['topic', 'ls', '--nothing', '--output=ndjson'],
    ]) {
      const { code, stdout, stderr } = await run(words)
      expect([code, stdout, JSON.parse(stderr)]).toEqual([
        2,
        '',
        {
          error: {
            code: 'USAGE',
            message: "unknown option '--nothing'",
            hint: expect.any(String),
            exitCode: 2,
          },
        },
      ])
      expect(stderr.trimEnd()).not.toContain('\n')
    }
  })

  test('what was meant is guessed with care', () => {
    expect(suggestion('Orders', ['orders'])).toBe('orders')
    expect(suggestion('oders', ['orders', 'users'])).toBe('orders')
    expect(suggestion('paymnets', ['payments'])).toBe('payments')
    expect(suggestion('pay', ['payments', 'orders'])).toBe('payments')
    expect(suggestion('ab', ['xy'])).toBeUndefined()
    expect(suggestion('a', ['b'])).toBeUndefined()
    expect(suggestion('a', ['A'])).toBe('A')
    expect(suggestion('orders', ['customers'])).toBeUndefined()
  })
})

describe('what cannot be', () => {
  const target = useTarget('kafka')

  test.each([
    [['acl', 'ls', '--operation', 'reed'], 2, /got 'reed'\. Did you mean 'read'\?/],
    [['tx', 'ls', '--state', 'Foo'], 2, /--state: it is one of Empty, Ongoing, .*; got 'Foo'/],
    [['consume', 'x', '--from', '@5:3'], 2, /the end, @3, is before the beginning, @5/],
    [['consume', 'x', '--from', '@5', '--to', '@3'], 2, /the end, @3, is before/],
    [
      ['context', 'add', 'x', '--url', 'ftp://x'],
      2,
      /--url 'ftp:\/\/x' cannot be used: give file:/,
    ],
    [['topic', 'ls', '--url', 'localhost:9092'], 2, /^kafka-do: --url .*mean 'kafka:\/\/localhost/],
    [['topic', 'ls', '--api-key-file', '/no/key'], 4, /there is no file \/no\/key/],
    [['topic', 'ls', '--tls-ca', '/no/ca'], 4, /there is no file \/no\/ca/],
    [['topic', 'create', 'x', '-c', 'cleanup.polcy=compact'], 2, /mean 'cleanup\.policy'\? Known/],
    [['topic', 'create', 'x', '--replication-factor', '3'], 2, /must be 1 or -1, got 3/],
    [['acl', 'ls'], 1, /\n {2}Rights need a server that keeps them: kafka-do serve --access keys/],
    [
      ['quota', 'ls'],
      1,
      /\n {2}Quotas need a server that keeps them: kafka-do serve --access keys/,
    ],
  ])('%j is %i, and says what can', async (words, code, said) => {
    const outcome = await target.run(words)
    expect([outcome.code, outcome.stdout, outcome.stderr]).toEqual([
      code,
      '',
      expect.stringMatching(said),
    ])
  })
})

describe('kafka-do serve', () => {
  test('reads its command line as every other command does', async () => {
    expect(await run(['serve', 'more'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^kafka-do: too many arguments/),
    })
    const { code, stdout, stderr } = await run(['serve', '--prt', '1', '--output=json'])
    expect([code, stdout]).toEqual([2, ''])
    expect(JSON.parse(stderr)).toEqual({
      error: expect.objectContaining({ code: 'USAGE', exitCode: 2 }),
    })
  })

  test('has a flag for each way of what switches, and completes values', async () => {
    const shown = async (...words: string[]) =>
      (await run(['serve', '--print-config', ...words])).stdout.match(/^http\.console +(\S+)/m)?.[1]
    expect(
      await Promise.all([shown(), shown('--no-http-console'), shown('--http-console')]),
    ).toEqual(['true', 'false', 'true'])
    const completed = async (...words: string[]) =>
      (await run(['completion', '--words', '--', 'serve', ...words])).stdout.replaceAll(/\t.*/g, '')
    expect(await completed('--log-format', '')).toBe('text\njson\n')
    expect(await completed('--no-http')).toBe('--no-http-console\n')
    expect(await completed('--config', '')).toBe(':file\n')
    expect(await completed('--data', '')).toBe(':folder\n')
  })
})

describe('the tables of commands', async () => {
  const leaves = await leavesOf(commands)
  const named = leaves.map(({ path, ...rest }) => ({ name: path.join(' '), path, ...rest }))

  test.each(named)('$name: options are told apart from each other', ({ spec }) => {
    for (const name of Object.keys(connectionOptions)) {
      if (spec.connects) expect(spec.options).not.toHaveProperty(name)
    }
    const shorts = Object.values(optionsOf(spec)).flatMap(({ short }) => short ?? [])
    expect(new Set(shorts).size).toBe(shorts.length)
    expect(Object.keys(optionsOf(spec)).map(flagOf)).not.toContain('help')
  })

  test.each(named)('$name: its examples are command lines', async ({ path, spec }) => {
    expect(spec.examples.length).toBeGreaterThan(0)
    for (const example of spec.examples) {
      const words = wordsOf(example)
      const { node, path: found, rest } = find(commands, words)
      expect(found).toEqual(path)
      expect(node).toHaveProperty('load')
      const name = path.join(' ')
      expect(() =>
        parse(spec as CommandSpec, { name, summary: '' }, rest, new Sink()),
      ).not.toThrow()
    }
  })

  test.each(named)('$name: its help fits on a terminal of 80 columns', async ({ path }) => {
    const { stdout } = await run([...path, '--help'])
    const text = stdout.split('\n').filter((line) => !line.startsWith('  $ '))
    expect(text.filter((line) => line.length > 80)).toEqual([])
  })

  test('starting loads neither client nor broker, nor the parser', () => {
    const source = fileURLToPath(new URL('../../src/', import.meta.url))
    const loaded = closureOf(join(source, 'cli/main.ts'))
    const names = [...loaded].map((file) => file.slice(source.length))
    expect(
      names.filter((name) =>
        /^(client|broker|server|http|streams|protocol|storage|entry)\//.test(name),
      ),
    ).toEqual([])
    expect(names).not.toContain('cli/shell/parser.ts')
    expect(names.length).toBeLessThan(25)
  })
})

/** Files that are loaded with a file. Types are not. */
function closureOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  const imports = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?!type\b)[^'"]*?from\s+'(\.[^']+)'/gm,
  )
  for (const [, specifier] of imports) closureOf(resolve(dirname(file), specifier!), seen)
  return seen
}

describe('output', () => {
  const target = useTarget('kafka')

  test('is plain but on a terminal, and there too with NO_COLOR', async () => {
    await target.run(['topic', 'create', 'orders'])
    const bold = '\u001b[1mTOPIC'
    const on = (isTerminal: boolean, environment = {}) =>
      target.run(['topic', 'ls'], { isTerminal, environment })
    expect((await on(true)).stdout).toContain(bold)
    expect((await on(false)).stdout).not.toContain('\u001b')
    expect((await on(true, { NO_COLOR: '1' })).stdout).not.toContain('\u001b')
    expect((await on(true, { TERM: 'dumb' })).stdout).not.toContain('\u001b')
  })

  test('nothing that is stored reaches a terminal as a command', async () => {
    await target.run(['produce', 'orders', '-v', 'a\u001b[31mred\u0007\u009b', '-k', '\u001b]0;x'])
    const value = await target.run(['consume', 'orders'], { isTerminal: true })
    expect(value.stdout).toBe('a\\x1b[31mred\\x07\\u009b\n')
    const table = await target.run(['consume', 'orders', '-o', 'table'])
    expect(table.stdout).toMatch(
      /^orders-0 @0 {2}\S+Z {2}\\x1b\]0;x {2}a\\x1b\[31mred\\x07\\u009b\n$/,
    )
  })

  test('a reader that has gone ends it quietly', async () => {
    const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    for (const words of [
      ['topic', 'ls'],
      ['consume', 'orders'],
      ['consume', 'orders', '--follow', '--from', 'earliest'],
      ['version'],
    ])
      expect([words, await target.run(words, { stdoutError: gone })]).toEqual([
        words,
        { code: 0, stdout: '', stderr: '' },
      ])
  })
})

describe('without an answer', () => {
  let silent: TcpServer
  let port = 0
  beforeAll(async () => {
    silent = createTcpServer((socket) => socket.on('error', () => undefined))
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    port = (silent.address() as { port: number }).port
  })
  afterAll(() => void silent.close())

  test('no server is 1, and a server that says nothing is 5', async () => {
    const gone = await run(['topic', 'ls', '--url', 'kafka://127.0.0.1:1', '--timeout', '300ms'])
    expect(gone).toMatchObject({ stdout: '', stderr: expect.stringMatching(/ECONNREFUSED/) })
    expect([1, 5]).toContain(gone.code)
    const { code, stderr } = await run([
      'topic',
      'ls',
      '--url',
      `kafka://127.0.0.1:${port}`,
      '--timeout',
      '300ms',
      '-o',
      'json',
    ])
    expect([code, JSON.parse(stderr)]).toMatchObject([5, { error: { exitCode: 5 } }])
  })
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The built program, in a process of its own. */
function spawned(words: readonly string[], environment: object = {}): Promise<Ended> {
  return new Promise((done) => {
    const env = { ...process.env, KAFKA_DO_CONTEXTS: join(scratch, 'none.json'), ...environment }
    execFile(process.execPath, [program, ...words], { env }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}

describe('the program', () => {
  const target = useTarget('kafka')

  test('ends with the code, and a folder that is in use is 1', async () => {
    const url = `file:${join(scratch, 'in-use')}`
    await using kafka = new Client(url)
    await kafka.produce('orders', 1)
    const [version, wrong, used] = await Promise.all([
      spawned(['--version']),
      spawned(['topic', 'lss']),
      spawned(['topic', 'ls', '--url', url]),
    ])
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(wrong.code).toBe(2)
    expect(used).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/in use by[\s\S]*--url kafka:/),
    })
  })

  test('Ctrl-C ends it with 130, and head with nothing to say', async () => {
    await target.run(['produce', 'lines', '--create'], { stdin: 'line\n'.repeat(50_000) })
    const following = spawn(process.execPath, [
      program,
      'consume',
      'lines',
      '--follow',
      '--from',
      'earliest',
      '--url',
      target.url,
    ])
    let stderr = ''
    following.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    following.stdout.once('data', () => {
      following.stdout.resume()
      following.kill('SIGINT')
    })
    const code = await new Promise((done) => following.once('close', done))
    expect([code, stderr]).toEqual([130, ''])
    const piped = `"${process.execPath}" "${program}" consume lines --url ${target.url} | head -n 2; echo "\${PIPESTATUS[0]}"`
    const shown = await new Promise<Ended>((done) =>
      execFile('bash', ['--norc', '-c', piped], (error, stdout, errors) =>
        done({ code: error ? 1 : 0, stdout, stderr: errors }),
      ),
    )
    expect(shown).toEqual({ code: 0, stdout: 'line\nline\n0\n', stderr: '' })
  })
})
