/** Applications: `kafka.streams({ app })`, and those that chains of `kafka.stream()` become by themselves. */
import type { Cluster } from '../../client/cluster.ts'
import type { Topic } from '../../client/topic.ts'
import { ConfigError } from '../../core/errors.ts'
import type { OpenStateFolder } from '../state-dir/state-folder.ts'
import {
  type ResolvedStreamsConfig,
  resolveStreamsConfig,
  type StreamsConfig,
} from '../streams-config.ts'
import { Draft, type DraftOwner } from './draft.ts'
import type { Stream } from './stream.ts'
import { openStream, StreamBuilder, type StreamOptions } from './stream-builder.ts'
import type { StoreLocation, StoreReader, StoreReadOptions, StreamRun } from './stream-run.ts'

/** What applications are run in: a client. */
export interface StreamsEnvironment {
  readonly cluster: Cluster
  /** Closed with the client, for as long as it is open itself. */
  readonly running: Set<{ close(): Promise<void> }>
  /** Undefined where there are no files. */
  readonly openStateFolder?: OpenStateFolder
}

/** An application of several chains: define them, then `start()`. */
export class Streams extends StreamBuilder {
  readonly #environment: StreamsEnvironment
  readonly #draft: Draft
  #starting: Promise<RunningApplication> | undefined

  /** @internal */
  constructor(environment: StreamsEnvironment, config: StreamsConfig) {
    const resolved = resolveStreamsConfig(config)
    if (resolved.app === undefined) {
      throw new ConfigError(
        "kafka.streams needs a name for the application: { app: 'orders-app' }. Its state and its offsets are stored under that name",
        { code: 'INVALID_CONFIG' },
      )
    }
    const draft = new Draft({ config: resolved, ended: () => undefined })
    super(draft)
    this.#draft = draft
    this.#environment = environment
  }

  /**
   * Starts the application. Resolves when every task assigned to this process is restored and running. Throws
   * `ConfigError` for a topology that does not match the existing topics, or the error that stopped it before it was
   * ready.
   */
  async start(): Promise<RunningApplication> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<RunningApplication> {
    const environment = this.#environment
    await whileStarting(environment, this.#draft, () => startDraft(environment, this.#draft))
    const { run } = this.#draft
    // Whoever awaits the start is told by it.
    run.done.catch(() => undefined)
    await run.ready
    return new RunningApplication(run)
  }
}

/** An application started with `start()`. It cannot be awaited itself; await `done`. */
export class RunningApplication {
  readonly #run: StreamRun

  /** @internal */
  constructor(run: StreamRun) {
    this.#run = run
  }

  /** Resolves when it is closed; rejects with what stopped it. */
  get done(): Promise<void> {
    return this.#run.done
  }

  get state(): StreamRun['state'] {
    return this.#run.state
  }

  /** Finishes the records in progress, commits, and leaves the group. Idempotent. */
  close(): Promise<void> {
    return this.#run.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  metrics(): ReturnType<StreamRun['metrics']> {
    return this.#run.metrics()
  }

  /** As `StreamRun.store`. */
  store<V = unknown, K = string>(name: string, options?: StoreReadOptions): StoreReader<V, K> {
    return this.#run.store<V, K>(name, options)
  }

  /** As `StreamRun.locate`. */
  locate<K = string>(store: string, key: K): StoreLocation {
    return this.#run.locate(store, key)
  }
}

/** The chains of `kafka.stream()`: each is an application, those that meet are one. */
export class ChainedStreams implements DraftOwner {
  readonly config: ResolvedStreamsConfig | undefined = undefined
  readonly #environment: StreamsEnvironment
  readonly #waiting = new Set<StreamRun>()

  constructor(environment: StreamsEnvironment) {
    this.#environment = environment
  }

  open<V, K>(
    topic: string | Topic<V, K, never>,
    { tombstones, ...config }: StreamOptions & StreamsConfig,
  ): Stream<V, K | null> {
    // Wrong ones are told here, where they were given.
    resolveStreamsConfig(config)
    return openStream(new Draft(this, config), topic, tombstones)
  }

  /** It starts when the program that writes it down has come to an end for now. */
  ended(draft: Draft): void {
    if (this.#waiting.has(draft.run)) return
    this.#waiting.add(draft.run)
    void whileStarting(this.#environment, draft, async () => {
      await Promise.resolve()
      this.#waiting.delete(draft.run)
      if (!draft.isPart) await startDraft(this.#environment, draft)
    })
  }
}

/** A client that is closed meanwhile closes it as soon as it has started. */
async function whileStarting(
  { running }: StreamsEnvironment,
  { run }: Draft,
  start: () => Promise<void>,
): Promise<void> {
  // What goes wrong is told by the run.
  const starting = { close: () => run.close().catch(() => undefined) }
  running.add(starting)
  await start()
  running.delete(starting)
}

/** Loads what runs applications, and has it run this one. What goes wrong is told by the run. */
async function startDraft(environment: StreamsEnvironment, draft: Draft): Promise<void> {
  try {
    const { startApplication } = await import('../runtime/start-application.ts')
    await startApplication(environment, draft)
  } catch (error) {
    draft.run.fail(error)
  }
}
