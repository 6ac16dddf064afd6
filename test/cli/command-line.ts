/** Runs command lines inside the test, with streams of its own; and what they are run against. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll } from 'vitest'
import { runCommandLine } from '../../src/cli/run.ts'
import type { Environment, Io } from '../../src/cli/shell/io.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { createServer, type Server } from '../../src/server/server.ts'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Given {
  readonly stdin?: string | Uint8Array | Readable
  readonly environment?: Environment
  readonly signal?: AbortSignal
  /** Standard output and error are terminals. */
  readonly isTerminal?: boolean
  /** Called with all of standard output whenever there is more. */
  readonly onOutput?: (stdout: string) => void
  /** Called with all of standard error whenever there is more. */
  readonly onError?: (stderr: string) => void
  /** Standard output fails with this. */
  readonly stdoutError?: Error
  readonly stdout?: Writable
}

export class Sink extends Writable {
  readonly chunks: Buffer[] = []
  readonly isTTY: boolean
  readonly columns = 80
  readonly #onData: ((all: string) => void) | undefined

  constructor(isTTY = false, onData?: (all: string) => void) {
    super()
    this.isTTY = isTTY
    this.#onData = onData
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8')
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.chunks.push(chunk)
    this.#onData?.(this.text)
    done()
  }
}

/** Fails as a pipe or a file does. */
class FailingSink extends Writable {
  readonly #error: Error

  constructor(error: Error) {
    super()
    this.#error = error
  }

  override _write(_chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    done(this.#error)
  }
}

/** Nothing of the machine's own settings reaches a test. */
const nowhere = join(tmpdir(), 'kafka-do-no-such-folder', 'contexts.json')

export async function run(words: readonly string[], given: Given = {}): Promise<Outcome> {
  const { stdin = '', environment, signal, isTerminal = false } = given
  const collected = new Sink(isTerminal, given.onOutput)
  const stdout =
    given.stdout ?? (given.stdoutError ? new FailingSink(given.stdoutError) : collected)
  const stderr = new Sink(isTerminal, given.onError)
  const io: Io = {
    stdin:
      stdin instanceof Readable
        ? stdin
        : Readable.from(stdin.length > 0 ? [Buffer.from(stdin)] : []),
    stdout,
    stderr,
    environment: { KAFKA_DO_CONTEXTS: nowhere, ...environment },
    runtime: createRuntime(),
    signal: signal ?? new AbortController().signal,
  }
  const code = await runCommandLine(words, io)
  return { code, stdout: collected.text, stderr: stderr.text }
}

/** What a command prints, as JSON. Throws when it failed. */
export async function runJson<T = unknown>(words: readonly string[], given?: Given): Promise<T> {
  const { code, stdout, stderr } = await run([...words, '-o', 'json'], given)
  if (code !== 0) throw new Error(`${words.join(' ')} exited with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

export type TargetKind = 'file' | 'kafka' | 'http'

/** A folder, a server, or the same over HTTP, for all tests of a file. */
export interface Target {
  readonly url: string
  /** Runs a command against it. */
  run(words: readonly string[], given?: Given): Promise<Outcome>
  json<T = unknown>(words: readonly string[], given?: Given): Promise<T>
}

export function useTarget(kind: TargetKind): Target {
  let scratch = ''
  let server: Server | undefined
  let url = ''
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-'))
    if (kind === 'file') {
      url = `file:${join(scratch, 'data')}`
      return
    }
    server = await createServer({
      data: 'memory:',
      port: 0,
      ...(kind === 'http' && { httpPort: 0 }),
    })
    url = urlOf(server, kind)
  })
  afterAll(async () => {
    await server?.close()
    rmSync(scratch, { recursive: true, force: true })
  })
  const withUrl = (given: Given = {}): Given => ({
    ...given,
    environment: { KAFKA_DO_URL: url, ...given.environment },
  })
  return {
    get url() {
      return url
    },
    run: (words, given) => run(words, withUrl(given)),
    json: (words, given) => runJson(words, withUrl(given)),
  }
}

export function urlOf(server: Server, kind: 'kafka' | 'http'): string {
  if (kind === 'kafka') return server.url
  const listener = server.listeners.find(({ url }) => url.startsWith('http'))
  if (!listener) throw new Error('it has no HTTP listener')
  return listener.url
}
