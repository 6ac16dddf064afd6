/**
 * Cuts a stream of bytes into frames. Memory stays within twice what was received of the frame at hand: a length that
 * lies allocates nothing. A frame that lies within one chunk is a view of it.
 */
import { allocateBytes, emptyBytes, plainBytes } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'

/** Of the length before each frame. */
export const lengthBytes = 4

export class FrameSplitter {
  readonly #socketRequestMaxBytes: number
  /** The first `#pendingBytes` hold the frame that has begun, its length field included. */
  #pending: Uint8Array = emptyBytes
  #pendingBytes = 0

  /** `socketRequestMaxBytes`: the longest frame that is taken, its length field not counted. */
  constructor(socketRequestMaxBytes: number) {
    this.#socketRequestMaxBytes = socketRequestMaxBytes
  }

  /** Bytes received of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /**
   * Calls `onFrame` with each frame (without its length) that `chunk` completes. Throws `CorruptDataError` for a length
   * that is negative or over the limit: the stream is of no use then.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    const bytes = plainBytes(chunk)
    let at = this.#pendingBytes > 0 ? this.#complete(bytes, onFrame) : 0
    while (bytes.length - at >= lengthBytes) {
      const end = at + lengthBytes + this.#sizeAt(bytes, at)
      if (end > bytes.length) break
      const frame = bytes.subarray(at + lengthBytes, end)
      at = end
      onFrame(frame)
    }
    if (at < bytes.length) this.#hold(bytes.subarray(at))
  }

  /** Adds to the frame that has begun; returns how much of `chunk` was taken. */
  #complete(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): number {
    let at = 0
    if (this.#pendingBytes < lengthBytes) {
      at = Math.min(lengthBytes - this.#pendingBytes, chunk.length)
      this.#hold(chunk.subarray(0, at))
      if (this.#pendingBytes < lengthBytes) return at
    }
    const frameEnd = lengthBytes + this.#sizeAt(this.#pending, 0)
    const end = Math.min(at + frameEnd - this.#pendingBytes, chunk.length)
    this.#hold(chunk.subarray(at, end), frameEnd)
    if (this.#pendingBytes === frameEnd) {
      const frame = this.#pending.subarray(lengthBytes, frameEnd)
      this.#pending = emptyBytes
      this.#pendingBytes = 0
      onFrame(frame)
    }
    return end
  }

  /** Keeps a copy of `bytes`. `frameEnd`: how long the frame will be, when that is known. */
  #hold(bytes: Uint8Array, frameEnd = Number.POSITIVE_INFINITY): void {
    const needed = this.#pendingBytes + bytes.length
    if (needed > this.#pending.length) {
      const larger = allocateBytes(Math.min(frameEnd, Math.max(256, 2 * needed)))
      larger.set(this.#pending.subarray(0, this.#pendingBytes))
      this.#pending = larger
    }
    this.#pending.set(bytes, this.#pendingBytes)
    this.#pendingBytes = needed
  }

  #sizeAt(bytes: Uint8Array, at: number): number {
    const size = frameLengthAt(bytes, at)
    if (size >= 0 && size <= this.#socketRequestMaxBytes) return size
    throw new CorruptDataError(
      `A frame of ${size} bytes was announced; at most ${this.#socketRequestMaxBytes} are allowed: the peer does not speak Kafka's protocol, or the limit is too low`,
      { code: 'CORRUPT_MESSAGE' },
    )
  }
}

/** The length that a frame announces at `at`; negative when it is none. */
export function frameLengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
