/** A progress line: redrawn in place on a terminal, one line every two seconds (FLIGHTS_PROGRESS_MS) elsewhere. */
const quietIntervalMs = Number(process.env.FLIGHTS_PROGRESS_MS ?? 2000)

export class Progress {
  #label
  #total
  #startedAt = performance.now()
  #startedWith
  #shownAt = 0

  /** @param {string} label @param {number} total @param {number} startedWith */
  constructor(label, total, startedWith) {
    this.#label = label
    this.#total = total
    this.#startedWith = startedWith
  }

  /** @param {number} done */
  show(done) {
    const now = performance.now()
    const isTerminal = process.stderr.isTTY
    if (now - this.#shownAt < (isTerminal ? 100 : quietIntervalMs)) return
    this.#shownAt = now
    const line = this.#line(done)
    process.stderr.write(isTerminal ? `\r\x1b[K${line}` : `${line}\n`)
  }

  /** @param {number} done */
  finish(done) {
    process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${this.#line(done)}\n`)
  }

  /** @param {number} done */
  #line(done) {
    const seconds = (performance.now() - this.#startedAt) / 1000
    const rate = Math.round((done - this.#startedWith) / Math.max(seconds, 0.001))
    const percent = ((100 * done) / this.#total).toFixed(0).padStart(3)
    return `${this.#label}  ${percent} %  ${done.toLocaleString('en')} of ${this.#total.toLocaleString('en')}  ${rate.toLocaleString('en')}/s`
  }
}
