/**
 * Backups of a broker that works: each begins between two storage calls that the seed chooses, and goes on over many steps of the
 * workload, at a rate that lets segments be rolled, compacted and removed and topics go meanwhile. What was promised when it
 * began is checked on what is restored from it, after a loss of power; a backup that failed must have left the one before. The
 * broker dies in between, and the next one's backups go to the same folder.
 */
import { vi } from 'vitest'
import { BackupFolder, readManifest } from '../../src/backup/backup-folder.ts'
import { restore } from '../../src/backup/restore.ts'
import { entriesOfFolder } from '../../src/backup/restore-sources.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { Cut } from '../../src/broker/log/cut.ts'
import { Holds } from '../../src/broker/log/holds.ts'
import { LogStore } from '../../src/broker/log/log-store.ts'
import { BrokerClient } from './broker-client.ts'
import { Checker } from './checker.ts'
import { Promises } from './promises.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { roles, Tally, Workload } from './workload.ts'

export interface BackupSimulationOptions {
  readonly seed: number
  /** Whether the broker's disk fails and fills up; then backups may fail. */
  readonly hasFaults?: boolean
  /** Negative controls: the ends of logs are of different moments; what is being copied is removed. */
  readonly control?: 'two moments' | 'no hold'
}

export interface BackupSimulationResult {
  readonly problems: readonly string[]
  readonly tally: Tally
}

const config = {
  offsetsTopicSegmentBytes: 1024,
  metadataLogSegmentBytes: 1024,
  logCleanerMinCleanableRatio: 0.01,
  diskReserve,
}
const lives = 3
const firstMs = 1_700_000_000_000
/** Longer than a life takes, shorter than what it takes for offsets to expire. */
const lifeMs = 100_000_000
const stepsOfLife = 40

export async function simulateBackups(
  options: BackupSimulationOptions,
): Promise<BackupSimulationResult> {
  try {
    if (options.control === 'no hold') vi.spyOn(Holds.prototype, 'isHeld').mockReturnValue(false)
    return await new BackupSimulation(options).run()
  } finally {
    vi.restoreAllMocks()
  }
}

/** What is in the folder of the backups. */
interface Kept {
  readonly id: string
  /** When it began. */
  readonly promises: Promises
}

class BackupSimulation {
  readonly #options: BackupSimulationOptions
  readonly #random: SeededRandom
  readonly #promises = new Promises()
  readonly #problems: string[] = []
  readonly #tally = new Tally()
  readonly #target: SimulatedDisk
  #kept: Kept | undefined
  #life = 0

  constructor(options: BackupSimulationOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#target = new SimulatedDisk({ random: this.#random })
  }

  async run(): Promise<BackupSimulationResult> {
    let disk = new SimulatedDisk({ random: this.#random })
    for (; this.#life < lives && this.#problems.length === 0; this.#life++) {
      await this.#live(disk)
      const death = this.#random.chance(0.5) ? 'power' : 'process'
      if (death === 'power') this.#promises.powerFailed()
      disk = disk.afterDeath(death, { random: this.#random })
      disk.leaveFree(Number.POSITIVE_INFINITY)
    }
    return { problems: this.#problems, tally: this.#tally }
  }

  async #live(disk: SimulatedDisk): Promise<void> {
    const random = this.#random
    const runtime = new SimulatedRuntime({ random, startMs: firstMs + this.#life * lifeMs })
    disk.now = () => runtime.now()
    const onProblem = (problem: string) =>
      void this.#problems.push(`seed ${this.#options.seed}, life ${this.#life}: ${problem}`)
    const { hasFaults = false } = this.#options
    const promises = this.#promises
    try {
      const broker = await runtime.runUntil(Broker.open({ fileSystem: disk, runtime, config }))
      const client = new BrokerClient(broker, disk, onProblem)
      const checker = new Checker(client, promises, random, onProblem)
      await runtime.runUntil(checker.check(roles))
      const tally = this.#tally
      const common = { client, promises, random, runtime, disk, tally, hasFaults, onProblem }
      const workload = new Workload(common)
      await runtime.runUntil(workload.setUp())
      await runtime.runUntil(workload.resend())
      let backup: Promise<void> | undefined
      for (let step = 0; step < stepsOfLife && this.#problems.length === 0; step++) {
        if (!backup && random.chance(0.4)) {
          backup = this.#backUp(broker, disk, runtime, onProblem).finally(() => {
            backup = undefined
          })
        }
        if (hasFaults && random.chance(0.2)) this.#makeFail(disk)
        await runtime.runUntil(workload.step())
        if (hasFaults && random.chance(0.1)) await runtime.runUntil(workload.freeByDeletion())
      }
      disk.leaveFree(Number.POSITIVE_INFINITY)
      // One that waits for its storage call begins with this.
      while (disk.onCall) await runtime.runUntil(workload.step())
      if (backup) await runtime.runUntil(backup)
    } catch (error) {
      onProblem(String(error))
    } finally {
      runtime.stop()
    }
  }

  /** One backup, from a storage call to come on; then it is restored and checked. */
  async #backUp(
    broker: Broker,
    disk: SimulatedDisk,
    runtime: SimulatedRuntime,
    onProblem: (problem: string) => void,
  ): Promise<void> {
    const folder = await BackupFolder.open(this.#target)
    const previous = folder.previous()
    const maxBytesPerSecond = this.#random.chance(0.3) ? 100_000 : 500 + this.#random.below(4000)
    const stream = broker.backup({ previous, maxBytesPerSecond, tellsFailure: false })
    const callsBefore = disk.trace.length
    const { first, promises } = await this.#begin(disk, stream, () =>
      this.#spreadCut(broker, runtime),
    )
    this.#tally.count('backups begun')
    try {
      const { files, copiedFiles } = await folder.write(resumed(first, stream))
      this.#tally.count('files that had not changed', files - copiedFiles)
      this.#kept = { id: readManifest(this.#target)!.id, promises }
      this.#count(disk, callsBefore)
    } catch (error) {
      this.#tally.count('backups that failed')
      if (!this.#options.hasFaults) onProblem(`the backup failed: ${String(error)}`)
    } finally {
      folder.close()
    }
    await this.#check(onProblem)
  }

  /** Of all that has been promised until then, and nothing that comes after, the backup is to show. */
  #begin(
    disk: SimulatedDisk,
    stream: AsyncGenerator<Uint8Array, void, undefined>,
    spreadCut: () => Promise<void>,
  ): Promise<{ first: Promise<IteratorResult<Uint8Array, void>>; promises: Promises }> {
    let calls = 1 + this.#random.below(60)
    return new Promise((resolve) => {
      const begin = () => {
        const promises = this.#promises.copy()
        resolve({ first: stream.next(), promises })
      }
      disk.onCall = () => {
        if (--calls > 0) return
        disk.onCall = undefined
        // No turn of the event loop is interrupted.
        queueMicrotask(() => {
          if (this.#options.control === 'two moments') void spreadCut().then(begin)
          else begin()
        })
      }
    })
  }

  /** The control: the next cut has the broker's own logs as they are then, and the others as they are now. */
  async #spreadCut(broker: Broker, runtime: SimulatedRuntime): Promise<void> {
    let early: Cut | undefined
    vi.restoreAllMocks()
    const original = LogStore.prototype.cut
    vi.spyOn(LogStore.prototype, 'cut').mockImplementation(function (this: LogStore) {
      const cut = original.call(this)
      early ??= cut
      const isOwn = (topic: string) => topic.startsWith('__')
      const others = early.logs.filter(({ log }) => !isOwn(log.topic))
      return { ...cut, logs: [...cut.logs.filter(({ log }) => isOwn(log.topic)), ...others] }
    })
    const first = broker.backup({ maxBytesPerSecond: 1 })
    // It takes the first half of the cut, and goes no further.
    void first.next()
    await new Promise<void>((resolve) => void runtime.setTimer(30_000, resolve))
  }

  #count({ trace }: SimulatedDisk, from: number): void {
    const during = trace.slice(from)
    const count = (what: string, pattern: RegExp) =>
      this.#tally.count(what, during.filter((call) => pattern.test(call)).length)
    this.#tally.count('backups that ended')
    count('topics moved aside meanwhile', /^rename temp-\d+ temp-\d+\.\d+\.deleted$/)
    count('writes meanwhile', /^write \S+\.log$/)
    count('segments removed meanwhile', /^remove short-\S+\.log$/)
  }

  async #check(onProblem: (problem: string) => void): Promise<void> {
    const kept = this.#kept
    if (!kept) return
    const random = new SeededRandom(this.#options.seed + this.#tally.counts.get('backups begun')!)
    const image = this.#target.imageAfterPowerFailure({ random })
    const written = new SimulatedDisk({ random })
    const runtime = new SimulatedRuntime({ random, startMs: firstMs + lives * lifeMs })
    const say = (problem: string) => onProblem(`restored: ${problem}`)
    try {
      const options = { name: 'backup', target: written }
      const { warnings } = await runtime.runUntil(restore(entriesOfFolder(image), options))
      if (!this.#options.hasFaults) for (const warning of warnings) say(warning)
      const restored = written.afterDeath('power', { random })
      const broker = await runtime.runUntil(Broker.open({ fileSystem: restored, runtime, config }))
      const client = new BrokerClient(broker, restored, say)
      const promises = kept.promises.copy()
      await runtime.runUntil(new Checker(client, promises, random, say).check(roles))
      this.#tally.count('backups restored')
    } catch (error) {
      say(String(error))
    } finally {
      runtime.stop()
    }
  }

  #makeFail(disk: SimulatedDisk): void {
    const which = this.#random.below(4)
    const somewhere = [/^plain-0/, /^plain-1/, /^short/, /^compacted/, /^temp/, /^__/, /./]
    const pattern = somewhere[this.#random.below(somewhere.length)]!
    if (which === 0) disk.failNext('sync', pattern, 'STORAGE_IO')
    else if (which === 1) disk.failNext('read', pattern, 'STORAGE_IO')
    else if (which === 2) disk.leaveFree(this.#random.below(2000))
    else disk.leaveFree(Number.POSITIVE_INFINITY)
    this.#tally.count('faults')
  }
}

async function* resumed(
  first: Promise<IteratorResult<Uint8Array, void>>,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const { value, done } = await first
    if (done) return
    yield value
    yield* rest
  } finally {
    await rest.return()
  }
}
