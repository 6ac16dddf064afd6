import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DataFolderLockedError, StorageError } from '../core/errors.ts'
import { acquireLock } from './data-folder-lock.ts'
import { currentHolder, type LockHolder } from './lock-holder.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kafka-do-lock-'))
const children: ChildProcess[] = []
let folders = 0
let folder = ''

beforeEach(() => {
  folder = join(scratch, `${folders++}`)
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('a worker thread', () => {
  const holding = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ acquireLock }) => {
      acquireLock(workerData.folder)
      parentPort.postMessage('held')
      parentPort.once('message', () => parentPort.close())
    })`
  beforeAll(compile)
  const module = pathToFileURL(join(compiled, 'storage/data-folder-lock.js')).href

  async function holder(): Promise<Worker> {
    const worker = new Worker(holding, { eval: true, workerData: { module, folder } })
    await once(worker, 'message')
    return worker
  }

  test('that was terminated holds nothing any more', async () => {
    const worker = await holder()
    expect(() => acquireLock(folder)).toThrow(DataFolderLockedError)
    await worker.terminate()
    acquireLock(folder).release()
  })

  test('that has ended holds nothing any more', async () => {
    const worker = await holder()
    worker.postMessage('end')
    await once(worker, 'exit')
    acquireLock(folder).release()
    expect(readdirSync(folder)).toEqual([])
  })

  test('finds what its process holds in use', async () => {
    const lock = acquireLock(folder)
    const worker = new Worker(holding, { eval: true, workerData: { module, folder } })
    const [error] = await once(worker, 'error')
    expect(String(error)).toContain('in use by another broker of this process')
    lock.release()
  })
})

describe('within one process', () => {
  test('a second broker is refused until the first lets go', () => {
    const lock = acquireLock(folder)
    expect(() => acquireLock(folder)).toThrow(DataFolderLockedError)
    expect(() => acquireLock(folder)).toThrow(
      /is in use by another broker of this process\. Close it there, .*file:\.\/other/,
    )
    lock.release()
    acquireLock(folder).release()
    expect(readdirSync(folder)).toEqual([])
  })

  test('another path to the same folder does not help', () => {
    const lock = acquireLock(folder)
    symlinkSync(folder, `${folder}-link`)
    expect(() => acquireLock(`${folder}-link`)).toThrow(DataFolderLockedError)
    expect(() => acquireLock(join(folder, '..', folder.slice(scratch.length + 1)))).toThrow(
      DataFolderLockedError,
    )
    lock.release()
  })

  test('a folder that cannot be made is a StorageError that says what to check', () => {
    writeFileSync(folder, 'a file in the way')
    expect(() => acquireLock(join(folder, 'data'))).toThrow(StorageError)
    expect(() => acquireLock(join(folder, 'data'))).toThrow(/Check that the folder is writable/)
  })

  test('a lock that was removed by hand and taken by another is not removed on release', () => {
    const lock = acquireLock(folder)
    const other = JSON.stringify({ ...currentHolder(), host: 'elsewhere' })
    writeFileSync(lockPath(), other)
    lock.release()
    expect(readFileSync(lockPath(), 'utf8')).toBe(other)
  })
})

describe('a lock left behind', () => {
  test.each<[string, Partial<LockHolder>, boolean]>([
    ['by a process id that is in use by a process started later', { startedAt: '1' }, true],
    ['before the machine was started again', { bootId: 'another-boot' }, true],
    ['by a process that is gone', { pid: 2 ** 22 + 1 }, true],
    ['by the host, as seen from a container', { processNamespace: 'pid:[1]' }, false],
    ['on another host', { host: 'elsewhere', pid: 2 ** 22 + 1 }, false],
  ])('%s', (_, differing, isTakenOver) => {
    if (process.platform !== 'linux') return
    leave(JSON.stringify({ ...currentHolder(), ...differing }))
    if (isTakenOver) acquireLock(folder).release()
    else expect(() => acquireLock(folder)).toThrow(`remove ${join(folder, '.lock')}`)
  })

  test.each(['', '{', 'null', '{"pid":1}'])('damaged: %j', (text) => {
    leave(text)
    // So young it may be in the making, where the file system has no hard links.
    expect(() => acquireLock(folder)).toThrow(/a process that is just starting/)
    utimesSync(lockPath(), 0, 0)
    acquireLock(folder).release()
    expect(readdirSync(folder)).toEqual([])
  })

  test('with a right to replace it, of a contender that was killed meanwhile', () => {
    const gone = { ...currentHolder(), bootId: 'another-boot' }
    leave(JSON.stringify(gone))
    const contender = { ...currentHolder(), bootId: 'another-boot', token: 'contender' }
    writeFileSync(`${lockPath()}.${gone.token}`, JSON.stringify(contender))
    if (process.platform !== 'linux') return
    const lock = acquireLock(folder)
    expect(readdirSync(folder)).toEqual(['.lock'])
    lock.release()
  })
})

describe('between processes', () => {
  beforeAll(compile)

  test('the second is refused, and told who has the folder', async () => {
    const child = await startContender()
    expect(await child.contend()).toBe('held')
    expect(() => acquireLock(folder)).toThrow(
      new RegExp(`in use by process ${child.pid} since 20\\d\\d-`),
    )
    await child.release()
    acquireLock(folder).release()
  })

  test('a holder that was killed is replaced', async () => {
    const child = await startContender()
    expect(await child.contend()).toBe('held')
    await child.kill()
    const lock = acquireLock(folder)
    expect(JSON.parse(readFileSync(lockPath(), 'utf8'))).toMatchObject({ pid: process.pid })
    lock.release()
  })

  test('of many that meet a dead holder, exactly one gets the folder', async () => {
    const contenders = await Promise.all(Array.from({ length: 5 }, startContender))
    for (let round = 0; round < 30; round++) {
      leave(JSON.stringify({ ...currentHolder(), pid: 2 ** 22 + 1, token: `round-${round}` }))
      const results = await Promise.all(contenders.map((child) => child.contend()))
      expect(results.filter((result) => result === 'held')).toHaveLength(1)
      await Promise.all(contenders.map((child) => child.release()))
      expect(readdirSync(folder)).toEqual([])
    }
  })
})

function lockPath(): string {
  return join(folder, '.lock')
}

function leave(text: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(lockPath(), text)
}

interface Contender {
  readonly pid: number
  contend(): Promise<'held' | 'refused'>
  release(): Promise<void>
  kill(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const compiled = join(scratch, 'compiled')

/** Other processes run the lock without vitest, and Node 20 runs no TypeScript. */
function compile(): void {
  const options = ['--target', 'es2023', '--module', 'nodenext', '--types', 'node', '--strict']
  const source = join(root, 'src/storage/data-folder-lock.ts')
  execFileSync(
    join(root, 'node_modules/.bin/tsc'),
    [
      ...['--ignoreConfig', '--rewriteRelativeImportExtensions', '--skipLibCheck', ...options],
      ...['--rootDir', join(root, 'src'), '--outDir', compiled, source],
    ],
    { cwd: root, stdio: 'inherit' },
  )
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}')
}

/** A process that tries to take the folder when told to. */
async function startContender(): Promise<Contender> {
  const script = join(root, 'test/storage/lock-contender.js')
  const module = join(compiled, 'storage/data-folder-lock.js')
  const child = spawn(process.execPath, [script, module, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const expectLine = async <T extends string>(...allowed: readonly T[]): Promise<T> => {
    const { value } = await lines.next()
    const line = allowed.find((one) => one === value)
    if (line === undefined) throw new Error(`The contender said ${value}`)
    return line
  }
  await expectLine('ready')
  return {
    pid: child.pid!,
    async contend() {
      child.stdin.write('contend\n')
      return expectLine('held', 'refused')
    },
    async release() {
      child.stdin.write('release\n')
      await expectLine('released')
    },
    kill: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}
