/**
 * Memory for what is read from files, used again and again: a new buffer for each piece that a consumer is sent costs more
 * than reading it does, in page faults and garbage collection.
 *
 *   file.read ─ take ─▶ a reader of its own ─ own ─▶ … the response is sent ─ release ─▶ free
 *
 * Whoever releases bytes vouches that nobody else reads them. What is never released is left to the garbage collector.
 */
import { allocateBytes } from '../core/bytes.ts'

/** What is smaller or larger is not kept, bytes. */
const smallestBytes = 4 * 1024
const largestBytes = 8 * 1024 * 1024
/** Of all free buffers together. */
const freeBytesMax = 16 * 1024 * 1024

export class ReadBuffers {
  /** By their size, which is one of few. */
  readonly #free = new Map<number, ArrayBuffer[]>()
  #freeBytes = 0
  readonly #buffers = new WeakSet<ArrayBufferLike>()
  readonly #owned = new WeakSet<Uint8Array>()

  /** Bytes of free buffers. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  /** Memory for `size` bytes, whose contents are arbitrary. */
  take(size: number): Uint8Array {
    if (size < smallestBytes || size > largestBytes) return allocateBytes(size)
    const roundedBytes = rounded(size)
    const free = this.#free.get(roundedBytes)?.pop()
    if (free) {
      this.#freeBytes -= roundedBytes
      return new Uint8Array(free, 0, size)
    }
    const bytes = allocateBytes(roundedBytes)
    this.#buffers.add(bytes.buffer)
    return bytes.subarray(0, size)
  }

  /** Says that nobody but who has `bytes` reads the buffer that it is a part of; returns `bytes`. */
  own(bytes: Uint8Array): Uint8Array {
    if (this.#buffers.has(bytes.buffer)) this.#owned.add(bytes)
    return bytes
  }

  /** As `release`, for bytes that `take` gave and that nobody else has seen. */
  discard(bytes: Uint8Array): void {
    this.release(this.own(bytes))
  }

  /** Lets the buffer of owned bytes be used again. For any other, also for those that were released, it does nothing. */
  release(bytes: Uint8Array): void {
    if (!this.#owned.delete(bytes)) return
    const buffer = bytes.buffer as ArrayBuffer
    if (this.#freeBytes + buffer.byteLength > freeBytesMax) return
    const free = this.#free.get(buffer.byteLength)
    if (free) free.push(buffer)
    else this.#free.set(buffer.byteLength, [buffer])
    this.#freeBytes += buffer.byteLength
  }
}

/** The buffers of this process. */
export const readBuffers = new ReadBuffers()

/** Up to one of four sizes for each power of two. */
function rounded(size: number): number {
  const step = 2 ** Math.max(0, 29 - Math.clz32(size - 1))
  return Math.ceil(size / step) * step
}
