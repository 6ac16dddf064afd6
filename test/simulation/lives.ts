/**
 * The lives of a broker on one disk: it starts, is checked against everything that was ever promised, works, and dies
 * or is closed; and again. At the end it is started twice more, with a loss of power in between, so that what a
 * recovered broker has served is shown to be on the disk.
 */
import { Broker } from '../../src/broker/broker.ts'
import { retentionClock } from '../../src/broker/log/retention-clock-checkpoint.ts'
import { openFilesMin } from '../../src/storage/file-system.ts'
import { BrokerClient } from './broker-client.ts'
import { Checker } from './checker.ts'
import { Promises } from './promises.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { SpaceCheck } from './space-check.ts'
import { clockJumpMs, roles, Tally, Workload } from './workload.ts'

export type Death = 'power' | 'process'

export interface SimulationOptions {
  readonly seed: number
  /** Storage call of the first life at which it ends; infinity: it lives to its end. */
  readonly crashAtCall: number
  /** How the first life ends; how others do, the seed decides. */
  readonly death: Death
  /** Whether the disk also fails, fills up, and reports errors. */
  readonly hasFaults?: boolean | undefined
  /**
   * Whether the process may have only few files open, all but those of the broker being taken by others at times.
   * 'unknown': and the broker does not know of it; the negative control. Default true.
   */
  readonly filesRunOut?: boolean | 'unknown'
  /** Whether the disk fills up and is freed, again and again, also while no broker runs. */
  readonly fills?: boolean | undefined
  /** False: the negative control. */
  readonly syncWorks?: boolean
  /** Before each storage call of every life. */
  onCall?(disk: SimulatedDisk, promises: Promises): void
}

export interface SimulationResult {
  /** What was promised and not kept; empty when all is well. */
  readonly problems: readonly string[]
  /** Storage calls of the first life. */
  readonly calls: number
  readonly tally: Tally
}

/** The broker's own logs are cut in small segments and compacted too. */
const config = {
  offsetsTopicSegmentBytes: 1024,
  metadataLogSegmentBytes: 1024,
  logCleanerMinCleanableRatio: 0.01,
}
const stepsOfFirstLife = 45
const stepsOfLaterLife = 15
const laterLives = 2
const problemsMax = 20

export function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return new Simulation(options).run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #random: SeededRandom
  readonly #promises = new Promises()
  readonly #problems: string[] = []
  readonly #tally = new Tally()
  #life = 0
  #aheadMs = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  async run(): Promise<SimulationResult> {
    const { crashAtCall, death, syncWorks = true } = this.#options
    let disk = new SimulatedDisk({ random: this.#random, crashAtCall, syncWorks })
    this.#limitFiles(disk)
    await this.#live(disk, stepsOfFirstLife)
    const { calls } = disk
    this.#count(disk)
    for (let life = 0; life < laterLives && this.#isWorthGoingOn; life++) {
      const crashAt = this.#random.chance(0.3) ? Number.POSITIVE_INFINITY : this.#random.below(300)
      disk = this.#after(disk, life === 0 ? death : this.#someDeath(), 1 + crashAt)
      await this.#live(disk, stepsOfLaterLife)
      this.#count(disk)
    }
    for (const last of [this.#someDeath(), 'power'] as const) {
      if (!this.#isWorthGoingOn) break
      disk = this.#after(disk, last, Number.POSITIVE_INFINITY)
      await this.#live(disk, 0)
    }
    return { problems: this.#problems, calls, tally: this.#tally }
  }

  get #isWorthGoingOn(): boolean {
    return this.#problems.length === 0
  }

  /** A start has been whole: a new folder cannot be made on a full disk. */
  get #hasTopics(): boolean {
    return [...this.#promises.topics.values()].some(({ type }) => type === 'live')
  }

  #someDeath(): Death {
    return this.#random.chance(0.5) ? 'power' : 'process'
  }

  #after(disk: SimulatedDisk, death: Death, crashAtCall: number): SimulatedDisk {
    if (death === 'power') this.#promises.powerFailed()
    const { syncWorks = true } = this.#options
    const next = disk.afterDeath(death, { random: this.#random, crashAtCall, syncWorks })
    if (this.#options.fills && this.#hasTopics && this.#random.chance(0.5)) {
      next.leaveFree(this.#random.below(100))
      this.#tally.count('starts on a full disk')
    } else next.leaveFree(Number.POSITIVE_INFINITY)
    this.#limitFiles(next)
    this.#tally.count(`deaths by ${death}`)
    return next
  }

  /** So few that the partitions of the workload cannot all have theirs open. */
  #limitFiles(disk: SimulatedDisk): void {
    const { filesRunOut = true } = this.#options
    if (!filesRunOut) return
    disk.openFilesMax = 2 * openFilesMin + this.#random.below(8)
    if (filesRunOut !== 'unknown') disk.openFilesLimit = disk.openFilesMax
  }

  /** Sockets take all files that the broker does not have at the time, or give them back. */
  #takeFiles(disk: SimulatedDisk): void {
    if (disk.takenByOthers > 0) disk.takenByOthers = 0
    else disk.takeRestOfFiles()
    this.#tally.count('files run out')
  }

  /** From start to death, or to the end of the work. */
  async #live(disk: SimulatedDisk, steps: number): Promise<void> {
    this.#life++
    this.#setClock(disk)
    const runtime = new SimulatedRuntime({ random: this.#random, aheadMs: this.#aheadMs })
    const onProblem = (problem: string) => {
      if (!disk.isDead && this.#problems.length < problemsMax)
        this.#problems.push(`life ${this.#life}, call ${disk.calls}: ${problem}`)
    }
    const run = async <T>(work: Promise<T>, what: string): Promise<T | undefined> => {
      try {
        return await runtime.runUntil(work)
      } catch (error) {
        onProblem(`${what}: ${String(error)}`)
        return undefined
      }
    }
    const { onCall } = this.#options
    if (onCall) disk.onCall = () => onCall(disk, this.#promises)
    const broker = await run(
      Broker.open({ fileSystem: disk, runtime, config: { ...config, diskReserve } }),
      'the start',
    )
    if (broker) await this.#work(broker, disk, runtime, steps, run, onProblem)
    runtime.stop()
    this.#aheadMs = runtime.aheadMs
  }

  /** While the broker was down the clock may have been set: years ahead, or right again. */
  #setClock(disk: SimulatedDisk): void {
    // Without it nobody knows the time of the last life.
    if (!this.#random.chance(0.3) || !disk.stat(retentionClock)) return
    this.#aheadMs = this.#aheadMs === 0 ? clockJumpMs : 0
    this.#tally.count('clock set between lives')
  }

  async #work(
    broker: Broker,
    disk: SimulatedDisk,
    runtime: SimulatedRuntime,
    steps: number,
    run: <T>(work: Promise<T>, what: string) => Promise<T | undefined>,
    onProblem: (problem: string) => void,
  ): Promise<void> {
    const { hasFaults = false, fills = false, filesRunOut = true } = this.#options
    const client = new BrokerClient(broker, disk, onProblem)
    const checker = new Checker(client, this.#promises, this.#random, onProblem)
    const isAlive = await run(checker.check(roles), 'the check')
    if (!isAlive || !this.#isWorthGoingOn || steps === 0) return
    this.#tally.count('checks')
    const common = { client, promises: this.#promises, random: this.#random, runtime, disk }
    const tally = this.#tally
    const mayFail = hasFaults || fills
    const workload = new Workload({ ...common, tally, hasFaults: mayFail, onProblem })
    const space = new SpaceCheck({ client, promises: this.#promises, disk, onProblem })
    await run(workload.setUp(), 'the set-up')
    await run(workload.resend(), 'sending again')
    for (let step = 0; step < steps && !disk.isDead && this.#isWorthGoingOn; step++) {
      if (hasFaults && this.#random.chance(0.15)) this.#makeFail(disk)
      if (filesRunOut && this.#random.chance(0.1)) this.#takeFiles(disk)
      if (fills && step * 3 > steps && this.#random.chance(0.3)) {
        const isForRetention = this.#random.chance(0.4)
        if (isForRetention) await run(workload.produceMuch(), 'producing much')
        this.#fillOrFree(disk)
        if (isForRetention && this.#random.chance(0.5)) disk.takeRoomFrom(/^log-start-offset/)
        if (isForRetention) await run(workload.waitForCleaning(), 'cleaning')
      }
      await run(workload.step(), 'a step')
      if (fills) {
        await run(space.startsAreSaved(), 'the check of starts')
        if (this.#random.chance(0.1)) await run(workload.freeByDeletion(), 'a deletion')
      }
    }
    disk.capacityBytes = Number.POSITIVE_INFINITY
    if (fills && !disk.isDead) {
      disk.takenByOthers = 0
      disk.failNoMore()
      await run(workload.waitForCleaning(), 'cleaning')
      await run(space.isFree(), 'the check of what was freed')
      await run(workload.produceEverywhere(), 'producing on a freed disk')
    }
    if (!disk.isDead && this.#random.chance(0.5)) {
      const closing = broker.close().then(
        () => true,
        (error: unknown) => {
          if (!mayFail) onProblem(`closing failed: ${String(error)}`)
          return false
        },
      )
      const isClosed = await run(closing, 'closing')
      if (isClosed && !disk.isDead && !mayFail) this.#promises.allSettled()
      if (isClosed && !disk.isDead) this.#tally.count('closed')
    }
  }

  #makeFail(disk: SimulatedDisk): void {
    const which = this.#random.below(6)
    const somewhere = [/^plain-0/, /^plain-1/, /^short/, /^compacted/, /^temp/, /^__/, /./]
    const pattern = somewhere[this.#random.below(somewhere.length)]!
    if (which === 0) disk.failNext('sync', pattern, 'STORAGE_IO')
    else if (which === 1) disk.failNext('write', pattern, 'STORAGE_IO')
    else if (which === 2) disk.failNext('write', pattern, 'STORAGE_FULL')
    else if (which === 3) disk.failNext('read', pattern, 'STORAGE_IO')
    else if (which === 4) disk.failNext('open', pattern, 'STORAGE_FULL')
    else if (disk.capacityBytes !== Number.POSITIVE_INFINITY)
      disk.capacityBytes = Number.POSITIVE_INFINITY
    else disk.leaveFree(this.#random.below(2000))
    this.#tally.count('faults')
  }

  /** Another program takes what is left, or gives all back; a removal may fail. */
  #fillOrFree(disk: SimulatedDisk): void {
    const choice = this.#random.next()
    if (choice < 0.4) disk.leaveFree(Number.POSITIVE_INFINITY)
    else if (choice < 0.5) disk.failNext('remove', /^temp|^short.*log$/, 'STORAGE_IO')
    else disk.leaveFree(this.#random.below(choice < 0.8 ? 200 : 30_000))
    this.#tally.count('faults')
  }

  #count({ trace }: SimulatedDisk): void {
    const count = (what: string, pattern: RegExp) =>
      this.#tally.count(what, trace.filter((call) => pattern.test(call)).length)
    count('segments compacted', /^rename \S+\.log\.swap /)
    count('offsets compacted', /^rename __consumer_offsets\S+\.log\.swap /)
    count('metadata compacted', /^rename __cluster_metadata\S+\.log\.swap /)
    count('segments removed', /^remove short-\S+\.log$/)
    count('checkpoints', /^rename recovery-point/)
    count('files opened again', /^open .*\.log$/)
    count('reserve given up', /^remove \.reserve$/)
    count('calls', /./)
  }
}
