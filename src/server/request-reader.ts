/**
 * Cuts what a client sends into requests, within the memory that is granted. The length that a request announces allocates
 * nothing: its buffer grows with what has come up to `unclaimedBytes`, then memory for the whole is claimed, and only then
 * is there a buffer for the whole. While the claim waits, what had been read already is kept and nothing more is read.
 *
 *   bytes ─ length ─┬─ up to unclaimedBytes ───────────────────────── request
 *                   └─ more: first unclaimedBytes ─ admit ─ the rest ─ request, with its claim
 *
 * A request that lies within one chunk is a view of it.
 */
import { allocateBytes, emptyBytes, plainBytes } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'
import { frameLengthAt, lengthBytes } from '../protocol/frame-splitter.ts'
import type { Claim } from './memory-budget.ts'

/** Every connection may hold that much without a claim, so that short requests never wait for memory. */
export const unclaimedBytes = 16 * 1024
/** From here on a buffer is made whole: doubling it once more would cost more than it spares. */
const wholeFromBytes = 1024 * 1024

export interface RequestReaderParts {
  /** Longest request, its length field not counted. */
  readonly bytesMax: number
  /**
   * Asked once for each request of more than `unclaimedBytes`, with its length and its first bytes. Undefined: it has to
   * wait, until `admitted` is called. Throws for a request that is refused.
   */
  readonly admit: (size: number, start: Uint8Array) => Claim | undefined
  /** A request is longer than `bytesMax`. */
  readonly onTooLong: () => void
  /** `frame` is without its length. */
  readonly onRequest: (frame: Uint8Array, claim: Claim | undefined) => void
}

export class RequestReader {
  readonly #parts: RequestReaderParts
  /** The first `#pendingBytes` hold the request that has begun, its length field included. */
  #pending: Uint8Array = emptyBytes
  #pendingBytes = 0
  #claim: Claim | undefined
  /** What was read behind a request that waits to be admitted. */
  #rest: Uint8Array[] = []
  #isWaiting = false
  #requests = 0

  constructor(parts: RequestReaderParts) {
    this.#parts = parts
  }

  /** Bytes that have come of a request that is not complete. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Of all that is held, what no claim covers. */
  get unclaimedBytes(): number {
    let held = this.#claim ? 0 : this.#pending.length
    for (const { length } of this.#rest) held += length
    return held
  }

  /** It goes on with `admitted`. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** Requests that were given out, so that two that begin can be told apart. */
  get requests(): number {
    return this.#requests
  }

  /** Throws `CorruptDataError` for a length that is negative or over the limit: the stream is of no use then. */
  push(chunk: Uint8Array): void {
    const bytes = plainBytes(chunk)
    if (this.#isWaiting) this.#rest.push(bytes)
    else this.#take(bytes)
  }

  /** The request that waited has its memory; goes on. */
  admitted(claim: Claim): void {
    this.#claim = claim
    this.#isWaiting = false
    const rest = this.#rest
    this.#rest = []
    // A request of a single chunk is complete already.
    if (rest.length === 0) return this.#take(emptyBytes)
    for (const bytes of rest) this.push(bytes)
  }

  /** Lets go of everything; nothing more is taken. */
  drop(): void {
    this.#claim?.release()
    this.#claim = undefined
    this.#pending = emptyBytes
    this.#pendingBytes = 0
    this.#rest = []
    this.#isWaiting = true
  }

  #take(bytes: Uint8Array): void {
    let at = 0
    do {
      if (this.#pendingBytes === 0) at = this.#giveWhole(bytes, at)
      if (!this.#isWaiting) at = this.#gather(bytes, at)
    } while (at < bytes.length && !this.#isWaiting)
    if (at < bytes.length) this.#rest.push(bytes.subarray(at))
  }

  /** Gives out what is complete within `bytes`; returns where it stopped. */
  #giveWhole(bytes: Uint8Array, from: number): number {
    let at = from
    while (bytes.length - at >= lengthBytes) {
      const size = this.#sizeAt(bytes, at)
      const end = at + lengthBytes + size
      if (end > bytes.length) break
      const frame = bytes.subarray(at + lengthBytes, end)
      if (!this.#isAdmitted(size, frame)) break
      this.#give(frame)
      at = end
    }
    return at
  }

  /** Adds to the request that has begun, up to its end; returns how far it got in `bytes`. */
  #gather(bytes: Uint8Array, from: number): number {
    for (let at = from; ; ) {
      const target = this.#gatherUpTo()
      if (this.#isWaiting) return at
      if (this.#pendingBytes === target) {
        const frame = this.#pending.subarray(lengthBytes, target)
        this.#pending = emptyBytes
        this.#pendingBytes = 0
        this.#give(frame)
        return at
      }
      const taken = Math.min(target - this.#pendingBytes, bytes.length - at)
      if (taken === 0) return at
      this.#hold(bytes.subarray(at, at + taken), target)
      at += taken
    }
  }

  /** Where the next decision is due; it may be that it has to wait. */
  #gatherUpTo(): number {
    if (this.#pendingBytes < lengthBytes) return lengthBytes
    const size = this.#sizeAt(this.#pending, 0)
    const startEnd = lengthBytes + unclaimedBytes
    if (size > unclaimedBytes && this.#pendingBytes < startEnd) return startEnd
    this.#isAdmitted(size, this.#pending.subarray(lengthBytes, this.#pendingBytes))
    return lengthBytes + size
  }

  #isAdmitted(size: number, start: Uint8Array): boolean {
    if (size <= unclaimedBytes || this.#claim) return true
    this.#claim = this.#parts.admit(size, start)
    this.#isWaiting = !this.#claim
    return !this.#isWaiting
  }

  #give(frame: Uint8Array): void {
    const claim = this.#claim
    this.#claim = undefined
    this.#requests++
    this.#parts.onRequest(frame, claim)
  }

  /** Keeps a copy of `bytes`, in a buffer of at most `target`. */
  #hold(bytes: Uint8Array, target: number): void {
    const needed = this.#pendingBytes + bytes.length
    if (needed > this.#pending.length) {
      const isWhole = this.#claim && (target <= wholeFromBytes || needed >= wholeFromBytes / 2)
      const size = isWhole ? target : Math.min(target, Math.max(256, 2 * needed))
      const larger = allocateBytes(size)
      larger.set(this.#pending.subarray(0, this.#pendingBytes))
      this.#pending = larger
    }
    this.#pending.set(bytes, this.#pendingBytes)
    this.#pendingBytes = needed
  }

  #sizeAt(bytes: Uint8Array, at: number): number {
    const size = frameLengthAt(bytes, at)
    if (size >= 0 && size <= this.#parts.bytesMax) return size
    if (size > 0) this.#parts.onTooLong()
    throw new CorruptDataError(
      `A request of ${size} bytes was announced; at most ${this.#parts.bytesMax} are allowed (socketRequestMaxBytes, and half of queuedMaxRequestBytes): the client does not speak Kafka's protocol, or a limit is too low`,
      { code: 'CORRUPT_MESSAGE' },
    )
  }
}
