/**
 * A backup that is cut short at each call to the disk that it goes to, by a loss of power or the death of the process: what is
 * restored then is the backup before, to the byte, or the new one; never a mixture. And the next backup to that folder is whole.
 */
import { expect, test } from 'vitest'
import { BackupFolder, readManifest } from '../../src/backup/backup-folder.ts'
import { restore } from '../../src/backup/restore.ts'
import { entriesOfFolder } from '../../src/backup/restore-sources.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { readWhole } from '../../src/storage/read-whole.ts'
import { amount } from '../amount.ts'
import { BrokerClient } from './broker-client.ts'
import { Promises } from './promises.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { Tally, Workload } from './workload.ts'

const seed = 3

/** The chunks of two backups of one broker, with much that has changed between them. */
async function twoBackups() {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk({ random })
  const runtime = new SimulatedRuntime({ random })
  disk.now = () => runtime.now()
  const onProblem = (problem: string) => {
    throw new Error(problem)
  }
  const config = { offsetsTopicSegmentBytes: 1024, diskReserve }
  const broker = await runtime.runUntil(Broker.open({ fileSystem: disk, runtime, config }))
  const client = new BrokerClient(broker, disk, onProblem)
  const common = { client, promises: new Promises(), random, runtime, disk, tally: new Tally() }
  const workload = new Workload({ ...common, hasFaults: false, onProblem })
  const work = async (steps: number) => {
    for (let step = 0; step < steps; step++) await workload.step()
    await workload.waitForCleaning()
  }
  const backup = async (previous: Uint8Array | undefined) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of broker.backup({ previous })) chunks.push(chunk.slice())
    return chunks
  }
  return runtime.runUntil(
    (async () => {
      await workload.setUp()
      await work(25)
      const target = new SimulatedDisk({ random })
      const first = await backup(undefined)
      await write(target, first)
      const folder = await BackupFolder.open(target)
      const previous = folder.previous()
      folder.close()
      await work(25)
      return { target, second: await backup(previous), third: await backup(undefined) }
    })(),
  )
}

async function write(target: FileSystem, chunks: readonly Uint8Array[]) {
  const folder = await BackupFolder.open(target)
  try {
    return await folder.write(each(chunks))
  } finally {
    folder.close()
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

/** All that a restore brings, by path. */
async function restored(target: FileSystem): Promise<Map<string, string>> {
  const files = createMemoryFileSystem()
  await restore(entriesOfFolder(target), { name: 'backup', target: files })
  files.remove('.restored')
  const paths = files
    .list('')
    .flatMap((name) =>
      files.stat(name)!.isDirectory ? files.list(name).map((file) => `${name}/${file}`) : [name],
    )
  return new Map(paths.map((path) => [path, Buffer.from(readWhole(files, path)!).toString('hex')]))
}

test('a backup that is cut short at any call leaves the one before, or is whole', {
  timeout: 600_000,
}, async () => {
  const { target, second, third } = await twoBackups()
  const random = new SeededRandom(seed)
  const before = await restored(target)
  const complete = target.imageAfterPowerFailure({ random })
  const result = await write(complete, second)
  const { calls } = complete
  expect(result.copiedFiles).toBeLessThan(result.files)
  expect(result.copiedFiles).toBeGreaterThan(5)
  const after = await restored(complete)
  expect(after).not.toEqual(before)
  const counts = { before: 0, after: 0 }
  const step = amount(7, 3)
  for (const death of ['power', 'process'] as const) {
    for (let crashAtCall = 1; crashAtCall <= calls; crashAtCall += step) {
      const cut = target.imageAfterPowerFailure({ random })
      cut.crashAfter(crashAtCall)
      await expect(write(cut, second)).rejects.toThrow(/simulated machine is dead/)
      const found = cut.afterDeath(death, { random })
      const where = `cut short by ${death} at call ${crashAtCall} of ${calls}`
      const { id } = readManifest(found)!
      const isNew = id === readManifest(complete)!.id
      expect(await restored(found), where).toEqual(isNew ? after : before)
      counts[isNew ? 'after' : 'before']++
      // A whole one brings all of it again.
      await write(found, third)
      expect(await restored(found), `the next one, after: ${where}`).toEqual(after)
    }
  }
  console.log(`cut short at ${calls} calls:`, counts)
  expect(counts.before).toBeGreaterThan(5)
  expect(counts.after).toBeGreaterThan(0)
})

test('a full disk, wherever it is full, leaves the one before and no litter', {
  timeout: 600_000,
}, async () => {
  const { target, second } = await twoBackups()
  const random = new SeededRandom(seed)
  const before = await restored(target)
  const used = target.usedBytes
  const early = target.imageAfterPowerFailure({ random })
  early.leaveFree(10_000)
  await expect(write(early, second)).rejects.toThrow(/There is not enough space for the backup/)
  let refused = 0
  for (let free = 0; free < 60_000; free += amount(1500, 300)) {
    const full = target.imageAfterPowerFailure({ random })
    // What it says of its space is what others take in the next moment.
    full.space = () => ({
      freeBytes: Number.POSITIVE_INFINITY,
      totalBytes: Number.POSITIVE_INFINITY,
    })
    full.leaveFree(free)
    const outcome = await write(full, second).catch((error: Error) => error.message)
    if (typeof outcome !== 'string') continue
    refused++
    expect(outcome).toMatch(/is full, so the backup was stopped/)
    expect(await restored(full), `${free} bytes free`).toEqual(before)
    expect(full.usedBytes).toBeLessThanOrEqual(used + 64)
  }
  expect(refused).toBeGreaterThan(5)
})

test('the first backup, cut short at any call, is no backup, and the next one is whole', {
  timeout: 600_000,
}, async () => {
  const { third } = await twoBackups()
  const random = new SeededRandom(seed)
  const complete = new SimulatedDisk({ random })
  await write(complete, third)
  const { calls } = complete
  const whole = await restored(complete)
  const step = amount(23, 5)
  for (let crashAtCall = 1; crashAtCall <= calls; crashAtCall += step) {
    const cut = new SimulatedDisk({ random, crashAtCall })
    await expect(write(cut, third)).rejects.toThrow()
    const found = cut.afterDeath('power', { random })
    if (readManifest(found)) expect(await restored(found)).toEqual(whole)
    else await expect(restored(found)).rejects.toThrow(/never finished|is not a backup/)
    await write(found, third)
    expect(await restored(found), `call ${crashAtCall}`).toEqual(whole)
  }
})
