/**
 * Random walks of one transactional id: three producers that fence each other, slow and failing disks, restarts at every
 * step, time-outs, epochs that run out. What partitions hold in the end must be what producers were told.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { amount } from '../../../test/amount.ts'
import { Transaction } from './transaction.ts'
import type {
  Now,
  ProducerIdAndEpoch,
  TopicPartition,
  TransactionEffect,
  TransactionReply,
  TransactionVersion,
} from './transaction-messages.ts'
import { decodeTransactionValue, encodeTransactionValue } from './transaction-records.ts'

const timeoutMs = 1000
const partitionCount = 3

interface Write {
  /** By the marker in its partition. */
  fate: 'open' | 'committed' | 'aborted'
  /** What the producer was told, if it was. */
  told?: 'committed' | 'aborted'
}

/** What one partition knows of one producer id. */
interface Written {
  epoch: number
  open: Write[]
}

/** Errors after which a producer asks again for the same. */
const passing = new Set(['CONCURRENT_TRANSACTIONS', 'COORDINATOR_NOT_AVAILABLE'])

class Producer {
  readonly version: TransactionVersion
  identity: ProducerIdAndEpoch | undefined
  /** Of the transaction that it believes to be in. */
  writes: Write[] = []
  /** Set from the first attempt to end it until the outcome is known: no other end is asked for meanwhile. */
  end: { readonly isCommit: boolean } | undefined
  /** An answer is still to come. */
  isAsking = false

  constructor(version: TransactionVersion) {
    this.version = version
  }
}

type Durable = 'stored' | 'not stored'

class World {
  readonly producers: readonly Producer[]
  /** Every transaction that any producer has been in. */
  readonly transactions: Write[][] = []
  readonly #partitions = Array.from({ length: partitionCount }, () => new Map<bigint, Written>())
  readonly #answers = new Map<number, (reply: TransactionReply) => void>()
  #nowMs = 0
  #nextId = 1n
  #nextToken = 0
  #transaction: Transaction
  #stored: Uint8Array
  /** The one effect that is being carried out. */
  #underWay: (TransactionEffect & { type: 'persist' | 'mark' }) | undefined
  /** The newest identity that anyone was told. */
  #newest: ProducerIdAndEpoch = { producerId: 0n, producerEpoch: 0 }
  /** Set once an end is durable, until its markers are. */
  #decided: boolean | undefined

  constructor(firstEpoch: number, versions: readonly TransactionVersion[]) {
    this.producers = versions.map((version) => new Producer(version))
    const fresh = Transaction.create('id', this.#nextId++, timeoutMs, this.#now())
    this.#stored = encodeTransactionValue({ ...fresh.snapshot, producerEpoch: firstEpoch })
    this.#transaction = this.#restored()
  }

  init(producer: Producer, keepsIdentity: boolean): void {
    if (producer.isAsking) return
    const expected = keepsIdentity ? producer.identity : undefined
    const spareProducerId = this.#spare()
    const input = { timeoutMs, expected, spareProducerId }
    this.#ask(
      producer,
      (token) => this.#transaction.init(input, token, this.#now()),
      (reply) => {
        if (passing.has(reply.error)) return
        this.#leave(producer)
        producer.identity = undefined
        if (reply.error !== 'NONE') return expect(reply.error).toBe('PRODUCER_FENCED')
        if (!keepsIdentity) expect(isNewer(reply, this.#newest)).toBe(true)
        this.#told(producer, reply)
      },
    )
  }

  add(producer: Producer, partition: number): void {
    const { identity, version } = producer
    if (!identity || producer.isAsking || producer.end) return
    const input = { ...identity, partitions: [at(partition)], clientVersion: version }
    this.#ask(
      producer,
      (token) => this.#transaction.addPartitions(input, token, this.#now()),
      (reply) => {
        if (reply.error === 'NONE') expect(identity).toEqual(this.#newest)
        else if (!passing.has(reply.error)) this.#giveUp(producer)
      },
    )
  }

  write(producer: Producer, partition: number): void {
    const { identity } = producer
    if (!identity || producer.isAsking || producer.end) return
    if (this.#transaction.check(identity, [at(partition)]) !== 'NONE') return
    const written = this.#written(partition, identity)
    // A partition does not take an epoch older than what it has seen.
    if (identity.producerEpoch < written.epoch) return
    written.epoch = identity.producerEpoch
    const write: Write = { fate: 'open' }
    written.open.push(write)
    if (producer.writes.length === 0) this.transactions.push(producer.writes)
    producer.writes.push(write)
  }

  end(producer: Producer, isCommit: boolean): void {
    const { identity, version } = producer
    if (!identity || producer.isAsking) return
    producer.end ??= { isCommit }
    const asked = producer.end
    const spareProducerId = this.#spare()
    const input = { ...identity, ...asked, clientVersion: version, spareProducerId }
    this.#ask(
      producer,
      (token) => this.#transaction.end(input, token, this.#now()),
      (reply) => {
        if (passing.has(reply.error)) return
        if (reply.error !== 'NONE') return this.#giveUp(producer)
        // The answer also comes when a disk refuses markers, which are tried again: it is decided.
        for (const write of producer.writes) write.told = asked.isCommit ? 'committed' : 'aborted'
        this.#leave(producer)
        this.#told(producer, reply)
      },
    )
  }

  /** What the disk was asked for is done, or is not. */
  finish(isDone: boolean): void {
    const effect = this.#underWay
    this.#underWay = undefined
    if (effect?.type === 'persist') {
      if (!isDone) return this.#carryOut(this.#transaction.persistFailed(this.#now()))
      this.#store(effect)
      this.#carryOut(this.#transaction.persisted(this.#now()))
    } else if (effect?.type === 'mark') {
      this.#mark(effect, isDone ? partitionCount : 1)
      if (!isDone) return this.#carryOut(this.#transaction.markFailed(this.#now()))
      this.#decided = undefined
      this.#carryOut(this.#transaction.marked(this.#now()))
    }
  }

  /** The broker dies and comes back: what was under way may have happened, wholly or in part. */
  restart(durable: Durable): void {
    const effect = this.#underWay
    this.#underWay = undefined
    if (durable === 'stored' && effect?.type === 'persist') this.#store(effect)
    if (durable === 'stored' && effect?.type === 'mark') this.#mark(effect, 1)
    this.#answers.clear()
    for (const producer of this.producers) producer.isAsking = false
    this.#transaction = this.#restored()
    this.#carryOut(this.#transaction.resume())
  }

  passTime(byMs: number): void {
    this.#nowMs += byMs
    if (this.#transaction.nextDeadlineMs() <= this.#nowMs)
      this.#carryOut(this.#transaction.tick(this.#now()))
  }

  /** From now on all goes well, and long enough for every time-out. */
  settle(): void {
    for (let step = 0; step < 100; step++) {
      if (this.#underWay) this.finish(true)
      else if (this.#transaction.nextDeadlineMs() < Number.POSITIVE_INFINITY)
        this.passTime(Math.max(0, this.#transaction.nextDeadlineMs() - this.#nowMs))
      else break
    }
    expect(this.#underWay).toBeUndefined()
    expect(this.#transaction.isBusy).toBe(false)
    expect([...this.#answers.keys()]).toEqual([])
    for (const writes of this.transactions) {
      const fates = new Set(writes.map(({ fate }) => fate))
      expect([...fates], 'all or nothing').toHaveLength(1)
      expect(fates).not.toContain('open')
      for (const { fate, told } of writes) if (told) expect(fate).toBe(told)
    }
  }

  #ask(
    producer: Producer,
    request: (token: number) => TransactionEffect[],
    onReply: (reply: TransactionReply) => void,
  ): void {
    const token = this.#nextToken++
    producer.isAsking = true
    this.#answers.set(token, (reply) => {
      producer.isAsking = false
      onReply(reply)
    })
    this.#carryOut(request(token))
  }

  #carryOut(effects: readonly TransactionEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'reply') {
        const answer = this.#answers.get(effect.token)
        expect(answer, 'answered once').toBeDefined()
        this.#answers.delete(effect.token)
        answer!(effect.reply)
      } else if (effect.type === 'note') {
        this.#stored = encodeTransactionValue(effect.snapshot)
      } else {
        expect(this.#underWay, 'one effect at a time').toBeUndefined()
        this.#underWay = effect
      }
    }
  }

  #store({ snapshot }: TransactionEffect & { type: 'persist' }): void {
    expect(this.#decided, 'nothing follows a decision but its markers').toBeUndefined()
    this.#stored = encodeTransactionValue(snapshot)
    if (snapshot.status === 'PrepareCommit') this.#decided = true
    if (snapshot.status === 'PrepareAbort') this.#decided = false
  }

  #mark(effect: TransactionEffect & { type: 'mark' }, count: number): void {
    expect(effect.isCommit, 'what was decided').toBe(this.#decided)
    for (const { partition } of effect.partitions.slice(0, count)) {
      const written = this.#written(partition, effect)
      if (effect.producerEpoch < written.epoch) continue
      written.epoch = effect.producerEpoch
      for (const write of written.open) write.fate = effect.isCommit ? 'committed' : 'aborted'
      written.open = []
    }
  }

  #written(partition: number, { producerId, producerEpoch }: ProducerIdAndEpoch): Written {
    const ids = this.#partitions[partition]!
    const known = ids.get(producerId) ?? { epoch: producerEpoch, open: [] }
    ids.set(producerId, known)
    return known
  }

  #told(producer: Producer, { producerId, producerEpoch }: TransactionReply): void {
    const identity = { producerId, producerEpoch }
    expect(isNewer(this.#newest, identity), 'identities never go back').toBe(false)
    const others = this.producers.filter((other) => other !== producer)
    for (const other of others) expect(other.identity).not.toEqual(identity)
    this.#newest = identity
    producer.identity = identity
  }

  #leave(producer: Producer): void {
    producer.writes = []
    producer.end = undefined
  }

  #giveUp(producer: Producer): void {
    this.#leave(producer)
    producer.identity = undefined
  }

  #restored(): Transaction {
    return Transaction.restore('id', decodeTransactionValue(this.#stored), this.#now())
  }

  #spare(): bigint | undefined {
    return this.#transaction.wantsSpareProducerId ? this.#nextId++ : undefined
  }

  #now(): Now {
    return { wallMs: 1_000_000 + this.#nowMs, monotonicMs: this.#nowMs }
  }
}

function at(partition: number): TopicPartition {
  return { topic: 't', partition }
}

function isNewer(one: ProducerIdAndEpoch, other: ProducerIdAndEpoch): boolean {
  if (one.producerId !== other.producerId) return one.producerId > other.producerId
  return one.producerEpoch > other.producerEpoch
}

type Step = (world: World) => void

const who = fc.nat({ max: 2 })
const partition = fc.nat({ max: partitionCount - 1 })
const done = fc.constant<Step>((world) => world.finish(true))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: done },
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.finish(false)) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Durable>('stored', 'not stored')
      .map<Step>((durable) => (world) => world.restart(durable)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(10, 600, 5000).map<Step>((ms) => (world) => world.passTime(ms)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(who, fc.boolean()).map<Step>(
      ([i, keepsIdentity]) =>
        (world) =>
          world.init(world.producers[i]!, keepsIdentity),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(who, partition).map<Step>(
      ([i, target]) =>
        (world) =>
          world.add(world.producers[i]!, target),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(who, partition).map<Step>(
      ([i, target]) =>
        (world) =>
          world.write(world.producers[i]!, target),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(who, fc.boolean()).map<Step>(
      ([i, isCommit]) =>
        (world) =>
          world.end(world.producers[i]!, isCommit),
    ),
  },
)

test.each<[string, TransactionVersion[]]>([
  ['before KIP-890', [0, 0, 0]],
  ['with KIP-890', [2, 2, 2]],
  ['of both', [0, 2, 2]],
])('producers %s: what they are told is so, whatever dies when', (_, versions) => {
  fc.assert(
    fc.property(
      fc.constantFrom(-1, 5, 32_762, 32_765, 32_766),
      fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
      (firstEpoch, steps) => {
        const world = new World(firstEpoch, versions)
        for (const go of steps) go(world)
        world.settle()
      },
    ),
    { numRuns: amount(500, 10_000) },
  )
})
