/**
 * One transactional id: who its producer is, and how far its transaction is (KIP-98, KIP-360, KIP-890). Pure: requests
 * and time go in, effects come out; the coordinator carries them out.
 *
 *            ┌────────── init ◀──────────────┐
 *            ▼                               │
 *   init ─▶ Empty ──add──▶ Ongoing ──end──▶ PrepareCommit ──marked──▶ CompleteCommit ──add──▶ Ongoing
 *                            │  └───end───▶ PrepareAbort  ──marked──▶ CompleteAbort  ──add──▶ Ongoing
 *                            └─ time-out, another init: the epoch grows, then PrepareAbort
 *
 * A step is decided, stored, and only then true: while it is being stored (`#pending`) everyone else is told
 * CONCURRENT_TRANSACTIONS. From PrepareCommit on, the commit is decided for good: after a crash it is carried out. Where
 * the disk refuses, it is tried again later: markers until they are written, a time-out until it is stored.
 *
 * Differs from Apache Kafka: the end is answered when the markers are durable, so what was committed is visible; an init
 * that finds a transaction under way waits until that is aborted, where Kafka answers CONCURRENT_TRANSACTIONS; and the
 * init of a producer that has been fenced does not abort the transaction of the one that came after it.
 */
import type { ErrorName, Outcome } from '../../protocol/error-codes.ts'
import type {
  AddInput,
  EndInput,
  InitInput,
  Now,
  ProducerIdAndEpoch,
  TopicPartition,
  TransactionEffect,
  TransactionReply,
  TransactionSnapshot,
  TransactionVersion,
} from './transaction-messages.ts'

/** From here on a producer id has used up its epochs: one is left for fencing. */
const exhaustedEpoch = 32_766
const noEpoch = -1
const noProducerId = -1n
/** How long to wait before what the disk has refused is tried again: doubled each time. */
const firstRetryMs = 1000
const retryMsMax = 60_000

type After = (now: Now) => TransactionEffect[]

export class Transaction {
  readonly id: string
  #snapshot: TransactionSnapshot
  /** The step that is being stored, what follows when it is, and who has asked for it, if anyone. */
  #pending:
    | {
        readonly snapshot: TransactionSnapshot
        readonly then: After
        readonly token: number | undefined
      }
    | undefined
  /** The reply to whoever ended the transaction, once the markers are written. */
  #onMarked: TransactionEffect[] = []
  /** Inits that wait for the end of the transaction before. */
  #waiting: { readonly input: InitInput; readonly token: number }[] = []
  /** When a transaction under way is aborted, or markers are tried again; monotonic. */
  #deadlineMs = Number.POSITIVE_INFINITY
  #isMarking = false
  /** Of the disk, one after the other, in what nobody asks for again. */
  #failures = 0

  private constructor(id: string, snapshot: TransactionSnapshot) {
    this.id = id
    this.#snapshot = snapshot
  }

  /** A transactional id that is new. */
  static create(id: string, producerId: bigint, timeoutMs: number, now: Now): Transaction {
    return new Transaction(id, {
      producerId,
      previousProducerId: noProducerId,
      nextProducerId: noProducerId,
      producerEpoch: noEpoch,
      lastProducerEpoch: noEpoch,
      timeoutMs,
      status: 'Empty',
      partitions: [],
      startedAtMs: -1,
      updatedAtMs: now.wallMs,
      clientVersion: 0,
    })
  }

  /** As it was stored. A transaction under way gets what is left of its time; ends that are decided go on with `resume`. */
  static restore(id: string, snapshot: TransactionSnapshot, now: Now): Transaction {
    const transaction = new Transaction(id, snapshot)
    const usedMs = Math.max(0, now.wallMs - snapshot.startedAtMs)
    transaction.#startClock(now, Math.max(0, snapshot.timeoutMs - usedMs))
    return transaction
  }

  /** As last stored. */
  get snapshot(): TransactionSnapshot {
    return this.#snapshot
  }

  /** A step is being stored, or markers are being written. */
  get isBusy(): boolean {
    return this.#pending !== undefined || isPreparing(this.#snapshot)
  }

  /** Whether the next step may need a new producer id. */
  get wantsSpareProducerId(): boolean {
    return this.#snapshot.producerEpoch >= exhaustedEpoch - 2
  }

  /** Monotonic milliseconds; Infinity when nothing is due. */
  nextDeadlineMs(): number {
    return this.#pending ? Number.POSITIVE_INFINITY : this.#deadlineMs
  }

  /** A producer begins, or begins anew: it gets an epoch that fences all before it. */
  init(input: InitInput, token: number, now: Now): TransactionEffect[] {
    const { expected } = input
    if (this.#pending) return [refused(token, 'CONCURRENT_TRANSACTIONS')]
    if (isPreparing(this.#snapshot)) {
      if (!this.#isMarking) return [refused(token, 'CONCURRENT_TRANSACTIONS')]
      this.#waiting.push({ input, token })
      return []
    }
    if (expected && !this.#mayBe(expected)) return [refused(token, 'PRODUCER_FENCED')]
    const { status, producerEpoch } = this.#snapshot
    if (status !== 'Ongoing') return this.#initNow(input, token, now)
    // What an old producer left is cleared away by the next; one that has been fenced may not touch it.
    if (expected && expected.producerEpoch !== producerEpoch) {
      return [refused(token, 'PRODUCER_FENCED')]
    }
    this.#waiting.push({ input: { ...input, expected: undefined }, token })
    return this.#fence(now)
  }

  /** Adds partitions to the transaction under way, or begins one with them. */
  addPartitions(input: AddInput, token: number, now: Now): TransactionEffect[] {
    // First: the producer may have been told an id that is true only once the markers are written.
    if (this.isBusy) return [refused(token, 'CONCURRENT_TRANSACTIONS')]
    const fault = this.#faultOf(input)
    if (fault) return [refused(token, fault)]
    const isUnderWay = this.#snapshot.status === 'Ongoing'
    const known = isUnderWay ? this.#snapshot.partitions : []
    const added = input.partitions.filter((partition) => !includes(known, partition))
    if (isUnderWay && added.length === 0) return [this.#granted(token)]
    const snapshot: TransactionSnapshot = {
      ...this.#snapshot,
      status: 'Ongoing',
      partitions: [...known, ...added],
      startedAtMs: isUnderWay ? this.#snapshot.startedAtMs : now.wallMs,
      updatedAtMs: now.wallMs,
      clientVersion: input.clientVersion,
    }
    return this.#store(snapshot, token, (later) => {
      if (!isUnderWay) this.#startClock(later, snapshot.timeoutMs)
      return [this.#granted(token)]
    })
  }

  /** Whether a producer may write to a partition in the transaction under way: Kafka's error name, or NONE. */
  check(producer: ProducerIdAndEpoch, partitions: readonly TopicPartition[]): Outcome {
    // While an addition is being stored the others are in; an end that is being stored lets no one in.
    const isEnding = this.#pending && this.#pending.snapshot.status !== 'Ongoing'
    if (isEnding || isPreparing(this.#snapshot)) return 'CONCURRENT_TRANSACTIONS'
    const fault = this.#faultOf(producer)
    if (fault) return fault
    const { status, partitions: known } = this.#snapshot
    const isIn = status === 'Ongoing' && partitions.every((partition) => includes(known, partition))
    return isIn ? 'NONE' : 'INVALID_TXN_STATE'
  }

  /** Commits or aborts. A retry of what was done is answered as the first time. */
  end(input: EndInput, token: number, now: Now): TransactionEffect[] {
    const { isCommit, clientVersion } = input
    const verdict = clientVersion === 2 ? this.#judgeEnd(input) : this.#judgeOldEnd(input)
    if (verdict === 'done') return [this.#granted(token)]
    if (verdict !== 'go') return [refused(token, verdict)]
    const { status, startedAtMs, producerEpoch, lastProducerEpoch } = this.#snapshot
    const bumps = clientVersion === 2
    const isExhausted = bumps && producerEpoch >= exhaustedEpoch
    const partitions = status === 'Ongoing' ? this.#snapshot.partitions : []
    return this.#prepareEnd(
      {
        ...this.#snapshot,
        status: isCommit ? 'PrepareCommit' : 'PrepareAbort',
        producerEpoch: bumps ? producerEpoch + 1 : producerEpoch,
        lastProducerEpoch: bumps ? producerEpoch : lastProducerEpoch,
        nextProducerId: isExhausted ? input.spareProducerId! : noProducerId,
        partitions,
        startedAtMs: status === 'Ongoing' ? startedAtMs : now.wallMs,
        updatedAtMs: now.wallMs,
        clientVersion,
      },
      token,
    )
  }

  /** Aborts a transaction that has taken longer than its producer said; tries again to write markers. */
  tick(now: Now): TransactionEffect[] {
    if (this.#pending || now.monotonicMs < this.#deadlineMs) return []
    return isPreparing(this.#snapshot) ? this.resume() : this.#fence(now)
  }

  /** Carries out an end that was decided: after a restart, or when its markers could not be written before. */
  resume(): TransactionEffect[] {
    return isPreparing(this.#snapshot) && !this.#isMarking ? [this.#mark()] : []
  }

  /** The snapshot of the last `persist` is durable. */
  persisted(now: Now): TransactionEffect[] {
    const pending = this.#pending!
    this.#pending = undefined
    this.#snapshot = pending.snapshot
    return pending.then(now)
  }

  /** It is not, or may not be. */
  persistFailed(now: Now): TransactionEffect[] {
    const { token } = this.#pending!
    this.#pending = undefined
    // Those that wait do so for an end that was not stored either.
    const waiting = this.#refuseWaiting('COORDINATOR_NOT_AVAILABLE')
    if (token !== undefined) return [refused(token, 'COORDINATOR_NOT_AVAILABLE'), ...waiting]
    this.#retryLater(now)
    return waiting
  }

  /** The markers are durable. */
  marked(now: Now): TransactionEffect[] {
    this.#isMarking = false
    this.#failures = 0
    const { status, nextProducerId, producerId, producerEpoch, previousProducerId } = this.#snapshot
    const isNewId = nextProducerId !== noProducerId
    this.#snapshot = {
      ...this.#snapshot,
      status: status === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
      producerId: isNewId ? nextProducerId : producerId,
      producerEpoch: isNewId ? 0 : producerEpoch,
      previousProducerId: isNewId ? producerId : previousProducerId,
      nextProducerId: noProducerId,
      partitions: [],
      updatedAtMs: now.wallMs,
    }
    const replies = this.#onMarked
    const waiting = this.#waiting
    this.#onMarked = []
    this.#waiting = []
    return [
      { type: 'note', snapshot: this.#snapshot },
      ...replies,
      ...waiting.flatMap(({ input, token }) => this.init(input, token, now)),
    ]
  }

  /** Markers could not be written everywhere: the end is decided all the same, and they are tried again. */
  markFailed(now: Now): TransactionEffect[] {
    this.#isMarking = false
    this.#retryLater(now)
    const replies = this.#onMarked
    this.#onMarked = []
    return [...replies, ...this.#refuseWaiting('CONCURRENT_TRANSACTIONS')]
  }

  #refuseWaiting(error: ErrorName): TransactionEffect[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting.map(({ token }) => refused(token, error))
  }

  #retryLater(now: Now): void {
    const delayMs = Math.min(firstRetryMs * 2 ** this.#failures++, retryMsMax)
    const retryAtMs = now.monotonicMs + delayMs
    // A transaction under way whose abort could not be stored may have time left.
    const isUnderWay = this.#snapshot.status === 'Ongoing'
    this.#deadlineMs = isUnderWay ? Math.max(this.#deadlineMs, retryAtMs) : retryAtMs
  }

  #initNow({ timeoutMs, expected, spareProducerId }: InitInput, token: number, now: Now) {
    const { producerId, previousProducerId, producerEpoch, lastProducerEpoch } = this.#snapshot
    const fresh = {
      ...this.#snapshot,
      status: 'Empty',
      timeoutMs,
      partitions: [],
      startedAtMs: -1,
      updatedAtMs: now.wallMs,
    } as const
    const isExhausted = producerEpoch >= exhaustedEpoch
    if (isExhausted && (!expected || expected.producerEpoch === producerEpoch)) {
      return this.#begin(
        {
          ...fresh,
          producerId: spareProducerId!,
          previousProducerId: producerId,
          producerEpoch: 0,
          lastProducerEpoch: expected ? producerEpoch : noEpoch,
        },
        token,
      )
    }
    if (!expected || producerEpoch === noEpoch || expected.producerEpoch === producerEpoch) {
      return this.#begin(
        {
          ...fresh,
          previousProducerId,
          producerEpoch: producerEpoch + 1,
          lastProducerEpoch: expected ? producerEpoch : noEpoch,
        },
        token,
      )
    }
    // A retry of an init whose answer was lost.
    if (expected.producerEpoch === lastProducerEpoch) return this.#begin(fresh, token)
    return [refused(token, 'PRODUCER_FENCED')]
  }

  #begin(snapshot: TransactionSnapshot, token: number): TransactionEffect[] {
    return this.#store(snapshot, token, () => {
      this.#deadlineMs = Number.POSITIVE_INFINITY
      return [this.#granted(token)]
    })
  }

  /** Aborts with an epoch that shuts out the producer, who has not asked for it. */
  #fence(now: Now): TransactionEffect[] {
    return this.#prepareEnd(
      {
        ...this.#snapshot,
        status: 'PrepareAbort',
        producerEpoch: this.#snapshot.producerEpoch + 1,
        lastProducerEpoch: noEpoch,
        updatedAtMs: now.wallMs,
        // Its producer did not end it: what that one still sends is no retry.
        clientVersion: 0,
      },
      undefined,
    )
  }

  #prepareEnd(snapshot: TransactionSnapshot, token: number | undefined): TransactionEffect[] {
    return this.#store(snapshot, token, () => {
      this.#deadlineMs = Number.POSITIVE_INFINITY
      this.#failures = 0
      if (token !== undefined) {
        const isNewId = snapshot.nextProducerId !== noProducerId
        const producerId = isNewId ? snapshot.nextProducerId : snapshot.producerId
        const producerEpoch = isNewId ? 0 : snapshot.producerEpoch
        this.#onMarked.push(answer(token, { error: 'NONE', producerId, producerEpoch }))
      }
      return [this.#mark()]
    })
  }

  #mark(): TransactionEffect {
    this.#isMarking = true
    this.#deadlineMs = Number.POSITIVE_INFINITY
    const { producerId, producerEpoch, status, partitions } = this.#snapshot
    return {
      type: 'mark',
      producerId,
      producerEpoch,
      isCommit: status === 'PrepareCommit',
      partitions,
    }
  }

  #store(
    snapshot: TransactionSnapshot,
    token: number | undefined,
    then: After,
  ): TransactionEffect[] {
    this.#pending = { snapshot, then, token }
    return [{ type: 'persist', snapshot }]
  }

  #startClock(now: Now, leftMs: number): void {
    const isUnderWay = this.#snapshot.status === 'Ongoing'
    this.#deadlineMs = isUnderWay ? now.monotonicMs + leftMs : Number.POSITIVE_INFINITY
  }

  /** Whether a producer that says who it was may go on under this transactional id; its epoch is looked at later. */
  #mayBe({ producerId, producerEpoch }: ProducerIdAndEpoch): boolean {
    const { producerId: current, previousProducerId, producerEpoch: epoch } = this.#snapshot
    if (epoch === noEpoch || producerId === current) return true
    return producerId === previousProducerId && producerEpoch >= exhaustedEpoch
  }

  #faultOf({ producerId, producerEpoch }: ProducerIdAndEpoch): ErrorName | undefined {
    if (producerId !== this.#snapshot.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
    return this.#isCurrent(producerEpoch) ? undefined : 'PRODUCER_FENCED'
  }

  /** The very last epoch fences, and is nobody's: there is none after it. */
  #isCurrent(producerEpoch: number): boolean {
    return producerEpoch === this.#snapshot.producerEpoch && producerEpoch <= exhaustedEpoch
  }

  /** Before version 2: the same epoch for many transactions, so a retry cannot be told from a mistake by it. */
  #judgeOldEnd(input: EndInput): 'go' | 'done' | ErrorName {
    const fault = this.#faultOf(input)
    if (fault) return fault
    if (this.isBusy) return 'CONCURRENT_TRANSACTIONS'
    const { status } = this.#snapshot
    if (status === 'Ongoing') return 'go'
    return status === (input.isCommit ? 'CompleteCommit' : 'CompleteAbort')
      ? 'done'
      : 'INVALID_TXN_STATE'
  }

  /** KIP-890: each end raises the epoch, so one that comes with the epoch before is a retry. */
  #judgeEnd({ producerId, producerEpoch, isCommit }: EndInput): 'go' | 'done' | ErrorName {
    // First: the producer may go by an id that is true only once the markers are written.
    if (this.isBusy) return 'CONCURRENT_TRANSACTIONS'
    const current = this.#snapshot
    const wasVersion2: boolean = current.clientVersion === (2 satisfies TransactionVersion)
    const isRetryOverIds =
      wasVersion2 &&
      producerId === current.previousProducerId &&
      producerEpoch >= exhaustedEpoch &&
      current.producerEpoch === 0
    if (producerId !== current.producerId && !isRetryOverIds) return 'INVALID_PRODUCER_ID_MAPPING'
    const isRetry =
      isRetryOverIds ||
      (wasVersion2 &&
        producerId === current.producerId &&
        current.producerEpoch === producerEpoch + 1)
    if (!isRetry && !this.#isCurrent(producerEpoch)) return 'PRODUCER_FENCED'
    const isComplete = current.status === 'CompleteCommit' || current.status === 'CompleteAbort'
    if (isRetry && isComplete)
      return (current.status === 'CompleteCommit') === isCommit ? 'done' : 'INVALID_TXN_STATE'
    if (isRetry) return 'PRODUCER_FENCED'
    if (current.status === 'Ongoing') return 'go'
    // A transaction that nothing was written in: an abort raises the epoch all the same.
    return isCommit ? 'INVALID_TXN_STATE' : 'go'
  }

  #granted(token: number): TransactionEffect {
    const { producerId, producerEpoch } = this.#snapshot
    return answer(token, { error: 'NONE', producerId, producerEpoch })
  }
}

function isPreparing({ status }: TransactionSnapshot): boolean {
  return status === 'PrepareCommit' || status === 'PrepareAbort'
}

function includes(list: readonly TopicPartition[], { topic, partition }: TopicPartition): boolean {
  return list.some((other) => other.topic === topic && other.partition === partition)
}

function refused(token: number, error: ErrorName): TransactionEffect {
  return answer(token, { error, producerId: noProducerId, producerEpoch: noEpoch })
}

function answer(token: number, reply: TransactionReply): TransactionEffect {
  return { type: 'reply', token, reply }
}
