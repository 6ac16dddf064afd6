import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualRuntime } from '../../../test/broker/manual-runtime.ts'
import { decodeUtf8 } from '../../core/bytes.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'
import { resolveBrokerConfig } from '../config.ts'
import type { LogConfig } from '../log/log-config.ts'
import { LogStore } from '../log/log-store.ts'
import { metadataLogConfig } from './internal-topics.ts'
import { KeyedLog } from './keyed-log.ts'

/** Compacts as often and as much as it can. */
const eager: LogConfig = {
  ...metadataLogConfig(resolveBrokerConfig()),
  segmentBytes: 200,
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: 0,
}

async function open(fileSystem: FileSystem, runtime: ManualRuntime) {
  const store = await LogStore.open({
    fileSystem,
    runtime,
    flushIntervalMs: 1000,
    cleanupIntervalMs: 1000,
    producerIdExpirationMs: 1000,
  })
  return { store, log: new KeyedLog(await store.openLog('map', 0, eager), runtime) }
}

async function contentOf(log: KeyedLog): Promise<Map<string, string>> {
  const content = new Map<string, string>()
  await log.replay({
    record(key, value) {
      if (value) content.set(decodeUtf8(key), decodeUtf8(value))
      else content.delete(decodeUtf8(key))
    },
  })
  return content
}

type Step =
  | { set: [string, string] }
  | { remove: string }
  | { all: string[] }
  | 'compact'
  | 'restart'

const key = fc.constantFrom('a', 'b', 'c', 'd')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ set: fc.tuple(key, fc.string({ maxLength: 30 })) }) },
  { weight: 3, arbitrary: fc.record({ remove: key }) },
  { weight: 2, arbitrary: fc.record({ all: fc.array(key, { maxLength: 6 }) }) },
  { weight: 2, arbitrary: fc.constant('compact' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
)

test('whatever is written, compacted and reopened, a replay gives the latest value of each key', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const runtime = new ManualRuntime()
      const fileSystem = createMemoryFileSystem()
      const model = new Map<string, string>()
      let { store, log } = await open(fileSystem, runtime)
      for (const [i, one] of steps.entries()) {
        if (one === 'compact') await store.clean()
        else if (one === 'restart') {
          await store.close()
          ;({ store, log } = await open(fileSystem, runtime))
        } else if ('set' in one) {
          await log.append([{ key: one.set[0], value: one.set[1] }])
          model.set(...one.set)
        } else if ('remove' in one) {
          await log.append([{ key: one.remove, value: null }])
          model.delete(one.remove)
        } else {
          await log.append(one.all.map((name) => ({ key: name, value: `${i}` })))
          for (const name of one.all) model.set(name, `${i}`)
        }
        runtime.advance(10)
      }
      expect(new Map([...(await contentOf(log))].sort())).toEqual(new Map([...model].sort()))
      await store.close()
    }),
    { numRuns: 300 },
  )
})

test('records that cannot be encoded leave nothing behind for the next append', async () => {
  const { log } = await open(createMemoryFileSystem(), new ManualRuntime())
  const broken = [
    { key: 'a', value: '1' },
    { key: undefined as unknown as string, value: '2' },
  ]
  await expect(log.append(broken)).rejects.toThrow()
  await log.append([{ key: 'b', value: '3' }])
  expect([...(await contentOf(log))]).toEqual([['b', '3']])
})
