/** The files of an application's tasks: what is kept, what is not, and what goes wrong. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { json, type Serializer, string } from '../../../src/client/serializer.ts'
import { CorruptDataError, StorageError } from '../../../src/core/errors.ts'
import { createRuntime } from '../../../src/core/runtime.ts'
import { openStateFolder } from '../../../src/storage/state-folder.ts'
import { HotValues } from '../../../src/streams/state-dir/hot-values.ts'
import { openLevel, stateFailure } from '../../../src/streams/state-dir/level-engine.ts'
import { StateDir } from '../../../src/streams/state-dir/state-dir.ts'
import { type FiledStore, TaskFiles } from '../../../src/streams/state-dir/task-files.ts'
import type { KeyValueStore } from '../../../src/streams/stores/key-value-store.ts'
import { openStore } from '../../../src/streams/stores/open-store.ts'
import { Undo } from '../../../src/streams/task/undo.ts'
import { MemoryDatabase } from './memory-engine.ts'

const minute = 60_000
const spec = {
  kind: 'key-value',
  name: 'totals',
  key: string as Serializer<unknown>,
  value: json(),
  changelog: 'own',
} as const
const stores: FiledStore[] = [{ spec, origin: 'id' }]

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-do-state-dir-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function storeOf(files: TaskFiles): KeyValueStore {
  return openStore(spec, new Undo(), files.cellsOf(spec)) as KeyValueStore
}

async function commit(files: TaskFiles, store: KeyValueStore, position: bigint): Promise<void> {
  store.commit()
  files.note('totals', position)
  await files.write()
}

describe('files of a task', () => {
  let database: MemoryDatabase
  beforeEach(() => {
    database = new MemoryDatabase()
  })

  function open(cacheBytes = 10_000, of = stores): Promise<TaskFiles> {
    const hot = new HotValues(cacheBytes)
    return TaskFiles.open({
      engine: database.open(),
      path: '/state',
      stores: of,
      hot,
      now: () => 7,
    })
  }

  test('have entries and offset in one batch, and what is on its way can be read', async () => {
    const files = await open()
    const store = storeOf(files)
    store.put('a', 1, 10)
    store.commit()
    files.note('totals', 5n)
    const writing = files.write()
    expect(files.positionOf('totals')).toBeUndefined()
    expect(store.get('a')).toEqual({ value: 1, timestampMs: 10 })
    await writing
    expect(files.positionOf('totals')).toBe(5n)
    expect(store.size).toBe(1)
    const again = await open()
    expect(again.positionOf('totals')).toBe(5n)
    expect(storeOf(again).get('a')).toEqual({ value: 1, timestampMs: 10 })
  })

  test('count what is there, also when it was put in unseen', async () => {
    const files = await open(0)
    const store = storeOf(files)
    for (const key of ['a', 'b', 'a']) store.put(key, 1, 0)
    await commit(files, store, 1n)
    store.put('b', 2, 0)
    store.put('c', null, 0)
    await commit(files, store, 2n)
    expect(store.size).toBe(2)
    store.put('b', null, 0)
    await commit(files, store, 3n)
    expect(store.size).toBe(1)
    expect(storeOf(await open()).size).toBe(1)
  })

  test('are not read for what was used lately', async () => {
    const files = await open()
    const store = storeOf(files)
    store.put('a', 1, 0)
    await commit(files, store, 1n)
    const before = database.reads
    for (let i = 0; i < 10; i++) store.get('a')
    expect(database.reads).toBe(before)
    for (let i = 0; i < 1000; i++) store.put(`k${i}`, i, 0)
    await commit(files, store, 2n)
    expect(store.get('a')?.value).toBe(1)
    expect(database.reads).toBe(before + 1)
  })

  test('begin anew when the stores, or their changelogs, are others', async () => {
    const files = await open()
    const store = storeOf(files)
    store.put('a', 1, 0)
    await commit(files, store, 9n)
    const other = await open(0, [{ spec, origin: 'another id' }])
    expect(other.positionOf('totals')).toBeUndefined()
    expect(storeOf(other).get('a')).toBeUndefined()
    const third = await open(0, [{ spec: { ...spec, kind: 'window' }, origin: 'another id' }])
    expect(third.positionOf('totals')).toBeUndefined()
  })

  test('that could not be written are not, and stay where they were', async () => {
    const files = await open()
    const store = storeOf(files)
    store.put('a', 1, 0)
    await commit(files, store, 1n)
    database.failure = new StorageError('full', { code: 'STORAGE_FULL' })
    store.put('a', 2, 0)
    await expect(commit(files, store, 2n)).rejects.toThrow('full')
    database.failure = undefined
    store.put('a', 3, 0)
    // What came between is missing, so nothing later may go in.
    await expect(commit(files, store, 3n)).rejects.toThrow('full')
    await expect(files.settled()).rejects.toThrow('full')
    const again = await open()
    expect(again.positionOf('totals')).toBe(1n)
    expect(storeOf(again).get('a')?.value).toBe(1)
  })

  test('whose bits fell over are damaged, not read', async () => {
    const files = await open(0)
    const store = storeOf(files)
    store.put('a', 12, 0)
    await commit(files, store, 1n)
    for (const [key, bytes] of database.entries) {
      if (key.endsWith('a')) bytes[bytes.length - 1]! ^= 1
    }
    expect(() => store.get('a')).toThrow(CorruptDataError)
    expect(() => store.get('a')).toThrow(/^The state in \/state is damaged/)
    expect(files.isDamaged).toBe(true)
  })
})

describe('the folder of an application', () => {
  let nowMs = 1_000_000
  const logged: unknown[][] = []
  const log = (...line: unknown[]) => void logged.push(line)

  async function open(): Promise<StateDir> {
    return StateDir.open({
      folder: openStateFolder(folder, 'app'),
      openEngine: openLevel,
      cleanupDelayMs: 10 * minute,
      cacheBytes: 1000,
      runtime: {
        ...createRuntime(),
        now: () => nowMs,
        logger: { debug: () => undefined, info: log, warn: log, error: log },
      },
    })
  }

  async function write(dir: StateDir, id: string, position: bigint): Promise<TaskFiles> {
    const files = await dir.openTask(id, stores)
    const store = storeOf(files)
    store.put('a', id, 0)
    await commit(files, store, position)
    return files
  }

  test('keeps the process, its tasks and how far they are', async () => {
    const first = await open()
    await write(first, '0_0', 5n)
    const other = await write(first, '0_1', 6n)
    expect(first.kept.size).toBe(0)
    await first.closeTask('0_1', other)
    expect([...first.kept.keys()]).toEqual(['0_1'])
    await first.close()
    const second = await open()
    expect(second.processId).toBe(first.processId)
    expect(second.kept.get('0_0')?.positions).toEqual(new Map([['totals', 5n]]))
    expect(second.kept.get('0_1')?.positions).toEqual(new Map([['totals', 6n]]))
    const files = await second.openTask('0_1', stores)
    expect(storeOf(files).get('a')?.value).toBe('0_1')
    await second.close()
  })

  test('is refused to a second one, and given back', async () => {
    const first = await open()
    await expect(open()).rejects.toThrow(/is in use by/)
    await first.close()
    await first.close()
    await (await open()).close()
  })

  test('loses tasks that ran elsewhere for long, not those of a process that did not run', async () => {
    const first = await open()
    await first.closeTask('0_0', await write(first, '0_0', 1n))
    const running = await write(first, '0_1', 1n)
    nowMs += 9 * minute
    await first.closeTask('0_1', running)
    await first.close()
    nowMs += 600 * minute
    const second = await open()
    expect([...second.kept.keys()]).toEqual(['0_0', '0_1'])
    const files = await write(second, '0_1', 2n)
    nowMs += 2 * minute
    await second.closeTask('0_1', files)
    await second.close()
    const third = await open()
    expect([...third.kept.keys()]).toEqual(['0_1'])
    expect(readdirSync(join(folder, 'app'))).not.toContain('0_0')
    await third.close()
  })

  test('sets aside what is damaged, with a line in the log', async () => {
    const first = await open()
    await write(first, '0_0', 1n)
    await first.close()
    for (const name of readdirSync(join(folder, 'app', '0_0'))) {
      if (name === 'CURRENT') writeFileSync(join(folder, 'app', '0_0', name), 'MANIFEST-99\n')
    }
    logged.length = 0
    const second = await open()
    expect(second.kept.size).toBe(0)
    expect(logged.flat()).toContain(
      'state on disk was damaged; it was set aside and is restored from the changelog',
    )
    expect(readdirSync(join(folder, 'app'))).toContain('0_0.damaged')
    const files = await second.openTask('0_0', stores)
    expect(files.positionOf('totals')).toBeUndefined()
    await second.close()
  })

  test('opens a task anew that is just being closed, after that', async () => {
    const dir = await open()
    const files = await write(dir, '0_0', 1n)
    const closing = dir.closeTask('0_0', files)
    const again = await dir.openTask('0_0', stores)
    await closing
    expect(storeOf(again).get('a')?.value).toBe('0_0')
    // A late word about the one that was before.
    await dir.closeTask('0_0', files)
    expect(storeOf(again).get('a')?.value).toBe('0_0')
    await dir.close()
  })

  test('with a process file that is torn has a new name', async () => {
    await (await open()).close()
    const path = join(folder, 'app', 'process.json')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.slice(0, 20))
    const dir = await open()
    expect(dir.processId).toMatch(/^[\w-]+$/)
    await dir.close()
  })
})

test.each([
  [
    'IO error: /x/000005.log: No space left on device',
    'STORAGE_FULL',
    /\/state: its disk is full; free some space/,
  ],
  [
    'IO error: /x/000005.log: Input/output error',
    'STORAGE_IO',
    /Cannot write the state in \/state: IO error/,
  ],
  ['Corruption: block checksum mismatch', 'STREAM_STATE_DAMAGED', /\/state: it is damaged/],
])('%s', (message, code, expected) => {
  const error = stateFailure('/state', 'write', new Error(message))
  expect(error.code).toBe(code)
  expect(error.message).toMatch(expected)
})
