/** The `kafka-do` command as its user meets it: the built program in a process of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer as createTcpServer } from 'node:net'
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

  constructor(args: readonly string[], environment: { readonly [name: string]: string } = {}) {
    this.child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
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
    [
      ['serve', '--help'],
      0,
      /Listening:\n.*--host <address>[\s\S]*Transactions:\n[\s\S]*default\s+15\s+min/,
    ],
  ])('%j', async (args, code, expected) => {
    const run = new Run(args)
    expect(await run.ended).toBe(code)
    expect(run.stdout).toMatch(expected)
  })

  test.each([
    [['sreve'], /no command 'sreve'\n {2}Did you mean 'serve'\?/],
    [['serve', '--prt', '1'], /Did you mean --port/],
    [['serve', '--port', '99999'], /--port must be a whole number from 0 to 65535; got 99999/],
    [
      ['serve', '--port', '0', '--log-level', 'loud'],
      /--log-level must be one of "debug", .*; got "loud"/,
    ],
    [['serve', '--port', '0', '--tls-cert', 'x.pem'], /--tls-cert and --tls-key go together/],
    [
      ['serve', '--port', '0', '--tls-cert', '/no/x', '--tls-key', '/no/y'],
      /--tls-cert \/no\/x cannot be read: .*; --tls-key \/no\/y cannot be read: /,
    ],
    [
      ['serve', '--data', 'memory:', '--port', '0', '--host', '192.0.2.1', '--allow-anonymous'],
      /no such address/,
    ],
    [['serve', '--config', '/no/kafka-do.json'], /config file \/no\/kafka-do.json cannot be read/],
  ])('%j is an error that says what to do', async (args, expected) => {
    const run = new Run(args)
    expect(await run.ended).toBe(args.includes('192.0.2.1') ? 1 : 2)
    expect(run.stderr).toMatch(/^kafka-do: /)
    expect(run.stderr).toMatch(expected)
    expect(run.stderr).not.toMatch(/\n {4}at /)
  })
})

describe('kafka-do serve', () => {
  test('goes by a flag, then the environment, then the config file, and says so', async () => {
    const config = join(folder, 'kafka-do.json')
    const entries = {
      port: 1,
      host: '127.0.0.1',
      broker: { defaultPartitions: 3, retention: '1h' },
    }
    await writeFile(config, JSON.stringify({ ...entries, data: 'beside-the-file' }))
    const environment = {
      KAFKA_DO_CONFIG: config,
      KAFKA_DO_PORT: '2',
      KAFKA_DO_DEFAULT_PARTITIONS: '4',
      KAFKA_DO_MAX_CONECTIONS: '5',
    }
    const shown = new Run(['serve', '--port', '0', '--print-config'], environment)
    expect(await shown.ended).toBe(0)
    const lines = shown.stdout.split('\n').map((line) => line.split(/ {2,}/))
    expect(lines).toContainEqual(['port', '0', '--port'])
    expect(lines).toContainEqual(['broker.defaultPartitions', '4', 'KAFKA_DO_DEFAULT_PARTITIONS'])
    expect(lines).toContainEqual(['broker.retention', '1 h', `${config}: broker.retention`])
    expect(lines).toContainEqual(['closeTimeout', '5 s', 'default'])

    const run = new Run(['serve', '--port', '0'], environment)
    await using kafka = new Client(await run.url())
    await kafka.produce('orders', 1)
    expect(await kafka.admin.describeTopic('orders')).toMatchObject({
      partitions: 4,
      retentionMs: 3_600_000,
    })
    expect((await stat(join(folder, 'beside-the-file'))).isDirectory()).toBe(true)
    run.child.kill('SIGTERM')
    await run.ended
    expect(run.stderr).toContain('Did you mean KAFKA_DO_MAX_CONNECTIONS?')
  })

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

  test('stops cleanly though nobody reads what it prints any more', async () => {
    const data = join(folder, 'unread')
    const first = new Run(['serve', '--data', data, '--port', '0'])
    await first.url()
    first.child.stdout!.destroy()
    first.child.kill('SIGTERM')
    expect(await first.ended).toBe(0)
    expect(first.stderr).toBe('')
  })

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

describe('access control', () => {
  test('tells where the first key is, and lets in who has it', async () => {
    const data = join(folder, 'guarded')
    const run = new Run(['serve', '--data', data, '--port', '0', '--access', 'keys'])
    const url = await run.url()
    await expect.poll(() => run.stdout).toContain(join(data, 'admin-key'))
    const [, username, password] = (await readFile(join(data, 'admin-key'), 'utf8')).split('_')
    expect((await stat(join(data, 'admin-key'))).mode & 0o777).toBe(0o600)
    expect(run.stdout + run.stderr).not.toContain(password)
    const sasl = { mechanism: 'PLAIN', username: username!, password: password! } as const
    const kafka = new Client({ url, sasl })
    await kafka.admin.createTopic('orders')
    await kafka.close()
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  })

  test('is asked for where others could come in', async () => {
    const run = new Run(['serve', '--data', 'memory:', '--port', '0', '--host', '0.0.0.0'])
    expect(await run.ended).toBe(2)
    expect(run.stderr).toMatch(/--access keys.*--allow-anonymous/)
  })
})

describe('operations', () => {
  const health = /health and metrics at (http:\/\/\S+)/

  test('on SIGHUP takes what can change, says the rest, and keeps what it has when a file is wrong', async () => {
    const config = join(folder, 'reload.json')
    const write = (entries: object) =>
      writeFile(config, JSON.stringify({ data: 'memory:', port: 0, managementPort: 0, ...entries }))
    await write({})
    const run = new Run(['serve', '--config', config])
    await run.url()
    const managementUrl = health.exec(run.stdout)![1]!
    const reload = async (lines: RegExp) => {
      run.child.kill('SIGHUP')
      await expect.poll(() => run.stderr).toMatch(lines)
    }
    await write({ drainDelay: '3s', maxMetricSeries: 7, broker: { retention: '1h' } })
    await reload(
      /WARN {2}settings reloaded; changed: maxMetricSeries, drainDelay; needs a restart: broker\.retention\n/,
    )
    const text = await (await fetch(`${managementUrl}/metrics`)).text()
    expect(text).toContain('\nkafkado_max_metric_series 7\n')
    await writeFile(config, '{ "port": ')
    await reload(
      /ERROR the settings could not be reloaded; the server continues with the current ones reason=".*reload\.json is not JSON/,
    )
    await write({ drainDelay: '3s', maxMetricSeries: 7, logLevel: 'error' })
    await reload(/INFO {2}settings reloaded; changed: logLevel\n/)
    await write({ drainDelay: 'soon', logLevel: 'error' })
    await reload(/drainDelay must be milliseconds/)
    expect((await fetch(`${managementUrl}/readyz`)).status).toBe(200)
    run.child.kill('SIGTERM')
    await expect
      .poll(async () => (await fetch(`${managementUrl}/readyz`).catch(() => undefined))?.status)
      .toBe(503)
    expect(await run.ended).toBe(0)
  })

  test('stopped while it opens it ends at once', async () => {
    const silent = createTcpServer((socket) => void socket.on('error', () => undefined))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const run = new Run(['serve', '--upstream', `kafka://127.0.0.1:${port}`, '--http-port', '0'])
    const [socket] = (await once(silent, 'connection')) as [{ destroy(): void }]
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(143)
    expect(run.stdout).toBe('Stopped while opening the data folder.\n')
    socket.destroy()
    silent.close()
  })

  test('on SIGTERM ends in time, whoever waits or does not read', async () => {
    const args = ['--http-port', '0', '--close-timeout', '500ms', '--port', '0']
    const run = new Run(['serve', '--data', 'memory:', ...args])
    const url = await run.url()
    const httpUrl = /http:\/\/\S+/.exec(run.stdout)![0]
    await using kafka = new Client({ url, retries: 0, timeout: '2s' })
    for (let i = 0; i < 20; i++) await kafka.produce('orders', 'x'.repeat(500_000))
    // Reads nothing of a stream, and waits for records that do not come.
    const stream = await fetch(`${httpUrl}/v1/topics/orders/records?from=earliest`, {
      headers: { accept: 'application/x-ndjson' },
    })
    expect(stream.status).toBe(200)
    const waiting = fetch(`${httpUrl}/v1/topics/orders/records?from=latest&wait=30s`)
    waiting.catch(() => undefined)
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.stdout).toContain('everything acknowledged is stored')
    await waiting.catch(() => undefined)
    await stream.body!.cancel().catch(() => undefined)
  })
})
