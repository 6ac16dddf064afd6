/**
 * The memory of one fetch's answer: claimed when there is something to read and it is its turn, held until the answer is
 * being sent.
 */
import type { AnswerMemory } from '../backend/answer-memory.ts'
import type { Claim, MemoryBudget, Wanted } from './memory-budget.ts'

export interface FetchMemoryParts {
  readonly budget: MemoryBudget
  /** The client gets no larger answer, unless one batch is. */
  readonly bytesMax: number
  /** It waited too long, and is answered without records. */
  readonly onExpired: (waitedMs: number) => void
}

export class FetchMemory implements AnswerMemory {
  readonly #parts: FetchMemoryParts
  #claim: Claim | undefined
  #giveUp: (() => void) | undefined
  /** It reads: others may have to wait until it has. */
  #hasTurn = false
  #isClosed = false

  constructor(parts: FetchMemoryParts) {
    this.#parts = parts
  }

  get heldBytes(): number {
    return this.#claim?.bytes ?? 0
  }

  claim(bytes: number, leastBytes: number): Promise<number> | number {
    const { budget, bytesMax } = this.#parts
    if (this.#isClosed) return 0
    const most = Math.max(leastBytes, Math.min(bytes, bytesMax))
    const wanted = { kind: 'answer', bytes: most, leastBytes } as const
    this.#hasTurn = budget.reads.tryTake()
    if (!this.#hasTurn) return this.#claimInTurn(wanted)
    this.#claim = budget.tryClaim(wanted)
    return this.#claim ? this.#claim.bytes : this.#wait(wanted)
  }

  settle(bytes: number): void {
    this.#endTurn()
    if (bytes > 0) this.#claim?.resize(bytes)
    else this.release()
  }

  /** Waits no more, now or later; what is held stays. */
  close(): void {
    this.#isClosed = true
    this.#giveUp?.()
  }

  /** Idempotent. */
  release(): void {
    this.#endTurn()
    this.#claim?.release()
    this.#claim = undefined
  }

  async #claimInTurn(wanted: Wanted): Promise<number> {
    const { budget } = this.#parts
    const { turn, giveUp } = budget.reads.take()
    this.#giveUp = giveUp
    this.#hasTurn = await turn
    this.#giveUp = undefined
    // It may have been closed after its turn had come and before it knew.
    if (this.#isClosed) this.#endTurn()
    if (!this.#hasTurn) return 0
    this.#claim = budget.tryClaim(wanted)
    return this.#claim ? this.#claim.bytes : this.#wait(wanted)
  }

  #wait(wanted: Wanted): Promise<number> {
    const { budget, onExpired } = this.#parts
    return new Promise((resolve) => {
      const end = (claimed: number) => {
        this.#giveUp = undefined
        resolve(claimed)
      }
      const leaveLine = budget.wait(wanted, {
        granted: (claim) => {
          this.#claim = claim
          end(claim.bytes)
        },
        expired: (waitedMs) => {
          onExpired(waitedMs)
          end(0)
        },
      })
      this.#giveUp = () => {
        leaveLine()
        end(0)
      }
    })
  }

  #endTurn(): void {
    if (!this.#hasTurn) return
    this.#hasTurn = false
    this.#parts.budget.reads.release()
  }
}
