/**
 * Runs the transcripts in `scenarios/`: steps against the state machine of one transactional id, and below each what comes
 * of it. UPDATE_SCENARIOS=1 writes what comes now; read the difference before you keep it.
 *
 *   init LABEL [timeout=MS] [expected=ID/EPOCH]
 *   add LABEL PRODUCER PARTITION,… [tv=2]        AddPartitionsToTxn; tv=2: what a write does by itself
 *   write PRODUCER PARTITION,…                   whether a write may go to these partitions
 *   commit LABEL PRODUCER [tv=2]                 tv=2: as EndTxn v5 (KIP-890)
 *   abort LABEL PRODUCER [tv=2]
 *   t=N                                          lets time pass up to N milliseconds (and the id act on it)
 *   hold store | hold mark                       from now on what is stored, or marked, is not done at once,
 *   stored | not stored | marked | not marked    … but when this says so
 *   restart                                      the coordinator starts again from what was stored
 *   epoch N                                      (to begin with) the producer's epoch is N, as after many inits
 *
 * PRODUCER is ID/EPOCH. New producer ids are 1, 2, 3. An id that has none yet gets `create`d by its first init.
 */
import { fileURLToPath } from 'node:url'
import { testTranscripts } from '../../../test/transcripts.ts'
import { Transaction } from './transaction.ts'
import type {
  Now,
  ProducerIdAndEpoch,
  TopicPartition,
  TransactionEffect,
  TransactionSnapshot,
  TransactionVersion,
} from './transaction-messages.ts'
import { decodeTransactionValue, encodeTransactionValue } from './transaction-records.ts'

const folder = fileURLToPath(new URL('scenarios/', import.meta.url))
const startMs = 1_000_000
const defaultTimeoutMs = 60_000

class Scenario {
  #nowMs = 0
  #nextProducerId = 1n
  #transaction: Transaction
  #stored: Uint8Array | undefined
  readonly #labels: string[] = []
  readonly #answered = new Set<number>()
  readonly #held = new Set<string>()
  #waiting: (TransactionEffect & { type: 'persist' | 'mark' }) | undefined

  constructor() {
    this.#transaction = Transaction.create('id', this.#newId(), defaultTimeoutMs, this.#now())
  }

  /** What a step does, a line each, and the state it leaves. */
  step(line: string): string[] {
    const words = line.split(/\s+/)
    const time = /^t=(\d+)$/.exec(line)
    const out = time ? this.#passTime(Number(time[1])) : this.#act(words)
    return [...out, this.#state()]
  }

  #passTime(until: number): string[] {
    const out: string[] = []
    const due = () => this.#transaction.nextDeadlineMs()
    for (let at = due(); at <= until; at = due()) {
      this.#nowMs = Math.max(this.#nowMs, at)
      const effects = this.#transaction.tick(this.#now())
      const shown = this.#carryOut(effects).map((text) => `at ${this.#nowMs}: ${text}`)
      out.push(...shown)
      if (shown.length === 0) throw new Error(`a tick at ${at} does nothing and is due again`)
    }
    this.#nowMs = until
    return out
  }

  #act([verb, first = '', second = '', ...rest]: string[]): string[] {
    const options = new Map([...rest, second].map((text) => text.split('=') as [string, string]))
    const clientVersion: TransactionVersion = options.get('tv') === '2' ? 2 : 0
    const transaction = this.#transaction
    switch (verb) {
      case 'hold':
        this.#held.add(first)
        return []
      case 'stored':
      case 'marked':
        return this.#done(verb, true)
      case 'not':
        return this.#done(first, false)
      case 'restart':
        return this.#restart()
      case 'epoch':
        return this.#reachEpoch(Number(first))
      case 'write':
        return [transaction.check(producerIn(first), partitionsIn(second))]
      case 'init':
        return this.#init(first, [second, ...rest])
      case 'add': {
        const partitions = partitionsIn(rest[0]!)
        const input = { ...producerIn(second), partitions, clientVersion }
        return this.#carryOut(transaction.addPartitions(input, this.#token(first), this.#now()))
      }
      case 'commit':
      case 'abort': {
        const spareProducerId = this.#spare()
        const isCommit = verb === 'commit'
        const input = { ...producerIn(second), isCommit, clientVersion, spareProducerId }
        return this.#carryOut(transaction.end(input, this.#token(first), this.#now()))
      }
      default:
        throw new Error(`unknown step: ${verb}`)
    }
  }

  #init(label: string, given: readonly string[]): string[] {
    const options = new Map(given.map((text) => text.split('=') as [string, string]))
    const expected = options.get('expected')
    const input = {
      timeoutMs: Number(options.get('timeout') ?? defaultTimeoutMs),
      expected: expected === undefined ? undefined : producerIn(expected),
      spareProducerId: this.#spare(),
    }
    return this.#carryOut(this.#transaction.init(input, this.#token(label), this.#now()))
  }

  #done(what: string, isDone: boolean): string[] {
    const waiting = this.#waiting
    if (waiting?.type !== (what === 'stored' ? 'persist' : 'mark'))
      throw new Error(`nothing waits to be ${what}`)
    this.#waiting = undefined
    return this.#carryOut(
      waiting.type === 'persist' ? this.#persist(waiting.snapshot, isDone) : this.#mark(isDone),
    )
  }

  #persist(snapshot: TransactionSnapshot, isDone: boolean): TransactionEffect[] {
    if (!isDone) return this.#transaction.persistFailed(this.#now())
    this.#stored = encodeTransactionValue(snapshot)
    return this.#transaction.persisted(this.#now())
  }

  #mark(isDone: boolean): TransactionEffect[] {
    return isDone
      ? this.#transaction.marked(this.#now())
      : this.#transaction.markFailed(this.#now())
  }

  #restart(): string[] {
    this.#waiting = undefined
    for (let token = 0; token < this.#labels.length; token++) this.#answered.add(token)
    if (!this.#stored) throw new Error('nothing was stored')
    const snapshot = decodeTransactionValue(this.#stored)
    this.#transaction = Transaction.restore('id', snapshot, this.#now())
    return this.#carryOut(this.#transaction.resume())
  }

  #reachEpoch(producerEpoch: number): string[] {
    const snapshot = { ...this.#transaction.snapshot, producerEpoch }
    this.#stored = encodeTransactionValue(snapshot)
    this.#transaction = Transaction.restore('id', snapshot, this.#now())
    return []
  }

  /** Carries effects out, and shows them. */
  #carryOut(effects: readonly TransactionEffect[]): string[] {
    return effects.flatMap((effect) => {
      if (effect.type === 'reply') return [this.#reply(effect)]
      if (effect.type === 'note') {
        this.#stored = encodeTransactionValue(effect.snapshot)
        return [`note ${show(effect.snapshot)}`]
      }
      const isStore = effect.type === 'persist'
      const text = isStore ? `store ${show(effect.snapshot)}` : showMark(effect)
      if (this.#held.has(isStore ? 'store' : 'mark')) {
        if (this.#waiting) throw new Error('two effects wait at a time')
        this.#waiting = effect
        return [text]
      }
      const next = isStore ? this.#persist(effect.snapshot, true) : this.#mark(true)
      return [text, ...this.#carryOut(next)]
    })
  }

  #reply({ token, reply }: TransactionEffect & { type: 'reply' }): string {
    const label = this.#labels[token]
    if (this.#answered.has(token)) throw new Error(`${label} is answered twice`)
    this.#answered.add(token)
    const { error, producerId, producerEpoch } = reply
    return `${label} ← ${error === 'NONE' ? `${producerId}/${producerEpoch}` : error}`
  }

  #state(): string {
    const transaction = this.#transaction
    const due = transaction.nextDeadlineMs()
    const waits = this.#labels.filter((_, token) => !this.#answered.has(token))
    return [
      show(transaction.snapshot),
      ...(due === Number.POSITIVE_INFINITY ? [] : [`due at ${due}`]),
      ...(waits.length > 0 ? [`${waits.join(' and ')} wait`] : []),
    ].join(', ')
  }

  #spare(): bigint | undefined {
    return this.#transaction.wantsSpareProducerId ? this.#newId() : undefined
  }

  #newId(): bigint {
    return this.#nextProducerId++
  }

  #token(label: string): number {
    return this.#labels.push(label) - 1
  }

  #now(): Now {
    return { wallMs: startMs + this.#nowMs, monotonicMs: this.#nowMs }
  }
}

function producerIn(text: string): ProducerIdAndEpoch {
  const [id, epoch] = text.split('/')
  return { producerId: BigInt(id!), producerEpoch: Number(epoch) }
}

function partitionsIn(text: string): TopicPartition[] {
  return text.split(',').map((name) => {
    const [topic, partition] = name.split('-')
    return { topic: topic!, partition: Number(partition) }
  })
}

function show(snapshot: TransactionSnapshot): string {
  const { status, producerId, producerEpoch, previousProducerId, nextProducerId } = snapshot
  return [
    `${status} ${producerId}/${producerEpoch}`,
    showPartitions(snapshot.partitions),
    ...(previousProducerId >= 0n ? [`was ${previousProducerId}`] : []),
    ...(nextProducerId >= 0n ? [`will be ${nextProducerId}`] : []),
  ]
    .filter(Boolean)
    .join(' ')
}

function showMark(effect: TransactionEffect & { type: 'mark' }): string {
  const { isCommit, producerId, producerEpoch, partitions } = effect
  const where = showPartitions(partitions) || 'nowhere'
  return `mark ${isCommit ? 'commit' : 'abort'} ${producerId}/${producerEpoch} ${where}`
}

function showPartitions(partitions: readonly TopicPartition[]): string {
  const names = partitions.map(({ topic, partition }) => `${topic}-${partition}`)
  return names.length === 0 ? '' : `[${names.join(' ')}]`
}

testTranscripts(folder, () => new Scenario())
