/**
 * Sends a connection's answers, in order. A socket is given a piece at a time, so that it is seen how fast they leave, and
 * TLS does not make a second copy of a large answer. What has not left counts as held memory, and the client, who has to
 * read it, answers for that.
 */
import type { Socket } from 'node:net'
import type { Claim, MemoryBudget } from './memory-budget.ts'
import type { ListenerMetrics } from './server-metrics.ts'

/** The socket is given no more at a time, bytes. */
const pieceBytes = 256 * 1024

export interface AnswerSenderParts {
  readonly socket: Socket
  readonly budget: MemoryBudget
  readonly metrics: Pick<ListenerMetrics, 'sentBytes'>
  readonly now: () => number
  /** The client does not read, and others wait for the memory. */
  readonly drop: () => void
  /** Something left. */
  readonly onProgress: () => void
}

interface Sending {
  readonly parts: readonly Uint8Array[]
  readonly heldBytes: number
  /** Called once the last byte is with the operating system, with how long that took, milliseconds. */
  readonly onSent: ((sentInMs: number) => void) | undefined
  readonly since: number
}

export class AnswerSender {
  readonly #parts: AnswerSenderParts
  readonly #held: Claim
  /** Answers that have not left, oldest first. */
  #queue: Sending[] = []
  /** The part of `#queue` that the socket is given next. */
  #nextAnswer = 0
  #nextPart = 0
  #nextByte = 0
  /** Bytes that the socket was given and has not passed on. */
  #givenBytes = 0
  #movedBytes = 0
  #isScheduled = false
  #isEnded = false

  constructor(parts: AnswerSenderParts) {
    this.#parts = parts
    this.#held = parts.budget.open('answer')
  }

  /** Bytes that have not left. */
  get unsentBytes(): number {
    return this.#held.bytes
  }

  /** The socket has been given everything. */
  get isIdle(): boolean {
    return this.#nextAnswer === this.#queue.length
  }

  /** Answers that are sent in the same turn travel together. `heldBytes`: what is held for it, if that is more. */
  send(parts: readonly Uint8Array[], heldBytes: number, onSent?: (sentInMs: number) => void): void {
    if (this.#isEnded || parts.length === 0) return
    const bytes = parts.reduce((sum, { length }) => sum + length, 0)
    const held = Math.max(bytes, heldBytes)
    if (this.#held.bytes === 0) this.#awaitClient()
    this.#queue.push({ parts, heldBytes: held, onSent, since: this.#parts.now() })
    this.#held.resize(this.#held.bytes + held)
    if (this.#isScheduled) return
    this.#isScheduled = true
    process.nextTick(() => {
      this.#isScheduled = false
      this.#give()
    })
  }

  /** Sends no more. Idempotent. */
  end(): void {
    this.#isEnded = true
    this.#queue = []
    this.#nextAnswer = 0
    this.#held.release()
  }

  #awaitClient(): void {
    const from = this.#movedBytes
    const { drop } = this.#parts
    this.#held.awaitPeer({ movedBytes: () => this.#movedBytes - from, drop })
  }

  /** Gives the socket what it may have. */
  #give(): void {
    const { socket, metrics } = this.#parts
    if (this.#isEnded || socket.destroyed || socket.writableEnded) return
    if (this.isIdle || this.#givenBytes >= pieceBytes) return
    let given = 0
    let answers = 0
    socket.cork()
    while (this.#givenBytes + given < pieceBytes && !this.isIdle) {
      const { parts } = this.#queue[this.#nextAnswer]!
      const part = parts[this.#nextPart]!
      const end = Math.min(part.length, this.#nextByte + pieceBytes - this.#givenBytes - given)
      const piece =
        this.#nextByte === 0 && end === part.length ? part : part.subarray(this.#nextByte, end)
      given += piece.length
      this.#nextByte = end
      if (end === part.length) {
        this.#nextByte = 0
        this.#nextPart++
      }
      if (this.#nextPart === parts.length) {
        this.#nextPart = 0
        this.#nextAnswer++
        answers++
      }
      const isLast = this.isIdle || this.#givenBytes + given >= pieceBytes
      if (isLast) socket.write(piece, (error) => !error && this.#left(given, answers))
      else socket.write(piece)
    }
    this.#givenBytes += given
    metrics.sentBytes.value += given
    socket.uncork()
  }

  /** So many bytes have left, and with them the last of so many answers. */
  #left(bytes: number, answers: number): void {
    if (this.#isEnded) return
    this.#givenBytes -= bytes
    this.#movedBytes += bytes
    const now = this.#parts.now()
    const gone = this.#queue.splice(0, answers)
    this.#nextAnswer -= answers
    for (const { heldBytes } of gone) this.#held.resize(this.#held.bytes - heldBytes)
    if (this.#held.bytes === 0) this.#held.awaitPeer(undefined)
    for (const { onSent, since } of gone) onSent?.(now - since)
    this.#give()
    this.#parts.onProgress()
  }
}
