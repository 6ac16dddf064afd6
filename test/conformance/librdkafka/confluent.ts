/**
 * confluent-kafka, librdkafka's Python client, from PyPI: installed into the cache folder, and driven by JSON lines (see
 * confluent_driver.py). Each `ConfluentProcess` is a process of its own, so that it can be killed.
 */
import { mkdir, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type GuardedProcess, spawnGuarded } from '../../kafka/guarded-process.ts'
import { cachedFolder } from './cache-folder.ts'
import { findTool, run, runDownload } from './tool.ts'

const requirement = 'confluent-kafka==2.16.1'
const driver = fileURLToPath(new URL('confluent_driver.py', import.meta.url))

/** What librdkafka says of a failure. */
export class ConfluentError extends Error {
  readonly code: string
  readonly requiresAbort: boolean
  readonly isFatal: boolean

  constructor(error: { name: string; message: string; fatal: boolean; requiresAbort: boolean }) {
    super(`${error.name}: ${error.message}`)
    this.code = error.name
    this.requiresAbort = error.requiresAbort
    this.isFatal = error.fatal
  }
}

/** What a consumer that was told to "run" tells. */
export interface ConfluentEvent {
  readonly event: string
  readonly assigned?: readonly (readonly [topic: string, partition: number])[]
  readonly record?: ConfluentRecord
  readonly closed?: true
  readonly error?: { readonly name: string; readonly message: string }
}

export interface ConfluentRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Base64, as are the value and the headers' values. */
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
  readonly timestamp: number
}

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: ConstructorParameters<typeof ConfluentError>[0]
}

export class ConfluentProcess {
  readonly #process: GuardedProcess
  readonly #calls = new Map<
    number,
    { resolve(result: unknown): void; reject(error: Error): void }
  >()
  readonly #onEvent: (event: ConfluentEvent) => void
  #nextId = 0
  #stderr = ''

  private constructor(process: GuardedProcess, onEvent: (event: ConfluentEvent) => void) {
    this.#process = process
    this.#onEvent = onEvent
    process.child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk
    })
    createInterface({ input: process.child.stdout }).on('line', (line) => this.#receive(line))
    void process.ended.then(() => {
      const error = new Error(`the confluent-kafka process has ended: ${this.#stderr}`)
      for (const { reject } of this.#calls.values()) reject(error)
    })
  }

  static async start(
    packages: string,
    onEvent: (event: ConfluentEvent) => void = () => undefined,
  ): Promise<ConfluentProcess> {
    const env = { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' }
    return new ConfluentProcess(await spawnGuarded('python3', [driver], { env }), onEvent)
  }

  /** Calls a function of the driver. Rejects with `ConfluentError`. */
  call<Result = unknown>(name: string, on: string, args: object = {}): Promise<Result> {
    const id = this.#nextId++
    this.#process.child.stdin.write(`${JSON.stringify({ id, do: name, on, ...args })}\n`)
    return new Promise<Result>((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (result: unknown) => void, reject })
    })
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    this.#process.child.kill('SIGKILL')
    await this.#process.ended
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as Answer & ConfluentEvent
    if (message.id === undefined) return this.#onEvent(message)
    const call = this.#calls.get(message.id)!
    this.#calls.delete(message.id)
    if (message.error) call.reject(new ConfluentError(message.error as never))
    else call.resolve(message.result)
  }
}

/** The program is the folder of its packages. */
export const confluent = await findTool(async () => {
  const folder = await cachedFolder('confluent-kafka', requirement, async (into) => {
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location']
    const prepare = async () => {
      await rm(into, { recursive: true, force: true })
      await mkdir(into)
    }
    const args = ['-m', 'pip', 'install', ...quiet, '--target', into, requirement]
    await runDownload('python3', args, { prepare })
  })
  const version = 'import confluent_kafka as k; print(k.__version__, k.libversion()[0])'
  const env = { ...process.env, PYTHONPATH: folder }
  const [client, library] = (await run('python3', ['-c', version], { env })).trim().split(' ')
  return { program: folder, version: `${client} (librdkafka ${library})` }
})
