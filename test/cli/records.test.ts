/** `kafka-do produce` and `kafka-do consume`, on a folder and on a server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Interruption } from '../../src/cli/shell/io.ts'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { run, useTarget } from './command-line.ts'

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-records-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let count = 0
let topic = ''
beforeEach(() => {
  topic = `records-${++count}`
})

function file(name: string, content: string | Uint8Array): string {
  const path = join(scratch, `${++count}-${name}`)
  writeFileSync(path, content)
  return path
}

describe.each(['file', 'kafka'] as const)('%s', (kind) => {
  const target = useTarget(kind)
  const produce = (...words: string[]) => target.run(['produce', topic, ...words])
  const consume = async (...words: string[]) => {
    const { code, stdout, stderr } = await target.run(['consume', topic, ...words])
    expect([code, stderr]).toEqual([0, ''])
    return stdout
  }
  const create = (partitions = 1) =>
    target.run(['topic', 'create', topic, '--partitions', String(partitions)])

  test('lines go in and come out, with what they are', async () => {
    await create()
    const stored = await target.run(['produce', topic], { stdin: 'one\n\ntwo\r\nthree' })
    expect(stored).toEqual({ code: 0, stdout: '', stderr: `Stored 4 records in ${topic}.\n` })
    expect(await consume()).toBe('one\n\ntwo\nthree\n')
    expect(await consume('-o', 'tsv')).toMatch(
      new RegExp(`^${topic}\t0\t0\t\\d{13}\t\\\\N\tone\t\n${topic}\t0\t1\t\\d{13}\t\\\\N\t\t\n`),
    )
    expect(
      await target.json([
        'produce',
        topic,
        '-v',
        'four',
        '-v',
        'fi\nve',
        '-k',
        'k',
        '-H',
        'a=b',
        '-z',
        'gzip',
      ]),
    ).toEqual([{ topic, partition: 0, records: 2, first: 4, last: 5 }])
    const lines = await consume('--from', '-2', '-o', 'ndjson')
    expect(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { offset: '4', key: 'k', valueText: 'four', headers: [{ name: 'a', value: 'b' }] },
      { offset: '5', key: 'k', valueText: 'fi\nve' },
    ])
  })

  test('keys come before a separator, or out of JSON, with all their digits', async () => {
    await create(3)
    await target.run(['produce', topic, '--key-separator', ':', '--empty-is-null'], {
      stdin: 'a:1\nb:2:3\nc:\n',
    })
    const pairs = (await consume('--format', '%k=%v;%V\\n')).trimEnd().split('\n').sort()
    expect(pairs).toEqual(['a=1;1', 'b=2:3;3', 'c=;-1'])
    const orders = file(
      'orders.ndjson',
      '{"id":9007199254740993,"n":{"x/y":"é"}}\n\n{"id":2,"n":{"x/y":null}}\n',
    )
    await produce('-f', 'json', '--key-pointer', '/id', orders)
    expect(await consume('--filter', 'value.id == 9007199254740993', '--format', '%k %v\\n')).toBe(
      '9007199254740993 {"id":9007199254740993,"n":{"x/y":"é"}}\n',
    )
    await produce('-f', 'json', '--key-pointer', '/n/x~1y', orders)
    expect(await consume('--filter', 'key == "é"', '-o', 'ndjson')).toContain(
      '"key":"é","value":{"id":9007199254740993,',
    )
  })

  test('a line that is wrong stops it, and it says where and what was stored before', async () => {
    await create()
    const wrong = await target.run(['produce', topic, '-f', 'json'], {
      stdin: '{"a":1}\n{"a":}\n{"a":3}\n',
    })
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toBe(
      'kafka-do: standard input, line 2: the JSON is invalid at column 6: a value is expected (1 record was stored)\n',
    )
    expect(await consume()).toBe('{"a":1}\n')
    const pointer = await target.run([
      'produce',
      topic,
      '-f',
      'json',
      '--key-pointer',
      '/id',
      '-v',
      '{}',
    ])
    expect(pointer.stderr).toMatch(/there is no key at \/id/)
    const separator = await target.run(['produce', topic, '--key-separator', '|', '-v', 'x'])
    expect(separator.stderr).toMatch(/there is no '\|' between a key and a value/)
    expect(await produce(join(scratch, 'missing'))).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('there is no file'),
    })
  })

  test('records go in as they came out: bytes, headers, times, tombstones', async () => {
    await create(2)
    {
      await using kafka = new Client(target.url)
      const { bytes, topic: typed } = await import('../../src/index.ts')
      const raw = typed<Uint8Array, Uint8Array>(topic, { key: bytes, value: bytes })
      const send = (value: Uint8Array | null, options: object) => kafka.produce(raw, value, options)
      await send(Uint8Array.of(0xff, 0, 10), {
        key: Uint8Array.of(0xfe),
        partition: 1,
        timestamp: 5,
      })
      await send(null, {
        key: Buffer.from('k'),
        partition: 0,
        headers: [
          ['h', Uint8Array.of(0xff)],
          ['n', null],
          ['h', 'x'],
        ],
      })
      await send(Buffer.from('{"n":12345678901234567890,\n "z":1.0}'), { partition: 0 })
      await send(Buffer.from('null'), { partition: 0 })
    }
    const before = await consume('-o', 'ndjson')
    const copy = `${topic}-copy`
    await target.run(['topic', 'create', copy, '-p', '2'])
    const path = file('records.ndjson', before)
    expect((await target.run(['produce', copy, '-f', 'records', path])).code).toBe(0)
    const after = (await target.run(['consume', copy, '-o', 'ndjson'])).stdout
    const sorted = (text: string) => text.trimEnd().split('\n').sort().join('\n')
    expect(sorted(after.replaceAll(copy, topic))).toBe(sorted(before))
    expect(before).toContain('"valueBase64":"/wAK"')
    expect(before).toContain('"value":{"n":12345678901234567890,  "z":1.0}')
    expect(before).toContain('"valueText":"null"')
    expect(JSON.parse(await consume('-o', 'json'))).toHaveLength(4)
    expect(await consume('--filter', 'key == "k"', '-o', 'tsv')).toMatch(
      /\tk\t\\N\t\[{"name":"h","valueBase64":"\/w=="},{"name":"n","value":null},{"name":"h","value":"x"}\]\n$/,
    )
    expect(await consume('-p', '1', '-o', 'tsv')).toBe(
      `${topic}\t1\t0\t5\t\\xfe\t\\xff\u0000\\n\t\n`,
    )
    const shown = await target.run(['consume', topic, '-p', '1'], { isTerminal: true })
    expect(shown.stdout).toBe('\\xff\\x00\n\n')
  })

  test('a range has a beginning and an end', async () => {
    await create()
    {
      await using kafka = new Client(target.url)
      for (let i = 0; i < 10; i++)
        await kafka.produce(topic, i, { timestamp: Date.UTC(2026, 0, 1, 0, i) })
    }
    const values = async (...words: string[]) =>
      (await consume(...words)).trimEnd().replaceAll('\n', ' ')
    expect(await values('--from', '@7')).toBe('7 8 9')
    expect(await values('--from', '-2')).toBe('8 9')
    expect(await values('--from', '+8')).toBe('8 9')
    expect(await values('--from', '@2:4')).toBe('2 3')
    expect(await values('--from', '@:2')).toBe('0 1')
    expect(await values('--from', '@-2:end')).toBe('8 9')
    expect(await values('--from', '2026-01-01T00:03Z', '--to', '2026-01-01T00:05:00.000Z')).toBe(
      '3 4',
    )
    expect(await values('--from', '@2026-01-01T00:07Z:@9')).toBe('7 8')
    expect(await values('--from', 'latest')).toBe('')
    expect(await values('--from', '-1h')).toBe('')
    expect(await values('--from', '@99')).toBe('')
    expect(await values('-n', '3')).toBe('0 1 2')
    expect(await values('-n', '0')).toBe('')
    expect(await values('--filter', 'value in [3, 5]', '-n', '9')).toBe('3 5')
    expect(await target.run(['consume', topic, '--from', '@x:y'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^kafka-do: --from: it takes .* got '@x:y'\n$/),
    })
  })

  test('it ends also where the last offsets are marks of transactions', async () => {
    await create(2)
    await using kafka = new Client(target.url)
    await kafka.transaction(topic, async (tx) => {
      await tx.send('kept', { partition: 0 })
    })
    await kafka
      .transaction(topic, async (tx) => {
        await tx.send('thrown away', { partition: 1 })
        throw new Error('no')
      })
      .catch(() => undefined)
    expect(await consume()).toBe('"kept"\n')
    expect((await consume('--uncommitted')).split('\n').sort()).toEqual([
      '',
      '"kept"',
      '"thrown away"',
    ])
  })

  test('a group goes on where it was, and commits what was printed', async () => {
    await create(2)
    await target.run(['produce', topic], { stdin: '1\n2\n3\n4\n5\n' })
    const group = `group-of-${topic}`
    const first = await consume('-g', group, '-n', '2')
    const rest = await consume('-g', group)
    expect(`${first}${rest}`.trim().split('\n').sort()).toEqual(['1', '2', '3', '4', '5'])
    expect(first.trim().split('\n')).toHaveLength(2)
    expect(await consume('-g', group)).toBe('')
    expect(await target.json(['group', 'lag', group, '--by', 'group'])).toMatchObject([{ lag: 0 }])
  })

  test('follows until Ctrl-C', async () => {
    await create()
    const ctrlC = new AbortController()
    await using kafka = new Client(target.url)
    await kafka.produce(topic, 'before')
    let sent = 0
    const following = target.run(
      ['consume', topic, '--follow', '--from', 'earliest', '-o', 'ndjson'],
      {
        signal: ctrlC.signal,
        onOutput: (all) => {
          const lines = all.trimEnd().split('\n').length
          if (lines === 3) ctrlC.abort(new Interruption('SIGINT'))
          else if (lines > sent) {
            sent = lines
            void kafka.produce(topic, lines)
          }
        },
      },
    )
    const { code, stdout, stderr } = await following
    expect([code, stderr]).toEqual([130, ''])
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).value),
    ).toEqual(['before', 1, 2])
  })

  test('a topic with a slip in its name is not made', async () => {
    await create()
    for (const command of ['produce', 'consume']) {
      const { code, stderr } = await target.run([
        command,
        `${topic}x`,
        ...(command === 'produce' ? ['-v', '1'] : []),
      ])
      expect([code, stderr]).toEqual([
        4,
        `kafka-do: there is no topic '${topic}x'\n  Did you mean '${topic}'?\n`,
      ])
    }
    expect(
      (await target.json<{ name: string }[]>(['topic', 'ls'])).map(({ name }) => name),
    ).not.toContain(`${topic}x`)
    expect((await target.run(['produce', `${topic}-new`, '--create', '-v', '1'])).code).toBe(0)
  })
})

describe('kafka-do produce to a server that goes away', () => {
  test('tells within --timeout how many were stored', { timeout: 20_000 }, async () => {
    const server = await createServer({ data: 'memory:', port: 0 })
    await using kafka = new Client(server.url)
    await kafka.admin.createTopic(topic)
    const typed = new PassThrough()
    const words = ['produce', topic, '--url', server.url, '--timeout', '2s', '-o', 'json']
    const running = run(words, { stdin: typed })
    typed.write('1\n')
    await kafka.consumer(topic).take(1).toArray()
    await kafka.close()
    await server.close()
    typed.end('2\n')
    const { code, stdout, stderr } = await running
    expect([code, stdout, JSON.parse(stderr)]).toEqual([
      5,
      '',
      { error: expect.objectContaining({ exitCode: 5, message: expect.any(String) }) },
    ])
    expect(stderr).toMatch(/ms\).*\(1 record was stored, 1 not\)/)
  })
})

describe('kafka-do produce', () => {
  const target = useTarget('kafka')

  test('sends what is typed line by line, and ends at Ctrl-C', async () => {
    await target.run(['topic', 'create', topic])
    const stdin = new PassThrough()
    const ctrlC = new AbortController()
    const producing = target.run(['produce', topic], { stdin, signal: ctrlC.signal })
    stdin.write('first\n')
    await using kafka = new Client(target.url)
    const { string, topic: typed } = await import('../../src/index.ts')
    const [record] = await kafka
      .consumer(typed(topic, { value: string }))
      .take(1)
      .toArray()
    expect(record!.value).toBe('first')
    ctrlC.abort(new Interruption('SIGINT'))
    expect(await producing).toEqual({
      code: 130,
      stdout: '',
      stderr: 'Interrupted: 1 record was stored.\n',
    })
  })

  test('goes no faster than it is told', async () => {
    await target.run(['topic', 'create', topic])
    const before = performance.now()
    await target.run(['produce', topic, '--rate', '100'], { stdin: 'x\n'.repeat(31) })
    // The first tenth of a second's go at once.
    expect(performance.now() - before).toBeGreaterThan(290)
  })

  test('what does not go together is refused', async () => {
    for (const [words, message] of [
      [['-v', 'x', 'file'], '--value and files exclude each other'],
      [['-f', 'json', '--key-separator', ':'], '--key-separator is for --format lines, not json'],
      [['--key-pointer', '/id'], '--key-pointer is for --format json, not lines'],
      [['--key-pointer', 'id'], '--key-pointer: it takes a JSON pointer'],
      [['--rate', '0'], '--rate: it takes a number greater than 0'],
      [['--acks', '2'], '--acks: it is one of all, 1, 0'],
      [['-H', 'novalue'], '--header: it takes name=value'],
      [['--kye', 'x'], "unknown option '--kye'\n  Did you mean --key?"],
    ] as const) {
      const { code, stderr } = await target.run(['produce', 'orders', ...words])
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
    }
  })
})
