/** The parent's side of `server-under-fuzz.js`: starts it, asks it, and keeps what it logs by peer. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerConfig } from '../../src/server/server-config.ts'

const program = fileURLToPath(new URL('server-under-fuzz.js', import.meta.url))

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly peer?: string
  readonly error?: string
}

export interface Memory {
  readonly heapUsed: number
  readonly arrayBuffers: number
  readonly rss: number
  /** The most that the process has ever had. */
  readonly rssMax: number
}

interface ServerMessage {
  readonly log?: LogLine
  readonly id?: number
  readonly answer?: unknown
  readonly url?: string
  readonly port?: number
}

export class FuzzedServer {
  readonly url: string
  readonly port: number
  /** What the server calls an error: a fault of its own. */
  readonly errors: LogLine[] = []
  /** How often each message was logged. */
  readonly messages = new Map<string, number>()
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #byPeer = new Map<string, LogLine[]>()
  readonly #watchers = new Map<string, () => void>()
  readonly #asked = new Map<number, (answer: unknown) => void>()
  /** Rejects when the process ends before it was told to. */
  readonly died: Promise<never>
  #stderr = ''
  #nextId = 0
  #isStopping = false

  private constructor(child: ChildProcess, folder: string, started: ServerMessage) {
    this.#child = child
    this.#folder = folder
    this.url = started.url!
    this.port = started.port!
    child.on('message', (message: ServerMessage) => this.#take(message))
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString()
    })
    this.died = new Promise((_, reject) => {
      child.once('close', (code, signal) => {
        if (!this.#isStopping)
          reject(new Error(`the server died (${code ?? signal}):\n${this.#stderr}`))
      })
    })
    this.died.catch(() => undefined)
  }

  static async start(config: ServerConfig): Promise<FuzzedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-fuzz-'))
    const settings = JSON.stringify({ ...config, data: folder, port: 0 })
    const child = spawn(process.execPath, ['--expose-gc', program, settings], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    const started = await new Promise<ServerMessage>((resolve, reject) => {
      let stderr = ''
      const onData = (chunk: Buffer) => {
        stderr += chunk.toString()
      }
      child.stderr!.on('data', onData)
      child.once('error', reject)
      child.once('exit', () => reject(new Error(`the server did not start:\n${stderr}`)))
      child.on('message', function first(message: ServerMessage) {
        if (!message.url) return
        child.off('message', first)
        child.removeAllListeners('exit')
        child.stderr!.off('data', onData)
        resolve(message)
      })
    })
    return new FuzzedServer(child, folder, started)
  }

  memory(): Promise<Memory> {
    return this.#ask('memory')
  }

  connections(): Promise<number> {
    return this.#ask('connections')
  }

  /** Forgets what was logged of an earlier connection from the same port. */
  begin(peer: string): void {
    this.#byPeer.set(peer, [])
  }

  /** Forgets a connection. */
  end(peer: string): void {
    this.#byPeer.delete(peer)
    this.#watchers.delete(peer)
  }

  /** Resolves with the first line that was logged about a connection. */
  logged(peer: string): Promise<LogLine> {
    return new Promise((resolve) => {
      const look = () => {
        const line = this.#byPeer.get(peer)?.[0]
        if (line) resolve(line)
        else this.#watchers.set(peer, look)
      }
      look()
    })
  }

  /** Closes the server in good order; removes its folder. */
  async stop(): Promise<void> {
    this.#isStopping = true
    try {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
      const ended = new Promise((resolve) => this.#child.once('close', resolve))
      await Promise.race([this.#ask('close'), ended])
      await ended
    } finally {
      this.#child.kill('SIGKILL')
      await rm(this.#folder, { recursive: true, force: true })
    }
  }

  #take({ log, id, answer }: ServerMessage): void {
    if (id !== undefined) {
      this.#asked.get(id)?.(answer)
      this.#asked.delete(id)
    }
    if (!log) return
    this.messages.set(log.message, (this.messages.get(log.message) ?? 0) + 1)
    if (log.level === 'error') this.errors.push(log)
    if (log.peer === undefined) return
    this.#byPeer.get(log.peer)?.push(log)
    this.#watchers.get(log.peer)?.()
  }

  #ask<T>(ask: string): Promise<T> {
    const id = this.#nextId++
    const answered = new Promise<T>((resolve) => {
      this.#asked.set(id, resolve as (answer: unknown) => void)
    })
    this.#child.send({ id, ask })
    return Promise.race([answered, this.died])
  }
}
