/**
 * Processes of a stream application and a broker, in one clock that moves only when nothing else happens. Processes are killed,
 * frozen and cut off at exchanges with the broker; the broker dies at calls of its disk. All by seed: equal seeds give equal runs.
 *
 * A process that was killed sends nothing more and hears nothing more: the request under way was carried out or not. Its timers
 * are gone. What it had in memory is found by nobody.
 */
import type { Backend } from '../../src/backend/backend.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { BrokerConfigInput } from '../../src/broker/config.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { DisconnectedError } from '../../src/core/errors.ts'
import { nextTurn } from '../../src/core/turn.ts'
import { ComposedClient } from '../../src/entry/client.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { type RunningApplication, Streams } from '../../src/streams/dsl/streams.ts'
import type { OpenStateFolder, StateFolder } from '../../src/streams/state-dir/state-folder.ts'
import type { StreamsConfig } from '../../src/streams/streams-config.ts'
import type { Death } from '../simulation/lives.ts'
import type { SeededRandom } from '../simulation/random.ts'
import { SimulatedDisk } from '../simulation/simulated-disk.ts'
import { ProcessConnection } from './process-connection.ts'
import { SimulatedFiles } from './simulated-files.ts'
import { ProcessRuntime, WorldClock } from './world-clock.ts'

export const app = 'app'

export interface WorldOptions {
  readonly random: SeededRandom
  /** How many processes the application has. */
  readonly processes: number
  /** Undefined: the broker's files are in memory, and it never dies. Else at which call of its disk it does, and how. */
  readonly disk?: { readonly crashAtCalls: readonly number[]; readonly death: Death } | undefined
  /** The broker is part of the one process: they die together. */
  readonly isEmbedded: boolean
  readonly config: Omit<StreamsConfig, 'app'>
  readonly broker?: BrokerConfigInput
  /** To processes, the broker seems not to know `transaction.version` 2. */
  readonly isOldProtocol?: boolean | undefined
  /** Processes have names that survive their restarts. */
  readonly isStatic?: boolean | undefined
  /** Processes have files, which survive their restarts; the last that was written to them may be lost. */
  readonly hasFiles?: boolean | undefined
  /** Writes the topology down. */
  build(streams: Streams, process: SimulatedProcess): void
  /** What is to happen, by the number of exchanges that processes have made so far, in order. */
  readonly events: WorldEvent[]
  /** Negative control: offsets are committed at once, not with the transaction. */
  readonly offsetsOutside?: boolean
}

export type Happening =
  | { readonly type: 'kill'; readonly isCarriedOut: boolean }
  | { readonly type: 'leave' }
  | { readonly type: 'add' }
  /** Nothing is sent or heard for so long, and no timer fires. */
  | { readonly type: 'freeze'; readonly forMs: number }
  /** Requests of these kinds stay on their way for so long. */
  | { readonly type: 'hold'; readonly apis: readonly string[]; readonly forMs: number }
  | { readonly type: 'not sent' }
  | { readonly type: 'answer lost' }
  /** The connection breaks, and so much later the request is carried out all the same. */
  | { readonly type: 'late'; readonly forMs: number }
  /** The answer is an error code; the request is not carried out. */
  | { readonly type: 'refuse'; readonly errorCode: number }

export interface WorldEvent {
  /** Not before so many exchanges. */
  readonly atExchange: number
  /** Only with an exchange of this API. */
  readonly api?: string | undefined
  readonly what: Happening
}

export class SimulatedProcess {
  readonly name: string
  readonly runtime: ProcessRuntime
  readonly connection: ProcessConnection
  readonly client: ComposedClient
  /** Which of the places of a process it takes; the one that comes in its place has the same. */
  readonly place: number
  /** Set once it is ready. */
  running: RunningApplication | undefined
  isDead = false
  isLeaving = false

  constructor(world: World, name: string, place: number) {
    this.name = name
    this.place = place
    this.runtime = new ProcessRuntime(world.clock)
    const url = world.options.isEmbedded ? 'memory:' : 'kafka://sim'
    const inner = new EmbeddedConnection(url, name, this.runtime, () =>
      Promise.resolve(world.backend),
    )
    this.connection = new ProcessConnection(world, this, inner)
    const config = resolveClientConfig(
      { url: 'memory:', runtime: this.runtime, clientId: name, retryBackoff: 20 },
      {},
    )
    this.client = new SimulatedClient({ config, connection: this.connection }, async () =>
      world.filesOf(this),
    )
  }

  die(): void {
    this.isDead = true
    this.runtime.end()
  }
}

/** Its files are the world's. */
class SimulatedClient extends ComposedClient {
  readonly #openStateFolder: OpenStateFolder

  constructor(
    composition: ConstructorParameters<typeof ComposedClient>[0],
    openStateFolder: OpenStateFolder,
  ) {
    super(composition)
    this.#openStateFolder = openStateFolder
  }

  override streams(config: StreamsConfig & { app: string }): Streams {
    return new Streams({ ...this.parts, openStateFolder: this.#openStateFolder }, config)
  }
}

export class World {
  readonly options: WorldOptions
  readonly clock: WorldClock
  readonly backend: Backend
  /** Is told nothing wrong and never fails, but for a broker that is away. */
  readonly sound: ComposedClient
  readonly soundConnection: EmbeddedConnection
  readonly processes = new Set<SimulatedProcess>()
  /** What was not to happen. */
  readonly failures: unknown[] = []
  /** How often what happened to which request. */
  readonly tally = new Map<string, number>()
  readonly #files = new Map<number, SimulatedFiles>()
  exchanges = 0
  #fileSystem: FileSystem
  #broker: Broker | undefined
  #brokerRuntime: ProcessRuntime | undefined
  #brokerGone: Promise<never> = new Promise(() => undefined)
  #tellGone: (error: unknown) => void = () => undefined
  #crashes: number[]
  #born = 0
  #isOver = false

  constructor(options: WorldOptions) {
    this.options = options
    this.clock = new WorldClock(options.random)
    this.#crashes = [...(options.disk?.crashAtCalls ?? [])]
    this.#fileSystem = options.disk
      ? new SimulatedDisk({ random: options.random })
      : createMemoryFileSystem()
    this.backend = this.#backend()
    const runtime = new ProcessRuntime(this.clock)
    this.soundConnection = new EmbeddedConnection('memory:', 'sound', runtime, () =>
      Promise.resolve(this.backend),
    )
    this.sound = new ComposedClient({
      config: resolveClientConfig(
        { url: 'memory:', runtime, timeout: '5m', retries: 1000, retryBackoff: 20 },
        {},
      ),
      connection: this.soundConnection,
    })
  }

  get disk(): SimulatedDisk | undefined {
    return this.#fileSystem instanceof SimulatedDisk ? this.#fileSystem : undefined
  }

  async openBroker(): Promise<void> {
    const runtime = new ProcessRuntime(this.clock)
    const broker = await Broker.open({
      fileSystem: this.#fileSystem,
      runtime,
      config: { ...this.options.broker, ...(this.disk && { diskReserve: 8000 }) },
    })
    this.#brokerRuntime = runtime
    this.#brokerGone = new Promise((_, reject) => {
      this.#tellGone = reject
    })
    this.#brokerGone.catch(() => undefined)
    this.#broker = broker
  }

  /** From now on things happen. */
  arm(): void {
    const next = this.#crashes.shift()
    if (next !== undefined) this.disk?.crashAfter(next)
  }

  startProcess(): SimulatedProcess {
    const taken = new Set([...this.processes].map(({ place }) => place))
    let place = 0
    while (taken.has(place)) place++
    const process = new SimulatedProcess(this, `process-${++this.#born}`, place)
    this.processes.add(process)
    const { config, isStatic, hasFiles } = this.options
    const streams = process.client.streams({
      ...config,
      app,
      ...(isStatic && { groupInstanceId: `place-${place}` }),
      ...(hasFiles && { state: { dir: 'files' } }),
    })
    this.options.build(streams, process)
    streams.start().then(
      (running) => {
        process.running = running
        running.done.then(
          () => {
            if (!process.isDead && !process.isLeaving) this.failures.push(`${process.name} ended`)
          },
          (error: unknown) => {
            if (!process.isDead) this.failures.push(error)
          },
        )
      },
      (error: unknown) => {
        if (!process.isDead && !process.isLeaving) this.failures.push(error)
      },
    )
    return process
  }

  /** An exchange is about to be made; says what happens to it. */
  next(process: SimulatedProcess, api: string): Happening | undefined {
    this.exchanges++
    if (this.#isOver) return undefined
    const { events } = this.options
    const index = events.findIndex(
      (event) => event.atExchange <= this.exchanges && (event.api ?? api) === api,
    )
    if (index < 0) return undefined
    const [{ what }] = events.splice(index, 1) as [WorldEvent]
    this.count(`${what.type} ${api}`)
    switch (what.type) {
      case 'kill':
        process.die()
        this.processes.delete(process)
        this.#replaceSoon()
        break
      case 'leave':
        void this.#leave(process)
        break
      case 'add':
        if (!this.options.isEmbedded) this.startProcess()
        return undefined
    }
    return what
  }

  filesOf(process: SimulatedProcess): StateFolder {
    let files = this.#files.get(process.place)
    if (!files) {
      files = new SimulatedFiles(this.options.random)
      this.#files.set(process.place, files)
    }
    return files.takenBy(process)
  }

  count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1)
  }

  /** No more happens. */
  calm(): void {
    this.#isOver = true
    this.disk?.disarm()
  }

  /** Lets time pass until `work` settles. */
  drive<T>(work: Promise<T>, limitMs = 1_200_000): Promise<T> {
    return this.clock.drive(work, limitMs, () => this.#lookAtDisk())
  }

  /** Resolves `delayMs` later. */
  later(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(delayMs, resolve))
  }

  async close(): Promise<void> {
    this.calm()
    const living = [...this.processes]
    for (const process of living) process.isLeaving = true
    await Promise.all(living.map(({ client }) => client.close()))
    await this.sound.close()
    await this.#broker?.close()
  }

  async #leave(process: SimulatedProcess): Promise<void> {
    process.isLeaving = true
    await process.client.close().catch((error: unknown) => this.failures.push(error))
    this.processes.delete(process)
    process.die()
    if (!this.#isOver) this.#replaceSoon()
  }

  #replaceSoon(): void {
    const { random, processes } = this.options
    this.clock.setTimer(random.below(1500), () => {
      if (this.processes.size < processes && this.#broker) this.startProcess()
    })
  }

  #lookAtDisk(): void {
    const disk = this.disk
    if (!this.#broker || !disk?.isDead) return
    const { random, disk: how, isEmbedded, processes } = this.options
    this.count(`death by ${how!.death}`)
    this.#broker = undefined
    this.#brokerRuntime!.end()
    this.#tellGone(gone())
    if (isEmbedded) {
      for (const process of this.processes) process.die()
      this.processes.clear()
    }
    this.clock.setTimer(random.below(3000), async () => {
      this.#fileSystem = disk.afterDeath(how!.death, { random })
      try {
        await this.openBroker()
        if (!this.#isOver) this.arm()
        while (this.processes.size < processes) this.startProcess()
      } catch (error) {
        this.failures.push(error)
      }
    })
  }

  #backend(): Backend {
    const broker = () => {
      if (!this.#broker) throw gone()
      return this.#broker
    }
    return {
      get apis() {
        return broker().apis
      },
      servedApi: (key) => broker().servedApi(key),
      handle: async (api, request, context) => {
        const handled = broker().handle(api, request, context)
        handled.catch(() => undefined)
        const lost = this.#brokerGone
        try {
          const answer = await Promise.race([handled, lost])
          // What is said after the death is heard by nobody.
          if (this.disk?.isDead) throw gone()
          return answer
        } catch (error) {
          if (!this.disk?.isDead) throw error
          await nextTurn()
          throw gone()
        }
      },
      close: () => Promise.resolve(),
    }
  }
}

function gone(): DisconnectedError {
  return new DisconnectedError('the broker is gone', {
    code: 'NETWORK_EXCEPTION',
    retriable: true,
    outcome: 'unknown',
  })
}
