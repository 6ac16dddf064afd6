/**
 * Hosts the transactional ids: drives their state machines, stores their steps in `__transaction_state`, has markers
 * written, and aborts what takes too long.
 *
 *   commit: PrepareCommit durable ─ markers durable in every partition ─ answer ─ CompleteCommit noted
 */

import { KafkaError } from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import { nextTurn } from '../../core/turn.ts'
import type { ErrorName, Outcome } from '../../protocol/error-codes.ts'
import { levelOf } from '../log/disk-reserve.ts'
import type { KeyedRecord } from '../topics/keyed-log.ts'
import { Transaction } from './transaction.ts'
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
} from './transaction-messages.ts'
import {
  decodeTransactionKey,
  decodeTransactionValue,
  encodeTransactionKey,
  encodeTransactionValue,
} from './transaction-records.ts'

/** An end that is to be written to partitions. */
export interface EndMarker extends ProducerIdAndEpoch {
  readonly isCommit: boolean
  readonly partitions: readonly TopicPartition[]
}

export interface TransactionCoordinatorOptions {
  readonly runtime: Runtime
  /** Longest time that a producer may ask for, milliseconds. */
  readonly maxTimeoutMs: number
  /** How long a transactional id that is not used is remembered, milliseconds. */
  readonly expirationMs: number
  /** Appends to `__transaction_state`; durable when it resolves. */
  readonly append: (records: readonly KeyedRecord[]) => Promise<unknown>
  /** The same without the wait. */
  readonly appendSoon: (records: readonly KeyedRecord[]) => unknown
  readonly nextProducerId: () => Promise<bigint>
  /** Resolves when the markers are durable, rejects when one cannot be written. */
  readonly writeMarkers: (marker: EndMarker) => Promise<void>
}

interface Hosted {
  readonly transaction: Transaction
  /** Admissions that wait for a step to be stored; later ones queue behind them. */
  admissions: number
  lastAdmission: Promise<unknown>
  timer: Timer | undefined
  timerAtMs: number
}

export interface AdmitInput extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: readonly TopicPartition[]
  /** The write itself adds its partitions to the transaction (KIP-890); else they must be in it. */
  readonly isImplicit: boolean
}

const refusal = { producerId: -1n, producerEpoch: -1 } as const

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #hosted = new Map<string, Hosted>()
  readonly #waiting = new Map<number, (reply: TransactionReply) => void>()
  /** Ids that are being made, so that two producers at a time make one. */
  readonly #creating = new Map<string, Promise<Hosted>>()
  readonly #work = new Set<Promise<void>>()
  #nextToken = 1
  #isClosed = false

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
  }

  /** Replays one record of `__transaction_state`; call in log order, then `resume`. Throws `CorruptDataError`. */
  load(keyBytes: Uint8Array, value: Uint8Array | null): void {
    const id = decodeTransactionKey(keyBytes)
    if (id === undefined) return
    if (!value) this.#hosted.delete(id)
    else this.#host(Transaction.restore(id, decodeTransactionValue(value), this.#now()))
  }

  /** Ends loading. Resolves when the ends that were decided before the restart are carried out, or have failed. */
  async resume(): Promise<void> {
    const all = [...this.#hosted.values()]
    await Promise.all(all.map((hosted) => this.#run(hosted, hosted.transaction.resume())))
    for (const hosted of all) this.#setTimer(hosted)
  }

  /** Registers a producer, whose epoch fences earlier ones. */
  async init(
    transactionalId: string,
    input: Omit<InitInput, 'spareProducerId'>,
  ): Promise<TransactionReply> {
    const { timeoutMs } = input
    if (timeoutMs <= 0 || timeoutMs > this.#options.maxTimeoutMs) {
      return { error: 'INVALID_TRANSACTION_TIMEOUT', ...refusal }
    }
    for (;;) {
      if (this.#isClosed) return unavailable()
      const hosted =
        this.#hosted.get(transactionalId) ?? (await this.#create(transactionalId, timeoutMs))
      const spareProducerId = await this.#spareFor(hosted)
      // The id may have expired meanwhile.
      if (this.#hosted.get(transactionalId) !== hosted) continue
      return this.#request(hosted, (token, now) =>
        hosted.transaction.init({ ...input, spareProducerId }, token, now),
      )
    }
  }

  /** Kafka's error name, or NONE. */
  async addPartitions(transactionalId: string, input: AddInput): Promise<Outcome> {
    const hosted = this.#hosted.get(transactionalId)
    if (!hosted) return unknownId(transactionalId)
    const { error } = await this.#request(hosted, (token, now) =>
      hosted.transaction.addPartitions(input, token, now),
    )
    return error
  }

  /** Resolves when the end is carried out. */
  async end(
    transactionalId: string,
    input: Omit<EndInput, 'spareProducerId'>,
  ): Promise<TransactionReply> {
    const hosted = this.#hosted.get(transactionalId)
    if (!hosted) return { error: unknownId(transactionalId), ...refusal }
    const spareProducerId = await this.#spareFor(hosted)
    if (this.#hosted.get(transactionalId) !== hosted) return unavailable()
    return this.#request(hosted, (token, now) =>
      hosted.transaction.end({ ...input, spareProducerId }, token, now),
    )
  }

  /**
   * Whether a producer may write to these partitions now; see `check` for what must be asked again after a wait.
   * Requests of one producer are let in one after the other, so pipelined ones keep their order.
   */
  async admit(input: AdmitInput): Promise<Outcome> {
    const hosted = this.#hosted.get(input.transactionalId)
    if (!hosted) return unknownId(input.transactionalId)
    if (hosted.admissions === 0) {
      const verdict = this.check(input)
      if (verdict !== 'INVALID_TXN_STATE' || !input.isImplicit) return verdict
    }
    hosted.admissions++
    const before = hosted.lastAdmission
    const admission = before.then(() => this.#admitNow(input))
    hosted.lastAdmission = admission.catch(() => undefined)
    return admission.finally(() => {
      // Only after its write, which follows in this turn: one that needs no wait would overtake it.
      void nextTurn().then(() => hosted.admissions--)
    })
  }

  /** Without a wait: Kafka's error name, or NONE. A write must follow in the same turn. */
  check({ transactionalId, partitions, ...producer }: AdmitInput): Outcome {
    const { transaction } = this.#hosted.get(transactionalId) ?? {}
    return transaction ? transaction.check(producer, partitions) : unknownId(transactionalId)
  }

  find(transactionalId: string): TransactionSnapshot | undefined {
    return this.#hosted.get(transactionalId)?.transaction.snapshot
  }

  *all(): Generator<[transactionalId: string, snapshot: TransactionSnapshot], undefined> {
    for (const [id, { transaction }] of this.#hosted) yield [id, transaction.snapshot]
    return undefined
  }

  /** Forgets ids that have not been used for `expirationMs`; `nowMs` is the time that retention goes by. Throws `StorageError`. */
  async expire(nowMs: number): Promise<void> {
    const oldestMs = nowMs - this.#options.expirationMs
    for (const [id, { transaction, admissions }] of [...this.#hosted]) {
      const { status, updatedAtMs } = transaction.snapshot
      const isUsed = transaction.isBusy || admissions > 0 || status === 'Ongoing'
      if (isUsed || updatedAtMs > oldestMs) continue
      // In memory at once: a producer that comes now gets a new id, stored after the removal.
      this.#hosted.delete(id)
      await this.#options.append([{ key: encodeTransactionKey(id), value: null }])
    }
  }

  /** What is under way is finished. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { timer } of this.#hosted.values()) timer?.cancel()
    await Promise.allSettled([...this.#work])
  }

  async #admitNow(input: AdmitInput): Promise<Outcome> {
    const verdict = this.check(input)
    if (verdict !== 'INVALID_TXN_STATE' || !input.isImplicit) return verdict
    const { producerId, producerEpoch, partitions } = input
    const added = await this.addPartitions(input.transactionalId, {
      producerId,
      producerEpoch,
      partitions,
      clientVersion: 2,
    })
    return added
  }

  #create(transactionalId: string, timeoutMs: number): Promise<Hosted> {
    let creating = this.#creating.get(transactionalId)
    if (!creating) {
      creating = this.#options
        .nextProducerId()
        .then((producerId) =>
          this.#host(Transaction.create(transactionalId, producerId, timeoutMs, this.#now())),
        )
        .finally(() => this.#creating.delete(transactionalId))
      this.#creating.set(transactionalId, creating)
    }
    return creating
  }

  #host(transaction: Transaction): Hosted {
    const hosted: Hosted = {
      transaction,
      admissions: 0,
      lastAdmission: Promise.resolve(),
      timer: undefined,
      timerAtMs: Number.POSITIVE_INFINITY,
    }
    this.#hosted.set(transaction.id, hosted)
    return hosted
  }

  #spareFor({ transaction }: Hosted): Promise<bigint> | undefined {
    return transaction.wantsSpareProducerId ? this.#options.nextProducerId() : undefined
  }

  #request(
    hosted: Hosted,
    act: (token: number, now: Now) => TransactionEffect[],
  ): Promise<TransactionReply> {
    if (this.#isClosed) return Promise.resolve(unavailable())
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve)
      void this.#run(hosted, act(token, this.#now()))
    })
  }

  /** Never rejects. */
  #run(hosted: Hosted, effects: readonly TransactionEffect[]): Promise<void> {
    const work = this.#carryOut(hosted, effects)
    this.#work.add(work)
    return work.finally(() => this.#work.delete(work))
  }

  async #carryOut(hosted: Hosted, effects: readonly TransactionEffect[]): Promise<void> {
    for (const effect of effects) {
      if (effect.type === 'reply') this.#deliver(effect.token, effect.reply)
      else if (effect.type === 'note') this.#note(hosted, effect.snapshot)
      else if (effect.type === 'persist') await this.#persist(hosted, effect.snapshot)
      else await this.#mark(hosted, effect)
    }
    this.#setTimer(hosted)
  }

  async #persist(hosted: Hosted, snapshot: TransactionSnapshot): Promise<void> {
    const { transaction } = hosted
    try {
      await this.#options.append([recordOf(transaction.id, snapshot)])
    } catch (error) {
      this.#options.runtime.logger[levelOf(error, 'error')](
        { err: error, transactionalId: transaction.id },
        'a step of a transaction could not be stored',
      )
      return this.#carryOut(hosted, transaction.persistFailed(this.#now()))
    }
    return this.#carryOut(hosted, transaction.persisted(this.#now()))
  }

  #note({ transaction }: Hosted, snapshot: TransactionSnapshot): void {
    try {
      this.#options.appendSoon([recordOf(transaction.id, snapshot)])
    } catch (error) {
      this.#options.runtime.logger[levelOf(error, 'warn')](
        { err: error, transactionalId: transaction.id },
        'the end of a transaction could not be recorded; a restart will repeat it',
      )
    }
  }

  async #mark(hosted: Hosted, marker: EndMarker): Promise<void> {
    const { transaction } = hosted
    try {
      await this.#options.writeMarkers(marker)
    } catch (error) {
      this.#options.runtime.logger[levelOf(error, 'error')](
        { err: error, transactionalId: transaction.id },
        'the end of a transaction could not be written to every partition; this will be retried',
      )
      return this.#carryOut(hosted, transaction.markFailed(this.#now()))
    }
    return this.#carryOut(hosted, transaction.marked(this.#now()))
  }

  #deliver(token: number, reply: TransactionReply): void {
    this.#waiting.get(token)?.(reply)
    this.#waiting.delete(token)
  }

  #setTimer(hosted: Hosted): void {
    const { runtime } = this.#options
    const dueAtMs = this.#isClosed ? Number.POSITIVE_INFINITY : hosted.transaction.nextDeadlineMs()
    if (hosted.timer && hosted.timerAtMs === dueAtMs) return
    hosted.timer?.cancel()
    hosted.timer = undefined
    if (dueAtMs === Number.POSITIVE_INFINITY) return
    hosted.timerAtMs = dueAtMs
    const onTime = () => {
      hosted.timer = undefined
      void this.#run(hosted, hosted.transaction.tick(this.#now()))
    }
    const delayMs = Math.max(0, dueAtMs - runtime.monotonicNow())
    hosted.timer = runtime.setTimer(delayMs, onTime, { background: true })
  }

  #now(): Now {
    const { runtime } = this.#options
    return { wallMs: runtime.now(), monotonicMs: runtime.monotonicNow() }
  }
}

function recordOf(id: string, snapshot: TransactionSnapshot): KeyedRecord {
  return { key: encodeTransactionKey(id), value: encodeTransactionValue(snapshot) }
}

function unknownId(transactionalId: string): ErrorName {
  return transactionalId === '' ? 'INVALID_REQUEST' : 'INVALID_PRODUCER_ID_MAPPING'
}

function unavailable(): TransactionReply {
  return { error: 'COORDINATOR_NOT_AVAILABLE', ...refusal }
}

/** The error that a refusal is, with Kafka's code. */
export function refusedByTransaction(code: ErrorName, transactionalId: string): KafkaError {
  const reasons: { readonly [code in ErrorName]?: string } = {
    INVALID_TXN_STATE: 'the partition is not in an open transaction',
    INVALID_PRODUCER_ID_MAPPING: 'the producer does not belong to this transactional id',
    INVALID_PRODUCER_EPOCH: 'a newer producer with this transactional id has taken over',
    CONCURRENT_TRANSACTIONS: 'the previous transaction is not over yet',
  }
  return new KafkaError(`Transactional id '${transactionalId}': ${reasons[code] ?? code}`, { code })
}
