/**
 * Exactly once, end to end: workers copy a topic in transactions while they, and where that is possible their broker, are
 * killed at random moments. In the end each input is in the output once, in the order of its partition.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { Client, Message } from '../../src/index.ts'
import { amount } from '../amount.ts'
import { SeededRandom } from '../simulation/random.ts'

export const partitions = 4
const program = fileURLToPath(new URL('copier.js', import.meta.url))

/** Records in all, each a transaction: EXACTLY_ONCE_RECORDS, default 2,000. */
export const recordCount = amount(150, 4000, 'EXACTLY_ONCE_RECORDS')
const seed = Number(process.env.EXACTLY_ONCE_SEED ?? Date.now() % 1_000_000)

export interface World {
  readonly url: string
  /** Workers at a time. */
  readonly workers: number
  /** What can be killed besides workers, and is back when this resolves. */
  readonly killBroker?: (() => Promise<void>) | undefined
}

class Worker {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  began = 0
  done = 0
  #stderr = ''

  constructor(url: string, onEnd: () => void, news: () => void) {
    const args = [program, url, 'input', 'output', 'copiers']
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.ended = once(this.child, 'close')
    this.child.once('exit', news)
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk
    })
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      if (line === 'begin') {
        this.began++
        news()
      } else {
        this.done++
        onEnd()
      }
    })
  }

  get isInTransaction(): boolean {
    return this.began > this.done
  }

  /** Whether it died in the middle of a transaction. */
  async kill(): Promise<boolean> {
    this.child.kill('SIGKILL')
    await this.ended
    return this.isInTransaction
  }

  check(): void {
    expect(this.#stderr).toBe('')
    expect(this.child.exitCode).toBe(0)
  }
}

export async function seedInput(url: string): Promise<void> {
  await using client = new Client(url)
  await client.admin.createTopic('input', { partitions })
  await client.admin.createTopic('output', { partitions })
  const values = Array.from({ length: recordCount }, (_, n) => n)
  await client
    .producer('input')
    .sendBatch(values.map((n) => new Message(n, { partition: n % partitions })))
}

/** Runs workers, killing now and then, until one of them says that all is done. */
export async function runWithKills({ url, workers, killBroker }: World): Promise<void> {
  const random = new SeededRandom(seed)
  const kills = { workers: 0, inTransaction: 0, broker: 0 }
  const killEvery = Math.max(50, Math.round(recordCount / 16))
  let done = 0
  let wake: (() => void) | undefined
  const news = () => wake?.()
  const onEnd = () => {
    done++
    news()
  }
  const start = () => new Worker(url, onEnd, news)
  const running = Array.from({ length: workers }, start)
  const isOver = () => running.some(({ child }) => child.exitCode !== null)
  const until = async (condition: () => boolean) => {
    while (!condition() && !isOver()) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  while (!isOver()) {
    const killAt = done + 1 + random.below(killEvery * 2)
    await until(() => done >= killAt)
    if (isOver()) break
    if (killBroker && kills.inTransaction > 0 && random.chance(0.3)) {
      kills.broker++
      await killBroker()
      continue
    }
    const index = random.below(running.length)
    // By chance alone most would die between two transactions.
    if (kills.inTransaction === 0 || random.chance(0.5))
      await until(() => running[index]!.isInTransaction)
    if (isOver()) break
    kills.workers++
    if (await running[index]!.kill()) kills.inTransaction++
    running[index] = start()
  }
  for (const worker of running) {
    await worker.ended
    worker.check()
  }
  console.log(
    `exactly once: seed ${seed}, ${recordCount} transactions, ${kills.workers} workers killed (${kills.inTransaction} in the middle of a transaction), ${kills.broker} times the broker`,
  )
  expect(kills.inTransaction).toBeGreaterThan(0)
}

/** Each input once, in order. */
export async function checkOutput(url: string): Promise<void> {
  await using client = new Client(url)
  for (let partition = 0; partition < partitions; partition++)
    await client.produce('output', 'end', { partition })
  const read: unknown[][] = Array.from({ length: partitions }, () => [])
  let ends = 0
  for await (const { value, partition } of client.consumer('output')) {
    if (value !== 'end') read[partition]!.push(value)
    else if (++ends === partitions) break
  }
  const expected = Array.from({ length: recordCount }, (_, n) => n)
  for (let partition = 0; partition < partitions; partition++) {
    expect(read[partition], `partition ${partition}, seed ${seed}`).toEqual(
      expected.filter((n) => n % partitions === partition),
    )
  }
}
