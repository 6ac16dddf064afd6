/**
 * kcat, librdkafka's command-line tool: that of the machine, else Debian's package.
 */
import { join } from 'node:path'
import { type GuardedProcess, spawnGuarded } from '../../kafka/guarded-process.ts'
import { unpackedDebianPackage } from './debian-package.ts'
import { findTool } from './tool.ts'

export interface KcatOptions {
  /** What it reads; its standard input is closed after that. */
  readonly stdin?: string | Uint8Array
}

const timeoutMs = 60_000

export class Kcat {
  readonly #path: string
  readonly #env: NodeJS.ProcessEnv

  constructor(path: string, env: NodeJS.ProcessEnv) {
    this.#path = path
    this.#env = env
  }

  /** Gives what it printed; rejects when it fails. */
  async run(args: readonly string[], { stdin = '' }: KcatOptions = {}): Promise<Buffer> {
    const { child, ended } = await this.start(args)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin.end(stdin)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    const { code } = await ended
    clearTimeout(timer)
    if (code === 0) return Buffer.concat(stdout)
    throw new Error(`kcat ${args.join(' ')} ended with ${code}:\n${Buffer.concat(stderr)}`)
  }

  /** Starts it; it runs until it is stopped. */
  start(args: readonly string[]): Promise<GuardedProcess> {
    return spawnGuarded(this.#path, args, { env: this.#env })
  }
}

export const kcat = await findTool(async () => {
  const program = await findKcat()
  const version = /Version (\S+).*librdkafka (\S+)/.exec((await program.run(['-V'])).toString())
  return { program, version: `${version?.[1]} (librdkafka ${version?.[2]})` }
})

async function findKcat(): Promise<Kcat> {
  const installed = new Kcat('kcat', process.env)
  try {
    await installed.run(['-V'])
    return installed
  } catch {
    const { folder, env } = await unpackedDebianPackage('kcat')
    return new Kcat(join(folder, 'usr/bin/kcat'), env)
  }
}
