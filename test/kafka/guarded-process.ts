/**
 * A child process that does not outlive its test: when this process goes, however it goes, the child is killed and
 * its folder removed.
 *
 * A small shell holds the other end of a pipe; the pipe's end of file is this process's death. A handler of `exit`
 * would not run when a test runner kills its worker.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface GuardOptions {
  /** Removed when this process dies before the child. */
  folder?: string | undefined
  env?: NodeJS.ProcessEnv | undefined
  cwd?: string | undefined
}

export interface GuardedProcess {
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves when the process has ended and all its output has been read. */
  readonly ended: Promise<ExitStatus>
}

export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Throws when the program cannot be started. */
export async function spawnGuarded(
  program: string,
  args: readonly string[],
  options: GuardOptions = {},
): Promise<GuardedProcess> {
  const { folder, ...spawnOptions } = options
  const child = spawn(program, args, spawnOptions)
  const ended = new Promise<ExitStatus>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  // One that ends before it has read its input is no failure of ours; its exit code tells.
  child.stdin.on('error', () => undefined)
  await once(child, 'spawn')
  const guard = spawn(
    'sh',
    ['-c', guardScript, 'guard', String(child.pid), ...(folder ? [folder] : [])],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  )
  guard.unref()
  guard.once('error', () => undefined)
  child.once('exit', () => guard.kill('SIGKILL'))
  return { child, ended }
}

/** Detached, so that a Ctrl-C at the terminal reaches it only as the end of its input. */
const guardScript = 'cat >/dev/null; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"'
