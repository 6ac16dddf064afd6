/** Transactions when requests and answers are lost or late: each is all or nothing, and its outcome is what was said. */

import { afterEach, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backend/backend.ts'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { type ClientConfig, KafkaError, Offset } from '../../src/index.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { amount } from '../amount.ts'
import { SeededRandom } from '../simulation/random.ts'
import {
  FeaturelessConnection,
  type Mishap,
  transactionalApis,
  type Unreliability,
  UnreliableConnection,
} from './unreliable-connection.ts'

const runtime = createRuntime()
let opened: { close(): Promise<void> }[] = []
const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)
process.on('unhandledRejection', onRejection)
afterEach(async () => {
  await Promise.allSettled(opened.reverse().map((part) => part.close()))
  opened = []
  expect(rejections.splice(0)).toEqual([])
})

interface World {
  /** Has the faults. */
  readonly kafka: BaseClient
  /** Has not. */
  readonly sound: BaseClient
  readonly connection: UnreliableConnection
}

async function openWorld(
  how: Unreliability,
  options: { config?: ClientConfig; isOldProtocol?: boolean } = {},
): Promise<World> {
  const broker = await Broker.open({ fileSystem: createMemoryFileSystem(), runtime })
  const lease: Backend = {
    apis: broker.apis,
    servedApi: (key) => broker.servedApi(key),
    handle: (api, request, context) => broker.handle(api, request, context),
    close: () => Promise.resolve(),
  }
  const connect = (): Connection =>
    new EmbeddedConnection('memory:', 'test', runtime, () => Promise.resolve(lease))
  const config = resolveClientConfig(
    { url: 'memory:', runtime, retryBackoff: 1, ...options.config },
    {},
  )
  const connection = new UnreliableConnection(
    options.isOldProtocol ? new FeaturelessConnection(connect()) : connect(),
    how,
  )
  const kafka = new BaseClient(config, connection)
  const sound = new BaseClient(resolveClientConfig({ url: 'memory:', runtime }, {}), connect())
  opened.push(broker, sound, kafka)
  return { kafka, sound, connection }
}

interface Sent {
  /** The number of the transaction. */
  readonly n: number
  /** Place among the records of the transaction in its partition. */
  readonly place: number
  /** How many records the transaction has in all. */
  readonly count: number
}

/** By partition, what a consumer of committed records sees once no transaction is open. */
async function read(kafka: BaseClient, topic: string): Promise<Sent[][]> {
  const { partitions } = await kafka.admin.describeTopic(topic)
  const values: Sent[][] = Array.from({ length: partitions }, () => [])
  for (let partition = 0; partition < partitions; partition++) {
    await kafka.produce(topic, 'end', { partition })
  }
  let ends = 0
  for await (const { value, partition } of kafka.consumer<Sent | 'end'>(topic, {
    offset: Offset.earliest,
  })) {
    if (value !== 'end') values[partition]!.push(value)
    else if (++ends === partitions) break
  }
  return values
}

type Outcome = 'committed' | 'failed' | 'unknown' | 'own error'

async function outcomeOf(transaction: Promise<unknown>): Promise<Outcome> {
  try {
    await transaction
    return 'committed'
  } catch (error) {
    if (error instanceof KafkaError) return error.outcome
    expect(String(error)).toBe('Error: my own')
    return 'own error'
  }
}

/** Some lanes of transactions, one after the other in each; returns what was said of each. */
async function runTransactions(
  { kafka, sound }: World,
  random: SeededRandom,
  { count, timeout }: { count: number; timeout: number },
): Promise<Outcome[]> {
  await sound.admin.createTopic('a', { partitions: 3 })
  const outcomes: Outcome[] = []
  let next = 0
  const lane = async (id: string | undefined) => {
    while (next < count) {
      const n = next++
      const config = { timeout, retryBackoff: 1, ...(id && { id }) }
      const places = [0, 0, 0]
      const targets = Array.from({ length: 1 + random.below(8) }, () => random.below(3))
      const isFailing = random.chance(0.15)
      const run = kafka.transaction('a', config, async (tx) => {
        for (const partition of targets) {
          const sent: Sent = { n, place: places[partition]!++, count: targets.length }
          const sending = tx.send(sent, { partition })
          if (random.chance(0.3)) await sending
        }
        if (isFailing) throw new Error('my own')
      })
      outcomes[n] = await outcomeOf(run)
    }
  }
  await Promise.all([lane(undefined), lane(undefined), lane('named')])
  return outcomes
}

function check(outcomes: readonly Outcome[], partitions: readonly Sent[][]): void {
  const seen = new Map<number, number>()
  for (const records of partitions) {
    const places = new Map<number, number>()
    let last = -1
    for (const { n, place } of records) {
      // A transaction's records of a partition are in order, and each is there once.
      expect({ n, place }).toEqual({ n, place: places.get(n) ?? 0 })
      places.set(n, place + 1)
      seen.set(n, (seen.get(n) ?? 0) + 1)
      last = Math.max(last, n)
    }
  }
  const counts = new Map(partitions.flat().map(({ n, count }) => [n, count]))
  outcomes.forEach((outcome, n) => {
    const whole = counts.get(n)
    const found = seen.get(n) ?? 0
    if (outcome === 'committed') expect({ n, found }).toEqual({ n, found: whole })
    else if (outcome === 'unknown') expect([0, whole ?? 0]).toContain(found)
    else expect({ n, outcome, found }).toEqual({ n, outcome, found: 0 })
  })
}

const allMishaps: readonly Mishap[] = ['not sent', 'request lost', 'answer lost', 'late']
const seeds = Array.from({ length: amount(3, 60) }, (_, i) => i + 1)

describe('requests and answers that are lost or late', () => {
  test.each(seeds)('seed %i: with time enough all is settled', async (seed) => {
    const random = new SeededRandom(seed)
    const share = [0.02, 0.1, 0.3][seed % 3]!
    const world = await openWorld({
      random,
      share,
      mishaps: allMishaps,
      apis: transactionalApis,
      // One that comes late fences the producer that it registered, whose commit may then be left open.
      neverLate: ['InitProducerId'],
    })
    const outcomes = await runTransactions(world, random, { count: 150, timeout: 20_000 })
    check(outcomes, await read(world.sound, 'a'))
    expect(outcomes).not.toContain('unknown')
    expect(outcomes.filter((outcome) => outcome === 'committed').length).toBeGreaterThan(75)
  })

  test.each(seeds)('seed %i: with little time, whatever is said is so', async (seed) => {
    const random = new SeededRandom(100 + seed)
    const share = [0.3, 0.5, 0.7][seed % 3]!
    const world = await openWorld(
      { random, share, mishaps: allMishaps, apis: transactionalApis },
      { config: { timeout: 40 } },
    )
    const outcomes = await runTransactions(world, random, { count: 100, timeout: 40 })
    check(outcomes, await read(world.sound, 'a'))
  })

  test.each(seeds)('seed %i: with the protocol before KIP-890', async (seed) => {
    const random = new SeededRandom(200 + seed)
    // What comes late may tear a transaction there: that is what KIP-890 is about.
    const mishaps: readonly Mishap[] = ['not sent', 'request lost', 'answer lost']
    const isShort = seed % 2 === 0
    const world = await openWorld(
      { random, share: isShort ? 0.5 : 0.1, mishaps, apis: transactionalApis },
      { isOldProtocol: true, ...(isShort && { config: { timeout: 40 } }) },
    )
    const timeout = isShort ? 40 : 20_000
    const outcomes = await runTransactions(world, random, { count: 100, timeout })
    check(outcomes, await read(world.sound, 'a'))
    if (!isShort) expect(outcomes).not.toContain('unknown')
  })

  test('a registration that comes twice fences its producer: that ends its transaction at once, and the next has another', async () => {
    const how = { random: new SeededRandom(1), share: 0, mishaps: [], apis: transactionalApis }
    const { kafka, sound, connection } = await openWorld(how)
    await sound.admin.createTopic('a')
    const fenced = kafka.transaction('a', async (tx) => {
      const sent: Sent = { n: 0, place: 0, count: 1 }
      await tx.send(sent)
      await connection.repeat('InitProducerId')
    })
    await expect(fenced).rejects.toMatchObject({ code: 'PRODUCER_FENCED', outcome: 'failed' })
    await kafka.transaction('a', async (tx) => {
      const sent: Sent = { n: 1, place: 0, count: 1 }
      await tx.send(sent)
    })
    expect(await read(sound, 'a')).toEqual([[{ n: 1, place: 0, count: 1 }]])
  })
})
