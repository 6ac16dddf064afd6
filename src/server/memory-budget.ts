/**
 * The memory that all connections of a server share: for requests that have come or begun to come, and for answers that
 * have not left. Whoever wants a large piece claims it before it is allocated; whoever finds too little free waits for its
 * turn, first come first served, and reads nothing from its socket meanwhile.
 *
 *             ┌──────────────┬──────────────┬────────────────────────────┐
 *             │ requests ¼   │ answers ¼    │ shared ½                   │
 *             └──────────────┴──────────────┴────────────────────────────┘
 *   request         first         never              then
 *   answer          never         first              then
 *   largeRequest    never         never              only
 *
 * So large requests hold up neither others' small ones nor answers, and neither of those starves the large: what only the
 * shared half can serve is served in the order in which it came. No claim waits while it holds another that the other side
 * of the connection could not finish, so there is no deadlock; a request that the shared half could never hold is refused
 * by its reader.
 *
 * A peer that stands still holds memory up to its time limits. When somebody has waited for `slowConnectionGrace`, those
 * that have kept theirs as long are dropped, first those that have moved least in that time, and among them those that
 * hold most, until the first in line is served.
 *
 * Kafka's `queued.max.request.bytes` bounds requests alone, because its answers go from file to socket; it has one queue,
 * and no remedy against peers that stand still.
 */

import { Fifo } from '../core/fifo.ts'
import { Gate } from '../core/gate.ts'
import type { Runtime, Timer } from '../core/runtime.ts'

export type ClaimKind = 'request' | 'largeRequest' | 'answer'

/** The other end of a connection, which has to act before the memory is free again. */
export interface SlowPeer {
  /** Bytes that have come from it, or gone to it, since it has been held for it. */
  readonly movedBytes: () => number
  /** Ends the connection and releases what it holds, at once. */
  readonly drop: () => void
}

export interface Wanted {
  readonly kind: ClaimKind
  readonly bytes: number
  /** With less nothing can be done. Default: `bytes`. */
  readonly leastBytes?: number
}

export interface Waiter {
  readonly granted: (claim: Claim) => void
  /** The wait took too long. */
  readonly expired: (waitedMs: number) => void
}

export interface MemoryLimits {
  readonly queuedMaxRequestBytes: number
  readonly memoryWaitTimeout: number
  readonly slowConnectionGrace: number
}

/** Fetches that read at a time: as many as Node has threads for files. */
const readsAtATime = 4
/** An answer gets no more than this share of what is free, so that many can be served at a time. */
const answerShare = 8
/** Requests are large from here on, bytes: a producer's usual request is not. */
const largeRequestBytes = 2 * 1024 * 1024

interface Waiting extends Waiter {
  readonly ticket: number
  readonly wanted: Required<Wanted>
  readonly since: number
  readonly timer: Timer
  hasLeft: boolean
}

export class MemoryBudget {
  readonly bytesMax: number
  /** Turns of those that read what they have claimed memory for. */
  readonly reads = new Gate(readsAtATime)
  /** Requests that are longer are large. */
  readonly largeFromBytes: number
  readonly #runtime: Runtime
  readonly #limits: MemoryLimits
  readonly #held: Record<ClaimKind, number> = { request: 0, largeRequest: 0, answer: 0 }
  readonly #own: Readonly<Record<ClaimKind, number>>
  readonly #sharedBytes: number
  readonly #lines: Readonly<Record<ClaimKind, Fifo<Waiting>>> = {
    request: new Fifo(),
    largeRequest: new Fifo(),
    answer: new Fifo(),
  }
  readonly #waitingCounts: Record<ClaimKind, number> = { request: 0, largeRequest: 0, answer: 0 }
  /** Claims that a peer has to act for. */
  readonly #peers = new Set<Claim>()
  #tickets = 0
  #reliefTimer: Timer | undefined
  #isServingSoon = false

  constructor(runtime: Runtime, limits: MemoryLimits) {
    this.#runtime = runtime
    this.#limits = limits
    this.bytesMax = limits.queuedMaxRequestBytes
    const own = Math.floor(this.bytesMax / 4)
    this.#own = { request: own, largeRequest: 0, answer: own }
    this.#sharedBytes = this.bytesMax - 2 * own
    this.largeFromBytes = Math.min(largeRequestBytes, Math.floor(this.bytesMax / 32))
  }

  /** The longest request that can ever be held, bytes. */
  get requestBytesMax(): number {
    return this.#sharedBytes
  }

  heldBytes(kind: ClaimKind): number {
    return this.#held[kind]
  }

  waiting(kind: ClaimKind): number {
    return this.#waitingCounts[kind]
  }

  /** Nothing is left of what all share, nor of what requests or answers have of their own: whoever can do with less does. */
  get isShort(): boolean {
    if (this.#sharedFree() > 0) return false
    return kinds.some((kind) => this.#own[kind] > 0 && this.#held[kind] >= this.#own[kind])
  }

  /** What is wanted, or of an answer's a part; undefined when it has to wait. */
  tryClaim(wanted: Wanted): Claim | undefined {
    const full = { leastBytes: wanted.bytes, ...wanted }
    if (this.#firstOf(wanted.kind)) return undefined
    const mayShare = !kinds.some((kind) => this.#firstOf(kind))
    const bytes = this.#grantable(full, mayShare)
    return bytes < 0 ? undefined : new Claim(this.#ledger, wanted.kind, bytes)
  }

  /** As `tryClaim`, when its turn comes. Returns what takes the wish back. */
  wait(wanted: Wanted, waiter: Waiter): () => void {
    const since = this.#runtime.monotonicNow()
    const waiting: Waiting = {
      ...waiter,
      ticket: this.#tickets++,
      wanted: { leastBytes: wanted.bytes, ...wanted },
      since,
      hasLeft: false,
      timer: this.#runtime.setTimer(
        this.#limits.memoryWaitTimeout,
        () => {
          this.#leave(waiting)
          waiter.expired(this.#runtime.monotonicNow() - since)
          this.#serveSoon()
        },
        { background: true },
      ),
    }
    this.#lines[wanted.kind].push(waiting)
    this.#waitingCounts[wanted.kind]++
    this.#serveSoon()
    if (!this.#reliefTimer) for (const claim of this.#peers) claim.lookAnew()
    this.#watchSlowPeers()
    return () => {
      if (waiting.hasLeft) return
      this.#leave(waiting)
      this.#serveSoon()
    }
  }

  /** A claim of nothing, for what is counted and never waits: see `Claim.resize`. */
  open(kind: ClaimKind): Claim {
    return new Claim(this.#ledger, kind, 0)
  }

  readonly #ledger: Ledger = {
    count: (kind, bytes) => {
      this.#held[kind] += bytes
      if (bytes < 0) this.#serveSoon()
    },
    watch: (claim, isWatched) => {
      if (isWatched) this.#peers.add(claim)
      else this.#peers.delete(claim)
    },
    now: () => this.#runtime.monotonicNow(),
  }

  /** Whoever has just released something finishes first. */
  #serveSoon(): void {
    if (this.#isServingSoon || kinds.every((kind) => this.#waitingCounts[kind] === 0)) return
    this.#isServingSoon = true
    queueMicrotask(() => {
      this.#isServingSoon = false
      this.#serve()
    })
  }

  /** Grants what can be granted, in order. */
  #serve(): void {
    while (this.#serveOne());
  }

  #serveOne(): boolean {
    let mayShare = true
    for (const waiting of this.#heads()) {
      const { wanted } = waiting
      const bytes = this.#grantable(wanted, mayShare)
      if (bytes >= 0) {
        this.#leave(waiting)
        waiting.granted(new Claim(this.#ledger, wanted.kind, bytes))
        return true
      }
      // It came first, so what all share is kept for it.
      mayShare = false
    }
    return false
  }

  /** How much of it can be had now; -1: it has to wait. */
  #grantable({ kind, bytes, leastBytes }: Required<Wanted>, mayShare: boolean): number {
    const ownFree = Math.max(0, this.#own[kind] - this.#held[kind])
    const free = ownFree + (mayShare ? this.#sharedFree() : 0)
    // What could never be had is not waited for: the batch that is due is larger than all that answers may hold.
    const least = Math.min(leastBytes, this.#own[kind] + this.#sharedBytes)
    if (least > free) return -1
    return Math.max(least, Math.min(bytes, Math.floor(free / answerShare)))
  }

  #sharedFree(): number {
    let used = 0
    for (const kind of kinds) used += Math.max(0, this.#held[kind] - this.#own[kind])
    return Math.max(0, this.#sharedBytes - used)
  }

  #firstOf(kind: ClaimKind): Waiting | undefined {
    this.#skipGone(kind)
    return this.#lines[kind].peek()
  }

  /** Its place in the line is taken away when it comes to the front. */
  #leave(waiting: Waiting): void {
    waiting.hasLeft = true
    waiting.timer.cancel()
    this.#waitingCounts[waiting.wanted.kind]--
  }

  #skipGone(kind: ClaimKind): void {
    const line = this.#lines[kind]
    while (line.peek()?.hasLeft) line.shift()
  }

  /** The first of each line, by their tickets. */
  #heads(): Waiting[] {
    const heads = kinds.flatMap((kind) => this.#firstOf(kind) ?? [])
    return heads.sort((a, b) => a.ticket - b.ticket)
  }

  #watchSlowPeers(): void {
    const heads = this.#heads()
    if (this.#reliefTimer || heads.length === 0) return
    const { slowConnectionGrace } = this.#limits
    const relieve = () => {
      this.#reliefTimer = undefined
      this.#dropSlowPeers()
      this.#watchSlowPeers()
    }
    const waitedMs = this.#runtime.monotonicNow() - heads[0]!.since
    for (const claim of this.#peers) claim.look()
    const delayMs = Math.max(slowConnectionGrace / 2, slowConnectionGrace - waitedMs)
    this.#reliefTimer = this.#runtime.setTimer(delayMs, relieve, { background: true })
  }

  /**
   * Until nobody has waited too long, or nobody is slow. But for one large request at a time: when all that come are no
   * better than those that go, the more are let in, the more work they make.
   */
  #dropSlowPeers(): void {
    const { slowConnectionGrace } = this.#limits
    const now = this.#runtime.monotonicNow()
    const [firstLarge] = this.#heads().filter(({ wanted }) => wanted.kind === 'largeRequest')
    const isDue = (waiting: Waiting) =>
      now - waiting.since >= slowConnectionGrace &&
      (waiting.wanted.kind !== 'largeRequest' || waiting === firstLarge)
    for (;;) {
      const late = this.#heads().filter(isDue)
      let slowest: Claim | undefined
      for (const waiting of late) slowest ??= this.#slowestFor(waiting, now)
      if (!slowest) return
      slowest.peer!.drop()
      slowest.release()
      this.#serve()
    }
  }

  /** Of the claims that stand in its way. */
  #slowestFor({ wanted }: Waiting, now: number): Claim | undefined {
    let slowest: Claim | undefined
    for (const claim of this.#peers) {
      const { kind, peerSince } = claim
      const isInTheWay = kind === wanted.kind || this.#held[kind] > this.#own[kind]
      if (!isInTheWay || now - peerSince < this.#limits.slowConnectionGrace) continue
      if (!slowest || isSlower(claim, slowest)) slowest = claim
    }
    return slowest
  }
}

function isSlower(a: Claim, b: Claim): boolean {
  const difference = a.movedLately - b.movedLately
  return difference < 0 || (difference === 0 && a.bytes > b.bytes)
}

const kinds = ['request', 'largeRequest', 'answer'] as const

interface Ledger {
  readonly count: (kind: ClaimKind, bytes: number) => void
  readonly watch: (claim: Claim, isWatched: boolean) => void
  readonly now: () => number
}

/** Memory that is counted until it is released. */
export class Claim {
  readonly kind: ClaimKind
  readonly #ledger: Ledger
  #bytes = 0
  #peer: SlowPeer | undefined
  #peerSince = 0
  /** What the peer had moved at the last two looks, older first. */
  #movedBefore: [number, number] = [0, 0]

  constructor(ledger: Ledger, kind: ClaimKind, bytes: number) {
    this.#ledger = ledger
    this.kind = kind
    this.resize(bytes)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whom it is held for, if it is for somebody. */
  get peer(): SlowPeer | undefined {
    return this.#peer
  }

  /** Since when, by the monotonic clock. */
  get peerSince(): number {
    return this.#peerSince
  }

  /** Bytes that the peer has moved since the look before the last. */
  get movedLately(): number {
    return this.#peer ? this.#peer.movedBytes() - this.#movedBefore[0] : 0
  }

  /** As `look`, as if the look before had been now. */
  lookAnew(): void {
    this.look()
    this.look()
  }

  /** Notes how far the peer is. */
  look(): void {
    if (this.#peer) this.#movedBefore = [this.#movedBefore[1], this.#peer.movedBytes()]
  }

  /** To what is held in fact. It never waits: a batch that is due may be larger than what was free. */
  resize(bytes: number): void {
    const grown = bytes - this.#bytes
    if (grown === 0) return
    this.#bytes = bytes
    this.#ledger.count(this.kind, grown)
  }

  /** From now on it is the peer's turn; undefined: it is ours. */
  awaitPeer(peer: SlowPeer | undefined): void {
    this.#peer = peer
    this.#peerSince = this.#ledger.now()
    this.#movedBefore = [0, 0]
    this.#ledger.watch(this, peer !== undefined)
  }

  /** Idempotent. */
  release(): void {
    this.awaitPeer(undefined)
    this.resize(0)
  }
}
