/**
 * The lives of a broker on one disk: it starts, is checked against everything that was ever promised, works, and dies
 * or is closed; and again. At the end it is started twice more, with a loss of power in between, so that what a
 * recovered broker has served is shown to be on the disk.
 */
import { Broker } from '../../src/broker/broker.ts'
import { BrokerClient } from './broker-client.ts'
import { Checker } from './checker.ts'
import { Promises } from './promises.ts'
import { SeededRandom } from './random.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'
import { roles, Tally, Workload } from './workload.ts'

export type Death = 'power' | 'process'

export interface SimulationOptions {
  readonly seed: number
  /** Storage call of the first life at which it ends; infinity: it lives to its end. */
  readonly crashAtCall: number
  /** How the first life ends; how others do, the seed decides. */
  readonly death: Death
  /** Whether the disk also fails, fills up, and reports errors. */
  readonly hasFaults?: boolean
  /** False: the negative control. */
  readonly syncWorks?: boolean
}

export interface SimulationResult {
  /** What was promised and not kept; empty when all is well. */
  readonly problems: readonly string[]
  /** Storage calls of the first life. */
  readonly calls: number
  readonly tally: Tally
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

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  async run(): Promise<SimulationResult> {
    const { crashAtCall, death, syncWorks = true } = this.#options
    let disk = new SimulatedDisk({ random: this.#random, crashAtCall, syncWorks })
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

  #someDeath(): Death {
    return this.#random.chance(0.5) ? 'power' : 'process'
  }

  #after(disk: SimulatedDisk, death: Death, crashAtCall: number): SimulatedDisk {
    if (death === 'power') this.#promises.powerFailed()
    const { syncWorks = true } = this.#options
    const next = disk.afterDeath(death, { random: this.#random, crashAtCall, syncWorks })
    next.capacityBytes = Number.POSITIVE_INFINITY
    this.#tally.count(`deaths by ${death}`)
    return next
  }

  /** From start to death, or to the end of the work. */
  async #live(disk: SimulatedDisk, steps: number): Promise<void> {
    this.#life++
    const runtime = new SimulatedRuntime({ random: this.#random })
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
    const broker = await run(Broker.open({ fileSystem: disk, runtime }), 'the start')
    if (broker) await this.#work(broker, disk, runtime, steps, run, onProblem)
    runtime.stop()
  }

  async #work(
    broker: Broker,
    disk: SimulatedDisk,
    runtime: SimulatedRuntime,
    steps: number,
    run: <T>(work: Promise<T>, what: string) => Promise<T | undefined>,
    onProblem: (problem: string) => void,
  ): Promise<void> {
    const { hasFaults = false } = this.#options
    const client = new BrokerClient(broker, disk, onProblem)
    const checker = new Checker(client, this.#promises, this.#random, onProblem)
    const isAlive = await run(checker.check(roles), 'the check')
    if (!isAlive || !this.#isWorthGoingOn || steps === 0) return
    this.#tally.count('checks')
    const common = { client, promises: this.#promises, random: this.#random, runtime, disk }
    const tally = this.#tally
    const workload = new Workload({ ...common, tally, hasFaults, onProblem })
    await run(workload.setUp(), 'the set-up')
    await run(workload.resend(), 'sending again')
    for (let step = 0; step < steps && !disk.isDead && this.#isWorthGoingOn; step++) {
      if (hasFaults && this.#random.chance(0.15)) this.#makeFail(disk)
      await run(workload.step(), 'a step')
    }
    disk.capacityBytes = Number.POSITIVE_INFINITY
    if (!disk.isDead && this.#random.chance(0.5)) {
      const closing = broker.close().then(
        () => true,
        (error: unknown) => {
          if (!hasFaults) onProblem(`closing failed: ${String(error)}`)
          return false
        },
      )
      const isClosed = await run(closing, 'closing')
      if (isClosed && !disk.isDead && !hasFaults) this.#promises.allSettled()
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
    else disk.capacityBytes = usedBytes(disk) + this.#random.below(2000)
    this.#tally.count('faults')
  }

  #count({ trace }: SimulatedDisk): void {
    const count = (what: string, pattern: RegExp) =>
      this.#tally.count(what, trace.filter((call) => pattern.test(call)).length)
    count('segments compacted', /^rename \S+\.log\.swap /)
    count('offsets compacted', /^rename __consumer_offsets\S+\.log\.swap /)
    count('segments removed', /^remove short-\S+\.log$/)
    count('checkpoints', /^rename recovery-point/)
    count('calls', /./)
  }
}

function usedBytes(disk: SimulatedDisk, folder = ''): number {
  if (disk.isDead) return 0
  return disk.list(folder).reduce((sum, name) => {
    const path = folder === '' ? name : `${folder}/${name}`
    const found = disk.stat(path)!
    return sum + (found.isDirectory ? usedBytes(disk, path) : found.size)
  }, 0)
}
