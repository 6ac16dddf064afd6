/**
 * Runs a broker on a simulated disk through a workload, kills it at a chosen storage call, starts it again on what the
 * disk kept, and so on for a few lives; then checks the promises:
 *
 * - every record acknowledged with acks=all is there exactly once; with acks=1 too, unless the power failed
 * - producers' records are in the order they were sent; a batch is there as a whole or not at all
 * - a retry after the crash is not a duplicate (the dedup window survived) and is accepted
 * - what a consumer has seen is still there, at its offset
 * - a committed offset never goes back, and never points past the log
 * - of a compacted topic's key, the last acknowledged value, or a later one, is left
 */
import { Broker } from '../../src/broker/broker.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { SeededRandom } from './random.ts'
import { SimulatedClient } from './simulated-client.ts'
import { SimulatedDisk } from './simulated-disk.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Storage call of the first life at which it ends; infinity: it does not. */
  readonly crashAtCall: number
  readonly death: 'power' | 'process'
  /** False: the negative control. */
  readonly syncWorks?: boolean
}

export interface SimulationResult {
  /** What was promised and not kept; empty when all is well. */
  readonly violations: readonly string[]
  /** Storage calls of the first life. */
  readonly calls: number
  /** How often the broker died. */
  readonly deaths: number
}

const topic = 'plain'
const partitions = 2
const compactedTopic = 'compacted'
const keys = ['a', 'b', 'c']
const stepsPerLife = 60
const laterLives = 2

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options)
  return simulation.run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #random: SeededRandom
  readonly #client = new SimulatedClient()
  readonly #violations: string[] = []
  #runtime = new ManualRuntime()
  #positions = new Map<number, bigint>()

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  async run(): Promise<SimulationResult> {
    const { crashAtCall, death } = this.#options
    let disk = this.#newDisk(undefined, crashAtCall)
    await this.#live(disk)
    const { calls } = disk
    let deaths = disk.isDead ? 1 : 0
    for (let life = 0; life < laterLives && disk.isDead; life++) {
      const isLast = life === laterLives - 1
      disk = this.#newDisk(
        disk,
        isLast ? Number.POSITIVE_INFINITY : 1 + this.#random.below(300),
        death,
      )
      await this.#live(disk)
      if (disk.isDead) deaths++
    }
    if (!disk.isDead) {
      disk.disarm()
      await this.#check()
    }
    return { violations: this.#violations, calls, deaths }
  }

  #newDisk(
    before: SimulatedDisk | undefined,
    crashAtCall: number,
    death: 'power' | 'process' = 'power',
  ): SimulatedDisk {
    const { syncWorks = true } = this.#options
    const options = { random: this.#random, crashAtCall, syncWorks }
    return before ? before.afterDeath(death, options) : new SimulatedDisk(options)
  }

  /** From start to death, or to the end of the workload. */
  async #live(disk: SimulatedDisk): Promise<void> {
    this.#runtime = new ManualRuntime(
      process.env.SIM_LOG
        ? { debug() {}, info() {}, warn: console.log, error: console.log }
        : undefined,
    )
    const broker = await this.#open(disk)
    if (!broker) return
    this.#client.broker = broker
    const configs = { 'segment.bytes': '1200', 'retention.ms': '-1' }
    await this.#client.createTopic(topic, partitions, configs)
    await this.#client.createTopic(compactedTopic, 1, {
      ...configs,
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
    })
    if (!disk.isDead) this.#problems(disk, await this.#client.resend())
    for (let step = 0; step < stepsPerLife && !disk.isDead; step++) await this.#step()
  }

  async #open(disk: SimulatedDisk): Promise<Broker | undefined> {
    try {
      return await Broker.open({ fileSystem: disk, runtime: this.#runtime })
    } catch (error) {
      if (!disk.isDead) this.#violations.push(`the broker does not start: ${String(error)}`)
      return undefined
    }
  }

  /** Refusals count only while the disk lives. */
  #problems(disk: SimulatedDisk, problems: readonly string[]): void {
    if (!disk.isDead) this.#violations.push(...problems)
  }

  async #step(): Promise<void> {
    const choice = this.#random.next()
    if (choice < 0.55) await this.#produceTogether()
    else if (choice < 0.8) await this.#consumeAndCommit(this.#random.below(partitions))
    else if (choice < 0.95) await this.#letTimePass(1500)
    else await this.#letTimePass(400_000)
  }

  /** Several sends under way at once, to several partitions. */
  async #produceTogether(): Promise<void> {
    const sends: Promise<void>[] = []
    for (let count = 1 + this.#random.below(4); count > 0; count--) {
      const producer = this.#random.below(3)
      const records = 1 + this.#random.below(4)
      if (producer === 2)
        sends.push(
          this.#client.produce(
            2,
            compactedTopic,
            0,
            records,
            keys[this.#random.below(keys.length)]!,
          ),
        )
      else
        sends.push(
          this.#client.produce(producer, topic, this.#random.below(partitions), records, null),
        )
    }
    await Promise.all(sends)
  }

  async #consumeAndCommit(partition: number): Promise<void> {
    const next = await this.#client.consume(topic, partition, this.#positions.get(partition) ?? 0n)
    this.#positions.set(partition, next)
    await this.#client.commit(topic, partition, next)
  }

  /** Timers run: background syncs, checkpoints, compaction. */
  async #letTimePass(ms: number): Promise<void> {
    this.#runtime.advance(ms)
    for (let turns = 0; turns < 200; turns++) await Promise.resolve()
  }

  async #check(): Promise<void> {
    // Readers see what is on stable storage; what was sent with acks=1 gets there by itself.
    await this.#letTimePass(1500)
    this.#client.readErrors.clear()
    for (const name of [topic, compactedTopic]) {
      if (!this.#client.createdTopics.has(name)) return
    }
    for (let partition = 0; partition < partitions; partition++) await this.#checkPlain(partition)
    await this.#checkCompacted()
    for (const error of this.#client.readErrors) this.#violations.push(`cannot be read: ${error}`)
  }

  async #checkPlain(partition: number): Promise<void> {
    const name = `${topic}-${partition}`
    const stored = await this.#client.readAll(topic, partition)
    const places = new Map<string, number[]>()
    stored.forEach(({ value }, index) => {
      places.set(value, [...(places.get(value) ?? []), index])
    })
    const powerFailed = this.#options.death === 'power'
    for (const batch of this.#client.sent) {
      if (batch.topic !== topic || batch.partition !== partition) continue
      const counts = batch.values.map((value) => places.get(value)?.length ?? 0)
      const isPromised = batch.outcome === 'acknowledged' && (batch.acks === -1 || !powerFailed)
      const what = `${batch.values[0]} (${batch.values.length} records, acks ${batch.acks}, ${batch.outcome}) in ${name}`
      if (isPromised && counts.includes(0)) this.#violations.push(`lost: ${what}`)
      if (counts.some((count) => count > 1)) this.#violations.push(`twice: ${what}`)
      if (new Set(counts).size > 1) this.#violations.push(`half there: ${what}`)
      for (const value of batch.values) places.set(value, places.get(value) ?? [])
    }
    const known = new Set(this.#client.sent.flatMap(({ values }) => values))
    for (const { value } of stored)
      if (!known.has(value)) this.#violations.push(`nobody sent ${value} in ${name}`)
    for (const producer of [0, 1])
      this.#checkOrder(
        name,
        stored.map(({ value }) => value).filter((value) => value.startsWith(`${producer}:`)),
      )
    this.#checkOffsets(name, stored)
    await this.#checkCommitted(partition, stored.length)
  }

  #checkOrder(name: string, values: readonly string[]): void {
    for (let i = 1; i < values.length; i++) {
      if (values[i]! <= values[i - 1]!)
        this.#violations.push(`out of order: ${values[i]} after ${values[i - 1]} in ${name}`)
    }
  }

  #checkOffsets(name: string, stored: readonly { offset: bigint; value: string }[]): void {
    stored.forEach(({ offset }, index) => {
      if (offset !== BigInt(index))
        this.#violations.push(`offset ${offset} where ${index} was due in ${name}`)
    })
    for (const [offset, value] of this.#client.seen.get(name) ?? []) {
      const now = stored[Number(offset)]?.value
      if (now !== value)
        this.#violations.push(
          `a consumer saw ${value} at ${offset} of ${name}, where now is ${now}`,
        )
    }
  }

  async #checkCommitted(partition: number, end: number): Promise<void> {
    const promised = this.#client.committed.get(`${topic}-${partition}`)
    const found = await this.#client.fetchCommitted(topic, partition)
    if (promised !== undefined && found < promised)
      this.#violations.push(
        `the committed offset of ${topic}-${partition} went back from ${promised} to ${found}`,
      )
    if (found > BigInt(end))
      this.#violations.push(
        `offset ${found} of ${topic}-${partition} is committed, but the log ends at ${end}`,
      )
  }

  async #checkCompacted(): Promise<void> {
    const stored = await this.#client.readAll(compactedTopic, 0)
    for (const key of keys) {
      const values = stored.filter((record) => record.key === key).map(({ value }) => value)
      const sent = this.#client.sent.filter(
        (batch) => batch.topic === compactedTopic && batch.key === key,
      )
      const promised = sent
        .filter(({ outcome }) => outcome === 'acknowledged')
        .at(-1)
        ?.values.at(-1)
      const last = values.at(-1)
      if (promised !== undefined && (last === undefined || last < promised)) {
        this.#violations.push(
          `lost: the last value of key ${key} is ${last}, but ${promised} was acknowledged`,
        )
      }
      this.#checkOrder(`${compactedTopic} (key ${key})`, values)
    }
  }
}
