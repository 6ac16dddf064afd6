/** `kafka-do export`, `import`, `bench`, `top` and `completion`. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scripts } from '../../src/cli/completion/scripts.ts'
import { Interruption } from '../../src/cli/shell/io.ts'
import { bytes, Client, topic as topicOf } from '../../src/index.ts'
import { run, useTarget } from './command-line.ts'

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-tools-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface Stored {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [string, Uint8Array | null])[]
  readonly timestampMs: number
  readonly partition: number
}

describe('kafka-do export and import', () => {
  const target = useTarget('kafka')

  async function stored(name: string): Promise<Stored[]> {
    await using kafka = new Client(target.url)
    const { offsets } = await kafka.admin.describeTopic(name)
    const total = offsets.reduce((sum, { latest }) => sum + Number(latest), 0)
    const raw = topicOf<Uint8Array | null, Uint8Array>(name, { key: bytes, value: bytes as never })
    const records = await kafka.consumer(raw).take(total).toArray()
    return records
      .map(({ key, value, rawHeaders, timestampMs, partition, offset }) => ({
        ...{ key, value, timestampMs, partition, offset },
        headers: rawHeaders.map(([one, content]) => [one, content?.slice() ?? null] as const),
      }))
      .sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
  }

  test('whatever is in records comes back, byte for byte', async () => {
    const blob = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc
        .constantFrom(
          'null',
          ' {"a": 1}\n',
          '{\r\n"n":1e400}',
          '12345678901234567890',
          '',
          '\ufeff{}',
          '\\u0000',
        )
        .map((text) => new TextEncoder().encode(text)),
    )
    const record = fc.record({
      key: fc.option(blob),
      value: fc.option(blob),
      headers: fc.array(fc.tuple(fc.string({ maxLength: 5 }), fc.option(blob)), { maxLength: 3 }),
      timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
      partition: fc.integer({ min: 0, max: 2 }),
    })
    const records = fc.sample(record, { numRuns: 300, seed: 7 })
    await target.run(['topic', 'create', 'origin', '-p', '3'])
    {
      await using kafka = new Client(target.url)
      const producer = kafka.producer(
        topicOf<Uint8Array, Uint8Array>('origin', { key: bytes, value: bytes }),
      )
      await Promise.all(records.map(({ value, ...options }) => producer.send(value, options)))
    }
    const path = join(scratch, 'origin.ndjson.gz')
    expect(await target.run(['export', 'origin', path])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'Exported 300 records of origin.\n',
    })
    expect(gunzipSync(readFileSync(path)).toString().trimEnd().split('\n')).toHaveLength(300)
    expect(
      (await target.run(['import', 'copy', path, '--create', '--partitions', '3'])).stderr,
    ).toBe('Stored 300 records in copy.\n')
    const places = (all: Stored[]) =>
      all.map(({ key, value, headers, timestampMs, partition }) => ({
        key,
        value,
        headers,
        timestampMs,
        partition,
      }))
    expect(places(await stored('copy'))).toEqual(places(await stored('origin')))

    const plain = await target.run(['export', 'origin', '-p', '1', '--from', '-2'])
    expect(plain.stdout.trimEnd().split('\n')).toHaveLength(2)
    const spread = await target.run(['import', 'spread', '--create', '--spread'], {
      stdin: plain.stdout,
    })
    expect(spread.code).toBe(0)
    expect(await target.run(['import', 'spread'], { stdin: plain.stdout })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('(0 records were stored, 2 not)'),
    })
  })

  test('a file is whole or not there, and none is written over', async () => {
    await target.run(['produce', 'small', '--create', '-v', '1'])
    const path = join(scratch, 'small.ndjson')
    writeFileSync(path, 'mine')
    expect(await target.run(['export', 'small', path])).toMatchObject({
      code: 1,
      stderr: `kafka-do: the file ${path} already exists\n  --force overwrites it.\n`,
    })
    expect((await target.run(['export', 'small', path, '--force'])).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toMatch(/^{"topic":"small",.*"value":1}\n$/)
    const nowhere = join(scratch, 'no', 'folder')
    expect(await target.run(['export', 'small', nowhere])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be written'),
    })
    const ctrlC = new AbortController()
    ctrlC.abort(new Interruption('SIGINT'))
    const cut = join(scratch, 'cut.ndjson')
    expect((await target.run(['export', 'small', cut], { signal: ctrlC.signal })).code).toBe(130)
    expect([existsSync(cut), existsSync(`${cut}.partial`)]).toEqual([false, false])
  })

  test.skipIf(!existsSync('/dev/full'))('a full disk is said, and leaves no half', async () => {
    await target.run(['produce', 'large', '--create', '-v', 'x'.repeat(1000)])
    // The file fails at its end, or while more is still to come.
    const more = `${'x'.repeat(1000)}\n`.repeat(2000)
    await target.run(['produce', 'larger', '--create'], { stdin: more })
    for (const topic of ['large', 'larger']) {
      const failed = await target.run(['export', topic, '/dev/full', '--force'])
      expect([topic, failed.code, failed.stderr]).toEqual([
        topic,
        1,
        expect.stringContaining('/dev/full cannot be written: ENOSPC'),
      ])
    }
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true)
    const { code, stderr } = await run(['consume', 'large', '--url', target.url], {
      stdoutError: Object.assign(new Error('ENOSPC: no space left on device, write'), {
        code: 'ENOSPC',
      }),
    })
    expect([code, stderr]).toEqual([1, 'kafka-do: ENOSPC: no space left on device, write\n'])
  })
})

describe('kafka-do bench', () => {
  const target = useTarget('file')

  test('measures, and leaves nothing behind', async () => {
    const measured = await target.json<
      { phase: string; records: number; latencyMs: { p50: number; max: number } | null }[]
    >(['bench', '--duration', '200ms', '--size', '100', '--rate', '50'])
    expect(measured.map(({ phase }) => phase)).toEqual(['produce', 'consume', 'latency'])
    const [produced, consumed, latency] = measured
    expect(consumed!.records).toBe(produced!.records)
    expect(latency!.records).toBe(10)
    expect(latency!.latencyMs!.p50).toBeGreaterThan(0)
    expect(latency!.latencyMs!.max).toBeGreaterThanOrEqual(latency!.latencyMs!.p50)
    expect(consumed!.latencyMs).toBeNull()
    expect(await target.json(['topic', 'ls'])).toEqual([])
  })

  test('Ctrl-C ends it, and its topic goes', async () => {
    const ctrlC = new AbortController()
    const { code, stdout, stderr } = await target.run(['bench', '--duration', '1h'], {
      signal: ctrlC.signal,
      isTerminal: true,
      // Its first line of progress.
      onError: () => ctrlC.abort(new Interruption('SIGINT')),
    })
    expect([code, stdout]).toEqual([130, ''])
    expect(stderr).toMatch(/produce: [\d,]+ records, /)
    expect(await target.json(['topic', 'ls'])).toEqual([])
  })
})

describe('kafka-do top', () => {
  const target = useTarget('kafka')

  test('shows rates and lag', async () => {
    await using kafka = new Client(target.url)
    await kafka.produce('orders', 1)
    await kafka.consumer('orders', { group: 'billing' }).take(1).toArray()
    await kafka.produce('orders', 2)
    const looking = target.run(['top', '--interval', '300ms', '--count', '1', '-o', 'ndjson'])
    let sent = true
    const sending = (async () => {
      while (sent) await kafka.produce('orders', 3)
    })()
    const { code, stdout } = await looking
    sent = false
    await sending
    expect(code).toBe(0)
    const look = JSON.parse(stdout) as {
      topics: { topic: string; rate: number }[]
      groups: { group: string; lag: number; secondsBehind: number | null }[]
      disks: { node: number; recordBytes: number; freeBytes: number | null }[]
    }
    expect(look.topics[0]!.topic).toBe('orders')
    expect(look.topics[0]!.rate).toBeGreaterThan(0)
    expect(look.groups[0]).toMatchObject({
      group: 'billing',
      state: 'Empty',
      members: 0,
      secondsBehind: null,
    })
    expect(look.groups[0]!.lag).toBeGreaterThan(0)
    // In memory there is no room to tell of.
    expect(look.disks).toEqual([
      expect.objectContaining({ node: 1, folder: 'memory:', freeBytes: null, totalBytes: null }),
    ])
    expect(look.disks[0]!.recordBytes).toBeGreaterThan(0)
    const shown = await target.run(['top', '--interval', '100ms', '-n', '1'], { isTerminal: true })
    expect(shown.stdout).toMatch(
      /records\/s {2}[\d.]+ \w+ stored\n\nTOPIC {3}PARTITIONS[\s\S]*GROUP[\s\S]*billing/,
    )
  })
})

describe('kafka-do top of a folder', () => {
  const target = useTarget('file')

  test('shows what is stored, and how much room there is', async () => {
    await target.run(['produce', 'orders', '--create', '-v', 'x'.repeat(3000)])
    const { stdout } = await target.run(['top', '--interval', '100ms', '-n', '1'])
    expect(stdout).toMatch(
      /^\S+ {2}0 records\/s {2}\d\.\d KiB stored, \d+\.\d \wiB of \d+\.\d \wiB are free\n/,
    )
  })
})

describe('kafka-do top on a terminal', () => {
  const target = useTarget('kafka')

  test.each([
    ['q', 0],
    ['\u0003', 130],
  ])('%j ends it with %i', async (key, expected) => {
    const modes: boolean[] = []
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (isRaw: boolean) => modes.push(isRaw),
    })
    const { code, stdout, stderr } = await target.run(['top', '--interval', '100ms'], {
      stdin,
      isTerminal: true,
      onOutput: () => stdin.write(key),
    })
    expect([code, stderr, modes]).toEqual([expected, '', [true, false]])
    expect(stdout.startsWith('\u001b[H\u001b[2J')).toBe(true)
  })
})

describe('kafka-do completion', () => {
  const target = useTarget('kafka')
  const complete = async (...words: string[]) => {
    const { stdout } = await target.run(['completion', '--words', '--', ...words])
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0])
  }

  test('knows commands, options, their values and names', async () => {
    await target.run(['topic', 'create', 'orders', 'payments'])
    expect(await complete('')).toEqual(
      expect.arrayContaining(['serve', 'topic', 'consume', 'doctor']),
    )
    expect(await complete('to')).toEqual(['topic', 'top'])
    expect(await complete('topic', '')).toEqual([
      'ls',
      'create',
      'describe',
      'alter',
      'rm',
      'purge',
    ])
    expect(await complete('topic', 'describe', '')).toEqual(['orders', 'payments'])
    expect(await complete('consume', '--follow', 'pa')).toEqual(['payments'])
    expect(await complete('consume', 'orders', '-o', '')).toEqual([
      'value',
      'table',
      'json',
      'ndjson',
      'tsv',
    ])
    expect(await complete('consume', 'orders', '--fo')).toEqual(['--follow', '--format'])
    expect(await complete('produce', 'orders', '--compression', 'z')).toEqual(['zstd'])
    expect(await complete('produce', 'orders', '--compression=z')).toEqual(['--compression=zstd'])
    expect(await complete('produce', 'orders', '')).toEqual([':file'])
    expect(await complete('doctor', '')).toEqual([':folder'])
    expect(await complete('serve', '--da')).toEqual(['--data'])
    expect(await complete('streams', '')).toEqual(expect.arrayContaining(['describe', 'reset']))
    expect(await complete('nothing', '')).toEqual([''])
    expect(await complete('topic', 'describe', '--url', 'kafka://127.0.0.1:1', '')).toEqual([''])
  })

  test.each(['bash', 'zsh', 'fish'] as const)('prints a script for %s', async (shell) => {
    const { code, stdout } = await run(['completion', shell])
    expect([code, stdout]).toEqual([0, scripts[shell]])
    expect(stdout).toContain('kafka-do completion --words --')
  })

  test('the script for bash is bash', () => {
    const asked = `kafka-do() { printf '%s|' "$@" >&3; printf 'describe\\tx\\ndelete\\ty\\n'; }
${scripts.bash}
COMP_WORDS=(kafka-do topic de); COMP_CWORD=2
_kafka_do 3>&1
printf '%s ' "\${COMPREPLY[@]}"`
    const shown = execFileSync('bash', ['--norc', '-c', asked], { encoding: 'utf8' })
    expect(shown).toBe('completion|--words|--|topic|de|describe delete ')
  })

  test('another shell is refused', async () => {
    expect(await run(['completion', 'tcsh'])).toMatchObject({
      code: 2,
      stderr: "kafka-do: it takes one of bash, zsh, fish; got 'tcsh'\n",
    })
  })
})
