/**
 * Random lives of a partition log against a model that is a list of records: appends of idempotent producers with
 * retries, reads with any limit, deletions, retention, clean restarts and kills. FAST_CHECK_SEED repeats a failure.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { applyRetention } from '../../src/broker/log/retention.ts'
import { CacheBudget } from '../../src/broker/log/tail-cache.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { amount } from '../amount.ts'
import { batchOf, headersIn, openLog, recordsIn, startMs } from './log-fixture.ts'

type Step =
  | { readonly do: 'append'; readonly producer: number; readonly sizes: readonly number[] }
  | { readonly do: 'retry'; readonly producer: number; readonly back: number }
  | { readonly do: 'sync' }
  | {
      readonly do: 'read'
      readonly at: number
      readonly maxBytes: number
      readonly minOne: boolean
    }
  | { readonly do: 'find'; readonly at: number }
  | { readonly do: 'delete'; readonly at: number }
  | { readonly do: 'retain'; readonly bytes: number }
  | { readonly do: 'restart'; readonly isClean: boolean }

const share = fc.double({ min: 0, max: 1, noNaN: true })
const producer = fc.nat(2)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      producer,
      sizes: fc.array(fc.nat(120), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('retry' as const), producer, back: fc.nat(4) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'sync' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      at: share,
      maxBytes: fc.nat(1500),
      minOne: fc.constant(true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('find' as const), at: share }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), at: share }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retain' as const), bytes: fc.nat(4000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('restart' as const), isClean: fc.boolean() }),
  },
)

interface Sent {
  readonly sequence: number
  readonly baseOffset: bigint
  readonly count: number
}

interface ModelRecord {
  readonly offset: bigint
  readonly value: string
  readonly timestampMs: number
}

const config = { segmentBytes: 700, indexIntervalBytes: 200, retentionMs: -1 }

class Life {
  readonly #fileSystem = createMemoryFileSystem()
  readonly #cacheBytes: number
  #log!: PartitionLog
  #records: ModelRecord[] = []
  #sent = new Map<number, Sent[]>()
  #nextSequence = new Map<number, number>()
  #counter = 0

  constructor(cacheBytes: number) {
    this.#cacheBytes = cacheBytes
  }

  async begin(): Promise<void> {
    await this.#open(false)
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        return this.#append(step.producer, step.sizes)
      case 'retry':
        return this.#retry(step.producer, step.back)
      case 'sync':
        return this.#log.whenSynced()
      case 'read':
        return this.#read(step.at, step.maxBytes, step.minOne)
      case 'find':
        return this.#find(step.at)
      case 'delete':
        return this.#delete(step.at)
      case 'retain':
        return this.#retain(step.bytes)
      case 'restart':
        return this.#restart(step.isClean)
    }
  }

  /** All there is, in order, once. */
  async check(): Promise<void> {
    const log = this.#log
    await log.whenSynced()
    expect(log.logEndOffset).toBe(this.#end)
    const found: { offset: bigint; value: string | null }[] = []
    for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
      const bytes = (await log.read(offset, 400, true, log.highWatermark))!
      found.push(...recordsIn(bytes).filter((record) => record.offset >= offset))
      offset = headersIn(bytes).at(-1)!.lastOffset + 1n
    }
    expect(found.map(({ offset, value }) => ({ offset, value }))).toEqual(
      this.#visible().map(({ offset, value }) => ({ offset, value })),
    )
  }

  get #end(): bigint {
    return BigInt(this.#records.length)
  }

  #visible(): ModelRecord[] {
    return this.#records.slice(Number(this.#log.logStartOffset), Number(this.#log.highWatermark))
  }

  /** An offset from the start of the log to its end. */
  #offsetAt(share: number): bigint {
    const { logStartOffset } = this.#log
    return logStartOffset + BigInt(Math.round(share * Number(this.#end - logStartOffset)))
  }

  #append(producerId: number, sizes: readonly number[]): void {
    const sequence = this.#nextSequence.get(producerId) ?? 0
    const records = sizes.map((size) => {
      this.#counter++
      return {
        value: `${this.#counter}:`.padEnd(size, 'x'),
        timestampMs: startMs + ((this.#counter * 7919) % 1000),
      }
    })
    const bytes = batchOf(records, {
      producerId: BigInt(producerId),
      producerEpoch: 0,
      baseSequence: sequence,
    })
    const baseOffset = this.#end
    const result = this.#log.append(bytes)
    expect(result).toMatchObject({ baseOffset, duplicate: false })
    records.forEach((record, i) => {
      this.#records.push({ ...record, offset: baseOffset + BigInt(i) })
    })
    const sent = [
      ...(this.#sent.get(producerId) ?? []),
      { sequence, baseOffset, count: sizes.length },
    ]
    this.#sent.set(producerId, sent.slice(-5))
    this.#nextSequence.set(producerId, sequence + sizes.length)
  }

  #retry(producerId: number, back: number): void {
    const sent = this.#sent.get(producerId)?.at(-1 - back)
    if (!sent) return
    const bytes = batchOf(
      Array.from({ length: sent.count }, () => ({ value: 'again' })),
      { producerId: BigInt(producerId), producerEpoch: 0, baseSequence: sent.sequence },
    )
    expect(this.#log.append(bytes)).toMatchObject({ baseOffset: sent.baseOffset, duplicate: true })
    expect(this.#log.logEndOffset).toBe(this.#end)
  }

  async #read(share: number, maxBytes: number, minOne: boolean): Promise<void> {
    const log = this.#log
    const offset = this.#offsetAt(share)
    const bytes = await log.read(offset, maxBytes, minOne, log.highWatermark)
    if (offset >= log.highWatermark) return expect(bytes).toBeUndefined()
    const headers = headersIn(bytes)
    expect(headers.length).toBeGreaterThan(0)
    expect(headers.reduce((size, { sizeInBytes }) => size + sizeInBytes, 0)).toBe(bytes!.length)
    if (headers.length > 1) expect(bytes!.length).toBeLessThanOrEqual(maxBytes)
    expect(headers[0]!.baseOffset <= offset && offset <= headers[0]!.lastOffset).toBe(true)
    for (const { offset: at, value } of recordsIn(bytes!))
      expect(value).toBe(this.#records[Number(at)]!.value)
  }

  async #find(share: number): Promise<void> {
    const timestampMs = startMs + Math.round(share * 1000)
    const expected = this.#visible().find((record) => record.timestampMs >= timestampMs)
    const found = await this.#log.offsetForTimestamp(BigInt(timestampMs))
    expect(found?.offset).toBe(expected?.offset)
  }

  #delete(share: number): void {
    const offset = this.#offsetAt(share)
    if (offset > this.#log.highWatermark) return
    this.#log.raiseLogStart(offset)
    this.#log.dropSegmentsBelow(offset)
    expect(this.#log.logStartOffset).toBe(offset)
  }

  async #retain(bytes: number): Promise<void> {
    this.#log.updateConfig({ ...this.#log.config, retentionBytes: bytes })
    await applyRetention(this.#log, startMs)
    this.#log.updateConfig({ ...this.#log.config, retentionBytes: -1 })
  }

  async #restart(isClean: boolean): Promise<void> {
    if (isClean) await this.#log.close()
    else await this.#log.whenSynced()
    await this.#open(isClean)
    expect(this.#log.logEndOffset).toBe(this.#end)
  }

  async #open(isClean: boolean): Promise<void> {
    const before: PartitionLog | undefined = this.#log
    this.#log = await openLog(this.#fileSystem, {
      log: config,
      isClean,
      recoveryPoint: before?.highWatermark ?? 0n,
      logStartOffset: before?.logStartOffset ?? 0n,
      cacheBudget: new CacheBudget(this.#cacheBytes),
    })
  }
}

test.each([0, 500, 1_000_000])('with a cache of %i bytes, is a list of records', async (cache) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }),
      async (steps) => {
        const life = new Life(cache)
        await life.begin()
        for (const one of steps) await life.take(one)
        await life.check()
      },
    ),
    {
      numRuns: amount(40, 1000),
      ...(process.env.FAST_CHECK_SEED && { seed: Number(process.env.FAST_CHECK_SEED) }),
    },
  )
})
