/**
 * A real file system of a few MiB, in a mount namespace of its own, and the `kafka-do` command in there. Needs the right
 * to mount: root, or user namespaces (then only tmpfs).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export type Kind = 'tmpfs' | 'ext4'

const isRoot = process.getuid?.() === 0
const namespaceFlags = isRoot ? ['-m'] : ['-Urm']

/** Why such a disk cannot be had here; undefined when it can. */
export function whyNot(kind: Kind): string | undefined {
  const can = (command: string) => spawnSync('sh', ['-c', command]).status === 0
  const inNamespace = (command: string) =>
    spawnSync('unshare', [...namespaceFlags, 'sh', '-c', command]).status === 0
  if (!can('command -v unshare && command -v nsenter')) return 'lacks unshare and nsenter'
  if (!inNamespace('mount -t tmpfs tmpfs /mnt')) return 'may not mount'
  if (kind === 'tmpfs') return undefined
  if (!can('PATH=$PATH:/usr/sbin command -v mkfs.ext4')) return 'lacks mkfs.ext4'
  const trial = 'd=$(mktemp -d) && truncate -s 4M $d/i && PATH=$PATH:/usr/sbin mkfs.ext4 -qF $d/i'
  const isMounted = inNamespace(`${trial} && mount -o loop $d/i /mnt; r=$?; rm -r $d; exit $r`)
  return isMounted ? undefined : 'may not mount a loop device'
}

export class SmallDisk {
  /** Where it is mounted, for those in its namespace. */
  readonly path: string
  readonly #holder: ChildProcess
  readonly #runs = new Set<Run>()

  private constructor(path: string, holder: ChildProcess) {
    this.path = path
    this.#holder = holder
  }

  static async mount(folder: string, kind: Kind, mebibytes: number): Promise<SmallDisk> {
    const path = join(folder, 'disk')
    const image = join(folder, 'image')
    mkdirSync(path, { recursive: true })
    const mount = {
      tmpfs: `mount -t tmpfs -o size=${mebibytes}m tmpfs ${path}`,
      ext4: `truncate -s ${mebibytes}M ${image} && PATH=$PATH:/usr/sbin mkfs.ext4 -qF -m 0 ${image} && mount -o loop,errors=remount-ro ${image} ${path}`,
    }[kind]
    const script = `${mount} && echo mounted && read -r line`
    const holder = spawn('unshare', [...namespaceFlags, 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const isMounted = await new Promise<boolean>((resolve) => {
      holder.stdout!.once('data', () => resolve(true))
      holder.once('close', () => resolve(false))
    })
    if (!isMounted) throw new Error(`no ${kind} could be mounted`)
    return new SmallDisk(path, holder)
  }

  /** The same folder, for this process. */
  get outside(): string {
    return `/proc/${this.#holder.pid}/root${this.path}`
  }

  run(args: readonly string[]): Run {
    const { pid } = this.#holder
    const userFlags = isRoot ? [] : ['-U', '--preserve-credentials']
    const child = spawn(
      'nsenter',
      ['-t', String(pid), ...userFlags, '-m', process.execPath, program, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const run = new Run(child)
    this.#runs.add(run)
    return run
  }

  /** Takes all that is left, as another program would. */
  takeTheRest(): void {
    const chunk = new Uint8Array(4096)
    for (let bytes = 1024 * 1024; bytes >= 4096; bytes /= 2) {
      for (;;) {
        try {
          writeFileSync(
            join(this.outside, 'ballast'),
            bytes > 4096 ? new Uint8Array(bytes) : chunk,
            {
              flag: 'a',
            },
          )
        } catch {
          break
        }
      }
    }
  }

  /** As the kernel does it when the disk fails: an ext4 only. */
  makeReadOnly(): void {
    const mounts = readFileSync(`/proc/${this.#holder.pid}/mounts`, 'utf8')
    const device = mounts
      .split('\n')
      .find((line) => line.split(' ')[1] === this.path)!
      .split(' ')[0]
    const name = device!.slice('/dev/'.length)
    writeFileSync(`/sys/fs/ext4/${name}/trigger_fs_error`, '1')
  }

  async unmount(): Promise<void> {
    for (const run of this.#runs) run.child.kill('SIGKILL')
    await Promise.all([...this.#runs].map((run) => run.ended))
    const ended = new Promise((resolve) => this.#holder.once('close', resolve))
    this.#holder.stdin!.end()
    if (this.#holder.exitCode === null) await ended
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Whether the kernel lets a test put an ext4 into the state that a failing disk brings. */
export const canFailDisks = isRoot && existsSync('/sys/fs/ext4')

export class Run {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  stdout = ''
  stderr = ''
  #onOutput: (() => void)[] = []

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout!.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString()
      this.#wake()
    })
    child.stderr!.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => {
        this.#wake()
        resolve(code)
      })
    })
  }

  /** The URL that it prints when it is ready. */
  async url(): Promise<string> {
    for (;;) {
      const url = /kafka:\/\/\S+/.exec(this.stdout)?.[0]
      if (url) return url
      await this.#output()
    }
  }

  /** Resolves once it has logged a line like this. */
  async logged(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stderr)) await this.#output()
  }

  /** Lines it has logged. */
  lines(pattern = /./): string[] {
    return this.stderr.split('\n').filter((line) => pattern.test(line))
  }

  async #output(): Promise<void> {
    if (this.child.exitCode !== null) throw new Error(`it ended: ${this.stderr}`)
    await new Promise<void>((resolve) => this.#onOutput.push(resolve))
  }

  #wake(): void {
    for (const resume of this.#onOutput.splice(0)) resume()
  }
}
