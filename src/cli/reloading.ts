/**
 * SIGHUP: the settings are read anew, and what can change while the server runs changes. One line says what did and what needs
 * a restart; of settings that are wrong nothing is taken.
 *
 * Who started the server at a terminal and closes that means to end it: there SIGHUP is no reload.
 */
import { isatty } from 'node:tty'
import type { Logger } from '../core/runtime.ts'
import type { Reloaded } from '../server/reload.ts'

/** What became of it. */
export interface ReloadedSettings extends Reloaded {
  /** Called when that was logged: the log itself may change with it. */
  readonly onSaid: () => void
}

export class Reloading {
  readonly #logger: Logger
  readonly #isAtTerminal = isatty(0)
  readonly #onSignal = () => this.#signalled()
  #reload: (() => Promise<ReloadedSettings>) | undefined
  #isDue = false
  #last: Promise<void> = Promise.resolve()

  /** From here on the signal ends the process no more. */
  constructor(logger: Logger) {
    this.#logger = logger
    if (!this.#isAtTerminal) process.on('SIGHUP', this.#onSignal)
  }

  /** The server runs: a signal that came while it started counts now. */
  begin(reload: () => Promise<ReloadedSettings>): void {
    this.#reload = reload
    if (this.#isDue) this.#signalled()
  }

  /** The server stops: there is nothing to take any more. */
  end(): void {
    this.#reload = undefined
    this.#isDue = false
  }

  /** One after the other, so that the newest settings count. */
  #signalled(): void {
    const reload = this.#reload
    this.#isDue = reload === undefined
    if (reload) this.#last = this.#last.then(() => this.#run(reload))
  }

  async #run(reload: () => Promise<ReloadedSettings>): Promise<void> {
    try {
      const { changed, needRestart, onSaid } = await reload()
      const parts = [
        changed.length > 0 ? `changed: ${changed.join(', ')}` : 'nothing has changed',
        ...(needRestart.length > 0 ? [`needs a restart: ${needRestart.join(', ')}`] : []),
      ]
      const level = needRestart.length > 0 ? 'warn' : 'info'
      this.#logger[level]({}, `settings reloaded; ${parts.join('; ')}`)
      onSaid()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#logger.error(
        { reason },
        'the settings could not be reloaded; the server continues with the current ones',
      )
    }
  }
}
