/** At most so many of one kind of work at a time; what is asked beyond that waits in a line. */
import { Fifo } from './fifo.ts'

export class Gate {
  #free: number
  readonly #waiting = new Fifo<(isMine: boolean) => void>()

  constructor(atATime: number) {
    this.#free = atATime
  }

  /** Takes a turn if one is free. */
  tryTake(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /** Resolves with true when it is the caller's turn, with false when it has given up before. */
  take(): { readonly turn: Promise<boolean>; readonly giveUp: () => void } {
    let giveUp: () => void = () => undefined
    const turn = new Promise<boolean>((resolve) => {
      let isOver = false
      const end = (isMine: boolean) => {
        // Whoever has given up passes it on.
        if (isOver) return void (isMine && this.release())
        isOver = true
        resolve(isMine)
      }
      this.#waiting.push(end)
      giveUp = () => end(false)
    })
    return { turn, giveUp }
  }

  release(): void {
    const next = this.#waiting.shift()
    if (next) next(true)
    else this.#free++
  }

  /** `work` in a turn of its own. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (!this.tryTake()) await this.take().turn
    try {
      return await work()
    } finally {
      this.release()
    }
  }
}
