/**
 * The order in which requests write, while there are more files to write to than may be open. A request that writes to
 * very many partitions waits in the middle until some are synced, rather than syncing them one by one while everything
 * stands still; those that come after it wait until it has written everything, so that requests of one connection keep
 * their order. Otherwise nobody waits.
 */
import type { FileSystem } from '../storage/file-system.ts'

export class WriteTurns {
  readonly #fileSystem: FileSystem
  /** The last that is in line. */
  #last: WriteTurn | undefined

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem
  }

  take(): WriteTurn {
    const ahead = this.#last
    const turn: WriteTurn = new WriteTurn(ahead?.done, {
      whenWritable: () => this.#fileSystem.whenWritable?.(),
      onHeld: () => {
        this.#last ??= turn
      },
      onEnd: () => {
        if (this.#last === turn) this.#last = undefined
      },
    })
    if (ahead) {
      turn.hold()
      this.#last = turn
    }
    return turn
  }
}

interface TurnHost {
  readonly whenWritable: () => Promise<void> | undefined
  readonly onHeld: () => void
  readonly onEnd: () => void
}

export class WriteTurn {
  /** To wait for before anything is written; undefined when nobody is ahead. */
  readonly ahead: Promise<void> | undefined
  readonly #host: TurnHost
  #done: Promise<void> | undefined
  #resolve: () => void = () => undefined

  constructor(ahead: Promise<void> | undefined, host: TurnHost) {
    this.ahead = ahead
    this.#host = host
  }

  /** For those behind; undefined while nobody has to wait. */
  get done(): Promise<void> | undefined {
    return this.#done
  }

  /** To wait for before the next write, in the turn; undefined when that may be done at once. */
  pause(): Promise<void> | undefined {
    const wait = this.#host.whenWritable()
    if (wait) this.hold()
    return wait
  }

  /** From now on others wait for the end of this turn. */
  hold(): void {
    if (this.#done) return
    this.#done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#host.onHeld()
  }

  end(): void {
    this.#host.onEnd()
    this.#resolve()
  }
}
