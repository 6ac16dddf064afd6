/**
 * The next piece of a log, read before it is asked for. A reader that goes through a log from piece to piece finds each
 * but the first two in memory, and the disk works while the piece before is on its way. One piece a log, for the reader
 * that came last; its bytes count for the budget that caches share.
 */
import { readBatches } from '../../protocol/records/record-batch.ts'
import type { CacheBudget, Evictable } from './tail-cache.ts'

/** Reads whole batches from an offset on, as `PartitionLog.read`. */
export type ReadPiece = (
  offset: bigint,
  maxBytes: number,
  upTo: bigint,
) => Promise<Uint8Array | undefined>

interface Piece {
  readonly offset: bigint
  /** It ends no later. */
  readonly upTo: bigint
  readonly bytes: Promise<Uint8Array | undefined>
}

export class ReadAhead implements Evictable {
  readonly #budget: CacheBudget
  readonly #read: ReadPiece
  #piece: Piece | undefined
  /** Bytes of the piece, once they are there. */
  #heldBytes = 0
  /** Where the last piece that was given out ended. */
  #lastEnd = -1n

  constructor(budget: CacheBudget, read: ReadPiece) {
    this.#budget = budget
    this.#read = read
  }

  /** The piece at `offset`, when it was read before and may be given out whole. */
  async take(offset: bigint, maxBytes: number, upTo: bigint): Promise<Uint8Array | undefined> {
    const piece = this.#piece
    if (piece?.offset !== offset) return undefined
    this.clear()
    const bytes = await piece.bytes
    const isTooMuch = (found: Uint8Array) =>
      found.length > maxBytes || (piece.upTo > upTo && endOf(found) > upTo)
    return bytes && !isTooMuch(bytes) ? bytes : undefined
  }

  /** `bytes`, from `offset` on, go to a reader. If it read the piece before too, the next is read for it. */
  given(offset: bigint, bytes: Uint8Array, maxBytes: number, upTo: bigint): void {
    const isSequential = offset === this.#lastEnd
    this.#lastEnd = endOf(bytes)
    // A piece that is far from full was the last.
    if (!isSequential || this.#lastEnd >= upTo || bytes.length * 2 < maxBytes) return
    this.clear()
    const piece: Piece = {
      offset: this.#lastEnd,
      upTo,
      // Whatever is wrong, the reader hears of it when it asks.
      bytes: this.#read(this.#lastEnd, maxBytes, upTo).catch(() => undefined),
    }
    this.#piece = piece
    void piece.bytes.then((found) => {
      if (this.#piece !== piece || !found) return
      this.#heldBytes = found.buffer.byteLength
      this.#budget.usedBytes += this.#heldBytes
      this.#budget.makeRoom(this)
    })
  }

  /** Lets go of the piece; false when there is none. */
  evict(): boolean {
    const isHeld = this.#piece !== undefined
    this.clear()
    return isHeld
  }

  clear(): void {
    this.#piece = undefined
    this.#budget.usedBytes -= this.#heldBytes
    this.#heldBytes = 0
    this.#budget.forget(this)
  }
}

/** The offset after the last of whole batches. */
export function endOf(bytes: Uint8Array): bigint {
  let end = -1n
  for (const { lastOffset } of readBatches(bytes)) end = lastOffset + 1n
  return end
}
