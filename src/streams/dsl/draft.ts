/**
 * A topology that is being written down: the ends that its chains have so far. Chains that meet, in a join or a merge, become
 * one draft. Whoever runs it is told of the first end, and takes it as it is when it starts.
 */
import { invalid } from '../../core/options.ts'
import type { Operator } from '../operator.ts'
import type { ResolvedStreamsConfig, StreamsConfig } from '../streams-config.ts'
import type { TopologyDescription } from '../topology/describe.ts'
import { automaticName } from '../topology/fingerprint.ts'
import { type DescriptionFormat, describeAs } from '../topology/render-description.ts'
import { Topology } from '../topology/topology.ts'
import { StreamRun } from './stream-run.ts'

/** Runs a draft, or has it run when it is asked to. */
export interface DraftOwner {
  /** What its chains have in common; undefined where each has its own, which must then agree when they meet. */
  readonly config: ResolvedStreamsConfig | undefined
  /** The first chain has ended. */
  ended(draft: Draft): void
}

export class Draft {
  readonly run: StreamRun
  #owner: DraftOwner
  #ends = new Set<Operator>()
  #state = new Set<Operator | (() => readonly Operator[])>()
  #options: StreamsConfig
  /** What this has become part of. */
  #into: Draft | undefined
  #isStarted = false

  /** `options`: as given beside a chain's first topic. */
  constructor(owner: DraftOwner, options: StreamsConfig = {}) {
    this.#owner = owner
    this.#options = options
    this.run = new StreamRun(() => this.#root())
  }

  /** Options that were given beside the topics of its chains. */
  get options(): StreamsConfig {
    return this.#root().#options
  }

  get owner(): DraftOwner {
    return this.#root().#owner
  }

  /** It has become part of another, which is run instead. */
  get isPart(): boolean {
    return this.#into !== undefined
  }

  /** All that there is to run. */
  get operators(): readonly Operator[] {
    const { config } = this.owner
    const root = this.#root()
    // A table that nothing reads is still there to be asked, where the application was named.
    const state = [...root.#state].flatMap((one) => (typeof one === 'function' ? one() : one))
    return [...root.#ends, ...(config ? state : [])]
  }

  /** As it is so far. */
  describe(format: DescriptionFormat | undefined): string | TopologyDescription {
    const app = this.owner.config?.app ?? this.options.app
    const { operators } = new Topology(app ?? '', this.operators)
    return describeAs(new Topology(app ?? automaticName(operators), operators), format)
  }

  /** Nothing can be added any more. */
  start(): void {
    this.#root().#isStarted = true
  }

  /** A chain has ended here. Throws `ConfigError` when the application has started already. */
  end(operator: Operator): StreamRun {
    const root = this.#root()
    root.#checkOpen()
    root.#ends.add(operator)
    root.#owner.ended(root)
    return root.run
  }

  /** An operator with state; or what tells which it is, where that depends on what the program goes on to make of it. */
  note(operator: Operator | (() => readonly Operator[])): void {
    this.#root().#state.add(operator)
  }

  /** Two chains have met. Throws `ConfigError` when they belong to different applications. */
  meet(other: Draft): Draft {
    const into = this.#root()
    const from = other.#root()
    if (into === from) return into
    // Each `kafka.streams()` owns its draft, and each client those of its chains.
    if (into.#owner !== from.#owner) {
      throw invalid(
        'Streams of different applications cannot meet: make both with the same kafka.streams({ app }), or both with kafka.stream() of one client',
      )
    }
    into.#checkOpen()
    from.#checkOpen()
    into.#options = agreed(into.#options, from.#options)
    for (const end of from.#ends) into.#ends.add(end)
    for (const one of from.#state) into.#state.add(one)
    from.#into = into
    if (into.#ends.size > 0) into.#owner.ended(into)
    return into
  }

  #root(): Draft {
    let root: Draft = this
    while (root.#into) root = root.#into
    return root
  }

  #checkOpen(): void {
    if (!this.#isStarted) return
    throw invalid(
      'The application has started already: end its chains in the same turn of the event loop, or write them with kafka.streams({ app }) and call start() when all are there',
    )
  }
}

function agreed(a: StreamsConfig, b: StreamsConfig): StreamsConfig {
  const both: { [name: string]: unknown } = { ...a }
  for (const [name, value] of Object.entries(b)) {
    if (value === undefined) continue
    const other = both[name]
    if (other !== undefined && other !== value) {
      throw invalid(
        `The streams combined here have different values of '${name}'. Set it on one of them, or the same on both`,
      )
    }
    both[name] = value
  }
  return both as StreamsConfig
}
