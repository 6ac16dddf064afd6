/**
 * Backups of a broker that is in the middle of transactions, from each of many storage calls on, while its own logs are
 * compacted: on what is restored each transaction is whole or not there, and the group's offset is where the last one put it.
 */
import { expect, test } from 'vitest'
import { BackupFolder } from '../../src/backup/backup-folder.ts'
import { restore } from '../../src/backup/restore.ts'
import { entriesOfFolder } from '../../src/backup/restore-sources.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { amount } from '../amount.ts'
import { SeededRandom } from './random.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { check, type Knowledge, type Totals, work } from './transaction-workload.ts'

/** Slow enough for many transactions to come and go while it copies. */
const maxBytesPerSecond = 20_000

async function life(
  seed: number,
  beginAtCall: number,
  isOldProtocol: boolean,
  totals: Totals,
): Promise<number> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk({ random })
  const runtime = new SimulatedRuntime({ random })
  const known: Knowledge = new Map()
  const target = createMemoryFileSystem()
  const folder = await BackupFolder.open(target)
  let broker: Broker | undefined
  let knownThen: Knowledge | undefined
  let backup: Promise<unknown> | undefined
  const begin = () => {
    const stream = broker!.backup({ maxBytesPerSecond })
    knownThen = new Map(known)
    const first = stream.next()
    const whole = (async function* () {
      yield (await first).value as Uint8Array
      yield* stream
    })()
    backup = folder.write(whole)
    backup.catch(() => undefined)
  }
  disk.onCall = () => {
    if (disk.calls < beginAtCall || !broker || backup) return
    disk.onCall = undefined
    queueMicrotask(begin)
  }
  const working = work(disk, runtime, random, isOldProtocol, known, (opened) => {
    broker = opened
  })
  // A broker that closes ends its backups; the disk is not asked again then.
  const outcome = runtime.runUntil(working)
  await outcome
  const isWhole = await runtime.runUntil(
    (backup ?? Promise.reject(new Error('none was begun'))).then(
      () => true,
      () => false,
    ),
  )
  runtime.stop()
  if (!isWhole) return disk.calls
  const restored = createMemoryFileSystem()
  const after = new SimulatedRuntime({ random })
  await after.runUntil(restore(entriesOfFolder(target), { name: 'backup', target: restored }))
  await after.runUntil(check(restored, after, knownThen!, totals))
  after.stop()
  totals.crashes++
  return disk.calls
}

test.each([false, true])(
  'transactions are whole in a backup (older protocol: %s)',
  async (isOldProtocol) => {
    const totals: Totals = {
      crashes: 0,
      committed: 0,
      aborted: 0,
      unknown: 0,
      completed: 0,
      vanished: 0,
      compactedOffsets: 0,
      compactedStates: 0,
    }
    const seed = isOldProtocol ? 11 : 12
    const calls = await life(seed, 1, isOldProtocol, totals)
    expect(calls).toBeGreaterThan(200)
    const step = amount(101, 2, 'SIMULATION_STEP')
    for (let beginAtCall = 1 + step; beginAtCall <= calls; beginAtCall += step) {
      try {
        await life(seed, beginAtCall, isOldProtocol, totals)
      } catch (error) {
        throw new Error(`seed ${seed}, backup from call ${beginAtCall} on`, { cause: error })
      }
    }
    console.log(
      `backups amid transactions, older protocol ${isOldProtocol}: ${JSON.stringify(totals)}`,
    )
    expect(totals.crashes).toBeGreaterThan(4)
    expect(totals.committed).toBeGreaterThan(10)
    expect(totals.aborted).toBeGreaterThan(2)
    expect(totals.unknown).toBeGreaterThan(0)
  },
  300_000,
)
