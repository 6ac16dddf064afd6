/**
 * kcat, librdkafka's command-line tool: that of the machine, else Debian's package and the libraries that it needs,
 * unpacked into the cache folder, which needs no rights.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type GuardedProcess, spawnGuarded } from '../../kafka/guarded-process.ts'
import { cachedFolder } from './cache-folder.ts'
import { findTool, MissingToolError, run } from './tool.ts'

export interface KcatOptions {
  /** What it reads; its standard input is closed after that. */
  readonly stdin?: string | Uint8Array
}

const timeoutMs = 60_000
/** Every system has these, in versions that fit its loader. */
const systemPackages = /^(libc6|libgcc-s1|gcc-\d+-base|libstdc\+\+6|zlib1g)$/

const onlyDepends = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
  (relation) => `--no-${relation}`,
)

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
    const folder = await cachedFolder('kcat', 'apt-get download, dpkg-deb -x; 1', fetchKcat)
    const libraries = await libraryFolders(folder)
    return new Kcat(join(folder, 'usr/bin/kcat'), {
      ...process.env,
      LD_LIBRARY_PATH: libraries.join(':'),
    })
  }
}

async function fetchKcat(folder: string): Promise<void> {
  const listed = await run('apt-cache', ['depends', '--recurse', ...onlyDepends, 'kcat'])
  const packages = listed.split('\n').filter((line) => /^[\w.+-]+$/.test(line))
  const needed = packages.filter((name) => !systemPackages.test(name))
  if (needed.length === 0)
    throw new MissingToolError('apt knows no package kcat; apt-get update may help')
  const debs = join(folder, 'debs')
  await mkdir(debs)
  await run('apt-get', ['download', ...needed], { cwd: debs })
  for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), folder])
  await rm(debs, { recursive: true })
}

async function libraryFolders(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const base of ['usr/lib', 'lib']) {
    const inside = join(folder, base)
    const names = await readdir(inside).catch(() => [])
    found.push(
      inside,
      ...names.filter((name) => name.includes('-linux-')).map((name) => join(inside, name)),
    )
  }
  return found
}
