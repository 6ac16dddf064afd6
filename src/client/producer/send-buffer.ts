/**
 * What a producer holds that has no outcome yet: bytes, against `bufferMemory`, and records, in waves. A flush ends the
 * current wave, so that it waits for what was sent before it and not for what others go on sending.
 */

/** The records that were enqueued between two flushes. */
export interface Wave {
  unsettled: number
  /** Set by the flush that ended it. */
  onSettled: (() => void) | undefined
}

export class SendBuffer {
  readonly #bytesMax: number
  #bytes = 0
  #unsettled = 0
  #wave: Wave = { unsettled: 0, onSettled: undefined }
  readonly #ended = new Set<Promise<void>>()
  /** Told when every record has its outcome. */
  onIdle: (() => void) | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  /** Every record has its outcome. */
  get isSettled(): boolean {
    return this.#unsettled === 0
  }

  /** A record has come; returns the wave it is counted in. */
  enter(): Wave {
    this.#unsettled++
    this.#wave.unsettled++
    return this.#wave
  }

  /** The memory that records take has changed by so many bytes. */
  resize(byBytes: number): void {
    this.#bytes += byBytes
  }

  /** So many records of a wave have their outcome. */
  settle(wave: Wave, count: number): void {
    this.#unsettled -= count
    wave.unsettled -= count
    if (wave.unsettled === 0) wave.onSettled?.()
    if (this.#unsettled === 0) this.onIdle?.()
  }

  /** Resolves once every record that has come so far has its outcome. */
  async settled(): Promise<void> {
    const wave = this.#wave
    if (wave.unsettled > 0) {
      this.#wave = { unsettled: 0, onSettled: undefined }
      const settled = new Promise<void>((resolve) => {
        wave.onSettled = resolve
      })
      this.#ended.add(settled)
      void settled.then(() => this.#ended.delete(settled))
    }
    await Promise.all(this.#ended)
  }
}
