/**
 * An application in several processes that are killed, or replaced by others with a newer program, while records come: each
 * record is counted once, so that the counts of a key in the output are 1, 2, 3 …
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { Client, Message } from '../../src/index.ts'
import { SeededRandom } from '../simulation/random.ts'

const program = fileURLToPath(new URL('counting-worker.js', import.meta.url))
const groups = 101
const partitions = 4

export class Worker {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly ready: Promise<void>
  #stderr = ''

  constructor({ url, sessionTimeout }: Trial, version = 'first') {
    const args = [program, url, 'counting', sessionTimeout, version]
    this.#child = spawn(process.execPath, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#ended = once(this.#child, 'close')
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk
    })
    this.ready = new Promise((resolve, reject) => {
      createInterface({ input: this.#child.stdout! }).on('line', (line) => {
        if (line === 'ready') resolve()
      })
      void this.#ended.then(() => reject(new Error(`a worker ended: ${this.#stderr}`)))
    })
    this.ready.catch(() => undefined)
  }

  async kill(): Promise<void> {
    this.check()
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** In good order. */
  async close(): Promise<void> {
    this.#child.stdin!.write('end\n')
    await this.#ended
    this.check()
    expect(this.#child.exitCode).toBe(0)
  }

  /** Nothing but a kill ends it. */
  check(): void {
    expect(this.#stderr).toBe('')
  }
}

export interface Trial {
  readonly url: string
  readonly records: number
  readonly workers: number
  readonly seed: number
  /** After so long one that died is noticed: `'2s'`. */
  readonly sessionTimeout: string
}

/** Kills one worker after the other while records are fed and counted, and until `killsMin` have died. */
export async function runWithKills(
  trial: Trial,
  { killsMin, everyMs }: { killsMin: number; everyMs: number },
): Promise<void> {
  const { url, records, workers, seed } = trial
  const random = new SeededRandom(seed)
  await using kafka = new Client({ url, timeout: '60s' })
  await createTopics(kafka)
  const running = Array.from({ length: workers }, () => new Worker(trial))
  await Promise.all(running.map(({ ready }) => ready))
  const feeding = feed(kafka, 0, records)
  let kills = 0
  while (kills < killsMin || (await counted(kafka)) < BigInt(records)) {
    await sleep(everyMs * (0.5 + random.below(1000) / 1000))
    if (kills >= killsMin && (await isFed(kafka, records))) continue
    kills++
    const index = random.below(workers)
    await running[index]!.kill()
    running[index] = new Worker(trial)
  }
  await feeding
  await check(kafka, records)
  await Promise.all(running.map((worker) => worker.close()))
  await checkAll(kafka, records)
  console.log(`streams: seed ${seed}, ${records} records, ${kills} workers killed`)
}

/** Replaces one worker after the other by one whose program has an operator more. */
export async function runWithUpgrade(trial: Trial): Promise<void> {
  const { url, records, workers } = trial
  await using kafka = new Client({ url, timeout: '60s' })
  await createTopics(kafka)
  const running = Array.from({ length: workers }, () => new Worker(trial))
  await Promise.all(running.map(({ ready }) => ready))
  const part = Math.floor(records / (workers + 1))
  for (let i = 0; i < workers; i++) {
    const feeding = feed(kafka, i * part, (i + 1) * part)
    await running[i]!.close()
    running[i] = new Worker(trial, 'upgraded')
    await running[i]!.ready
    await feeding
  }
  await feed(kafka, workers * part, records)
  await check(kafka, records)
  await Promise.all(running.map((worker) => worker.close()))
  await checkAll(kafka, records)
}

async function createTopics(kafka: Client): Promise<void> {
  for (const name of ['in', 'out']) await kafka.admin.createTopic(name, { partitions })
}

async function feed(kafka: Client, from: number, to: number): Promise<void> {
  const producer = kafka.producer('in')
  for (let at = from; at < to; at += 1000) {
    const batch = Array.from({ length: Math.min(1000, to - at) }, (_, i) => {
      const n = at + i
      return new Message({ n, group: `group-${n % groups}` }, { partition: n % partitions })
    })
    await producer.sendBatch(batch)
  }
}

/** How many records of `in` are done, as far as the group has committed. */
async function counted(kafka: Client): Promise<bigint> {
  const group = await kafka.admin.describeGroup('counting')
  const own = group.partitions.filter(({ topic }) => topic === 'in')
  return own.reduce((sum, { committed }) => sum + (committed ?? 0n), 0n)
}

async function isFed(kafka: Client, records: number): Promise<boolean> {
  const { offsets } = await kafka.admin.describeTopic('in')
  return offsets.reduce((sum, { latest }) => sum + latest, 0n) >= BigInt(records)
}

/** Waits until there are as many counts as records: each group's are 1, 2, 3 … */
async function check(kafka: Client, records: number): Promise<void> {
  const counts = new Counts()
  let read = 0
  for await (const { key, value } of kafka.consumer<number>('out')) {
    counts.add(key!, value)
    if (++read === records) break
  }
  counts.check(records)
}

/** That there is nothing more. */
async function checkAll(kafka: Client, records: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++)
    await kafka.produce('out', 0, { key: 'end', partition })
  const counts = new Counts()
  let ends = 0
  for await (const { key, value } of kafka.consumer<number>('out')) {
    if (key !== 'end') counts.add(key!, value)
    else if (++ends === partitions) break
  }
  counts.check(records)
}

class Counts {
  readonly #last = new Map<string, number>()

  add(key: string, count: number): void {
    const before = this.#last.get(key) ?? 0
    if (count !== before + 1) throw new Error(`${key}: ${count} came after ${before}`)
    this.#last.set(key, count)
  }

  check(records: number): void {
    for (let group = 0; group < groups; group++) {
      const count = Math.ceil((records - group) / groups)
      expect(this.#last.get(`group-${group}`), `group-${group}`).toBe(count)
    }
  }
}
