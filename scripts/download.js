/**
 * Runs a program that fetches over a network (npm, pip, Maven, apt), so that one request that stalls fails nothing:
 * short timeouts and retries inside of it, a bounded time for all of it, and three attempts, each from a clean state.
 * What fails in the end says what each attempt came to.
 *
 * Needs Node only, for it also installs what everything else needs: `node scripts/download.js npm ci`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const attempts = 3

/** In the environment, where they also reach what these programs start. Seconds for pip, milliseconds for npm. */
const patience = {
  // A request that stalls is over, and named, before the attempt is.
  npm_config_fetch_timeout: '20000',
  npm_config_fetch_retries: '2',
  npm_config_fetch_retry_mintimeout: '1000',
  npm_config_fetch_retry_maxtimeout: '5000',
  // Says which request was tried again, and why.
  npm_config_loglevel: 'http',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
  PIP_DEFAULT_TIMEOUT: '20',
  PIP_RETRIES: '2',
}

/** For the command line of `apt-get`, which takes them from nowhere else. */
export const aptPatience = ['Retries=2', 'http::Timeout=20', 'https::Timeout=20'].flatMap(
  (option) => ['-o', `Acquire::${option}`],
)

/** For the command line of `mvn`: how its older versions name them, and its newer ones. */
export const mavenPatience = [
  ...['-Dmaven.wagon.rto=20000', '-Dmaven.wagon.http.retryHandler.count=2'],
  ...['-Daether.connector.requestTimeout=20000', '-Daether.connector.connectTimeout=20000'],
  '-Daether.connector.http.retryHandler.count=2',
]

/** What it printed on its standard output. `prepare` is called before each attempt. */
export async function download(command, args, { cwd, env, seconds = 90, prepare } = {}) {
  const failures = []
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await prepare?.()
    const { failure, stdout } = await run(command, args, { cwd, env, seconds })
    if (failure === undefined) return stdout
    failures.push(`attempt ${attempt}: ${failure}`)
    console.error(`${command} ${args.join(' ')}, ${failures.at(-1)}`)
  }
  throw new Error(`${command} ${args.join(' ')} failed ${attempts} times:\n${failures.join('\n')}`)
}

/** `npm install` in a folder that has nothing installed; `lock` is the text of the lock file that it goes by. */
export function npmInstall(folder, args = [], { lock, seconds } = {}) {
  const lockFile = join(folder, 'package-lock.json')
  const prepare = async () => {
    await rm(join(folder, 'node_modules'), { recursive: true, force: true })
    await rm(lockFile, { force: true })
    if (lock !== undefined) await writeFile(lockFile, lock)
  }
  return download('npm', ['install', ...args], { cwd: folder, prepare, seconds })
}

async function run(command, args, { cwd, env, seconds }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env, ...patience },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what it started can be killed with it.
    detached: true,
  })
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
  const stdout = []
  const stderr = []
  child.stdout.on('data', (chunk) => stdout.push(chunk))
  child.stderr.on('data', (chunk) => stderr.push(chunk))
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    kill()
  }, seconds * 1000)
  process.once('exit', kill)
  try {
    const [code, signal] = await once(child, 'close')
    const printed = Buffer.concat(stdout).toString()
    if (code === 0) return { stdout: printed }
    const how = isLate ? `killed after ${seconds} s` : `ended with ${code ?? signal}`
    return { failure: `${how}\n${ofInterest(printed + Buffer.concat(stderr))}` }
  } finally {
    clearTimeout(timer)
    process.off('exit', kill)
  }
}

/** What npm says of requests that went well is left out. */
function ofInterest(text) {
  const lines = text
    .split('\n')
    .filter((line) => line && !/^npm http (fetch \S+ 2|cache )/.test(line))
  return lines
    .slice(-15)
    .map((line) => `  ${line}`)
    .join('\n')
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
  const [command, ...args] = process.argv.slice(2)
  try {
    process.stdout.write(await download(command, args))
  } catch {
    // Each attempt has been told of.
    process.exitCode = 1
  }
}
