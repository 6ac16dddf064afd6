/** The `kafka-do` command as its user meets it: the built program in a process of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createCertificate } from '../kafka/certificate.ts'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
/** Makes the certificate; nothing that Node brings can. */
const testWithOpenssl: typeof test = hasOpenssl
  ? test
  : (((name: string, run: () => void) =>
      test.skip(`${name} (skipped: lacks openssl)`, run)) as typeof test)

let folder: string
const running = new Set<ChildProcess>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-cli-'))
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

class Run {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  stdout = ''
  stderr = ''
  #onOutput: (() => void)[] = []

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(this.child)
    this.child.stdout!.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString()
      for (const resolve of this.#onOutput.splice(0)) resolve()
    })
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        running.delete(this.child)
        for (const resume of this.#onOutput.splice(0)) resume()
        resolve(code)
      })
    })
  }

  /** The URL that it prints when it is ready. */
  async url(): Promise<string> {
    for (;;) {
      const url = /kafka(\+tls)?:\/\/\S+/.exec(this.stdout)?.[0]
      if (url) return url
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.stderr}`)
      await new Promise<void>((resolve) => this.#onOutput.push(resolve))
    }
  }
}

describe('kafka-do', () => {
  test.each([
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['--help'], 0, /serve/],
    [['serve', '--help'], 0, /--advertised-host/],
  ])('%j', async (args, code, expected) => {
    const run = new Run(args)
    expect(await run.ended).toBe(code)
    expect(run.stdout).toMatch(expected)
  })

  test.each([
    [['sreve'], /unknown command 'sreve'/],
    [['serve', '--prt', '1'], /Did you mean --port/],
    [['serve', '--port', '99999'], /must be a port, 0 to 65535/],
    [['serve', '--port', '0', '--log-level', 'loud'], /Allowed choices are debug/],
    [['serve', '--port', '0', '--tls-cert', 'x.pem'], /--tls-cert and --tls-key go together/],
    [
      ['serve', '--port', '0', '--tls-cert', '/no/x', '--tls-key', '/no/y'],
      /--tls-cert \/no\/x cannot be read/,
    ],
    [['serve', '--data', 'memory:', '--port', '0', '--host', '192.0.2.1'], /no such address/],
  ])('%j is an error that says what to do', async (args, expected) => {
    const run = new Run(args)
    expect(await run.ended).not.toBe(0)
    expect(run.stderr).toMatch(expected)
    expect(run.stderr).not.toMatch(/\n {4}at /)
  })
})

describe('kafka-do serve', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'on %s finishes, and the data is there at the next start',
    async (signal) => {
      const data = join(folder, signal)
      const first = new Run(['serve', '--data', data, '--port', '0'])
      const kafka = new Client(await first.url())
      await kafka.produce('orders', { n: 1 })
      first.child.kill(signal)
      expect(await first.ended).toBe(0)
      expect(first.stdout).toContain('everything acknowledged is stored')
      expect(first.stderr).toBe('')
      await kafka.close()
      await using embedded = new Client(`file:${data}`)
      expect((await embedded.consumer('orders').take(1).toArray())[0]!.value).toEqual({ n: 1 })
    },
  )

  test('killed, it has lost nothing that was acknowledged', async () => {
    const data = join(folder, 'killed')
    const first = new Run(['serve', '--data', data, '--port', '0'])
    const kafka = new Client({ url: await first.url(), timeout: '1s', retries: 0 })
    const producer = kafka.producer<number>('orders', { deliveryTimeout: '1s' })
    const acknowledged: number[] = []
    const sending = (async () => {
      for (let n = 0; ; n++) {
        await producer.send(n)
        acknowledged.push(n)
        if (n === 200) first.child.kill('SIGKILL')
      }
    })()
    await expect(sending).rejects.toThrow()
    await first.ended
    await kafka.close().catch(() => undefined)
    const second = new Run(['serve', '--data', data, '--port', '0'])
    await using again = new Client(await second.url())
    const records = await again.consumer<number>('orders').take(acknowledged.length).toArray()
    expect(records.map(({ value }) => value)).toEqual(acknowledged)
  })

  test('a second one on the same folder is told what to do', async () => {
    const data = join(folder, 'shared')
    const first = new Run(['serve', '--data', data, '--port', '0'])
    await first.url()
    const second = new Run(['serve', '--data', data, '--port', '0'])
    expect(await second.ended).toBe(1)
    expect(second.stderr).toMatch(/kafka-do: .*(in use|locked|another process)/)
  })

  testWithOpenssl('speaks TLS with a certificate, and logs for machines', async () => {
    const { cert, certFile } = await createCertificate(folder)
    const args = [
      '--tls-cert',
      certFile,
      '--tls-key',
      join(folder, 'key.pem'),
      '--log-format',
      'json',
    ]
    const run = new Run(['serve', '--data', 'memory:', '--port', '0', ...args])
    const url = await run.url()
    expect(url).toMatch(/^kafka\+tls:/)
    await using kafka = new Client({ url, tls: { ca: cert } })
    await kafka.produce('orders', 1)
    await using distrustful = new Client({ url, retries: 0, timeout: '2s' })
    await expect(distrustful.produce('orders', 2)).rejects.toThrow(/certificate/)
    await using plain = new Client({ url: url.replace('+tls', ''), retries: 0, timeout: '2s' })
    await expect(plain.produce('orders', 3)).rejects.toThrow(/TLS/)
    run.child.kill('SIGTERM')
    await run.ended
    const lines = run.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string })
    expect(lines.some(({ level, msg }) => level === 'warn' && /TLS/.test(msg))).toBe(true)
  })
})
