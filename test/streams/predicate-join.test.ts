/**
 * The join by predicate at work on several partitions: every task compares its left records with all right ones, from a place of
 * its own. What comes out is what a double loop over both topics gives, once each, whatever happens in between.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, json, string, topic } from '../../src/index.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import '../../src/streams/runtime/start-application.ts'
import { readTopic } from '../../src/testing/read-topic.ts'
import { amount } from '../amount.ts'
import { SeededRandom } from '../simulation/random.ts'
import { app, type Happening, World, type WorldEvent } from './simulated-world.ts'

interface Item {
  readonly id: number
  readonly size: number
}

const isLarger = (left: Item, right: Item) => left.size > right.size

function write(streams: StreamBuilder, isMapped = false): void {
  const right = streams.stream<Item>('right')
  streams
    .stream<Item>('left')
    .join(isMapped ? right.map((item) => ({ ...item })) : right, {
      on: isLarger,
      window: '1h',
      store: 'pairs',
    })
    .map((left, other) => `${left.id} ${other.id}`)
    .to('out')
}

function pairsOf(left: readonly Item[], right: readonly Item[]): string[] {
  return left
    .flatMap((one) =>
      right.filter((other) => isLarger(one, other)).map((other) => `${one.id} ${other.id}`),
    )
    .sort()
}

const items = (from: number, count: number): Item[] =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, size: ((from + i) * 7) % 11 }))

describe('embedded', () => {
  let kafka: Client
  const logged: { fields: object; message: string }[] = []
  beforeEach(async () => {
    logged.length = 0
    const note = (fields: object, message: string) => void logged.push({ fields, message })
    kafka = new Client({
      url: 'memory:',
      logger: { debug: () => {}, info: note, warn: note, error: note },
    })
    await kafka.admin.createTopic('left', { partitions: 2 })
    await kafka.admin.createTopic('right', { partitions: 3 })
    await kafka.admin.createTopic('out', { partitions: 1 })
  })
  afterEach(() => kafka.close())

  const send = async (name: string, values: readonly Item[]) => {
    const producer = kafka.producer<Item>(name)
    for (const value of values) await producer.send(value, { key: `k${value.id}` })
  }
  const start = (isMapped = false) => {
    const streams = kafka.streams({ app: 'shop', commitInterval: 10 })
    write(streams, isMapped)
    return streams.start()
  }
  const read = async (count: number): Promise<string[]> => {
    const records = await kafka.consumer<string>('out').take(count).toArray()
    return records.map(({ value }) => value).sort()
  }

  test.each([false, true])(
    'goes on after restarts with what it had (mapped: %s)',
    async (isMapped) => {
      const left = items(0, 12)
      const right = items(100, 15)
      await send('left', left.slice(0, 5))
      await send('right', right.slice(0, 6))
      const first = await start(isMapped)
      await read(pairsOf(left.slice(0, 5), right.slice(0, 6)).length)
      await first.close()
      await send('right', right.slice(6, 11))
      await send('left', left.slice(5, 8))
      const second = await start(isMapped)
      await read(pairsOf(left.slice(0, 8), right.slice(0, 11)).length)
      await second.close()
      const third = await start(isMapped)
      await send('left', left.slice(8))
      await send('right', right.slice(11))
      const expected = pairsOf(left, right)
      expect(await read(expected.length)).toEqual(expected)
      await third.close()
      const { offsets } = await kafka.admin.describeTopic('out')
      const pairs = (await readAll()).sort()
      expect(pairs).toEqual(expected)
      expect(offsets).toHaveLength(1)
    },
  )

  test('says what it costs, and counts it', async () => {
    await send('left', items(0, 4))
    await send('right', items(100, 3))
    const run = await start()
    await expect.poll(() => run.metrics().joinComparisons).toEqual({ pairs: 12 })
    expect(logged).toContainEqual({
      fields: { app: 'shop', operator: 'pairs' },
      message: expect.stringContaining('compares every pair'),
    })
    await run.close()
  })

  async function readAll(): Promise<string[]> {
    const { offsets } = await kafka.admin.describeTopic('out')
    // Marks of transactions have offsets too.
    expect(offsets[0]!.latest).toBeGreaterThan(0n)
    const marker = 'end'
    await kafka.produce('out', marker)
    const found: string[] = []
    for await (const { value } of kafka.consumer<string>('out')) {
      if (value === marker) break
      found.push(value)
    }
    return found
  }
})

interface Trial {
  readonly seed: number
  readonly happenings: readonly Happening[]
  /** Right records come when all left ones are through, so that no offset of the group moves with them. */
  readonly isLeftFirst?: boolean
}

/** Processes that are killed, and others that take over. */
async function trial({ seed, happenings, isLeftFirst = false }: Trial): Promise<void> {
  const random = new SeededRandom(seed)
  let at = 20
  const apis = [undefined, 'EndTxn', 'Produce', 'TxnOffsetCommit', 'Fetch']
  const planned = happenings.map((what): WorldEvent => {
    at += random.below(150)
    if (isLeftFirst) return { atExchange: 0, what, api: 'EndTxn' }
    const api = what.type === 'refuse' ? 'EndTxn' : apis[random.below(apis.length)]
    return { atExchange: at, what, api }
  })
  const events = isLeftFirst ? [] : [...planned]
  const isMapped = random.chance(0.4)
  const world = new World({
    random,
    processes: 2,
    isEmbedded: false,
    config: {
      commitInterval: [1, 20, 100][random.below(3)]!,
      sessionTimeout: 6000,
      heartbeatInterval: 500,
      rebalanceTimeout: 8000,
      transactionTimeout: 2000,
    },
    build: (streams) => write(streams, isMapped),
    events,
  })
  const left: Item[] = []
  const right: Item[] = []
  const live = async () => {
    await world.openBroker()
    await world.sound.admin.createTopic('left', { partitions: 2 })
    await world.sound.admin.createTopic('right', { partitions: 3 })
    await world.sound.admin.createTopic('out', { partitions: 2 })
    world.startProcess()
    world.startProcess()
    for (let n = 0; n < 40; n++) {
      const isLeft = isLeftFirst ? n < 20 : random.chance(0.5)
      if (isLeftFirst && n === 20) {
        await world.later(5000)
        events.push(...planned)
      }
      const item = { id: n, size: random.below(10) }
      if (isLeft) left.push(item)
      else right.push(item)
      await world.sound.produce(isLeft ? 'left' : 'right', item, {
        key: `k${random.below(9)}`,
        timestamp: new Date(1_700_000_000_000 + n * 100 - random.below(500)),
      })
      await world.later(random.below(300))
    }
    for (let waits = 0; waits < 60 && events.length > 0; waits++) await world.later(500)
    world.calm()
    while (world.processes.size < 2) world.startProcess()
    const wanted = pairsOf(left, right)
    for (let waits = 0; (await written()).length < wanted.length; waits++) {
      if (world.failures.length > 0) throw world.failures[0]
      if (waits > 1200) break
      await world.later(100)
    }
    // What comes twice comes soon.
    await world.later(30_000)
    expect((await written()).sort()).toEqual(wanted)
  }
  const written = async () => {
    const out = topic('out', { key: string, value: json<string>() })
    return (await readTopic(world.soundConnection, out)).map(({ value }) => value)
  }
  try {
    await world.drive(live(), 3_600_000)
    await world.drive(world.close(), 600_000)
    expect(world.failures).toEqual([])
  } catch (error) {
    throw new Error(`seed ${seed}, ${app}, ${JSON.stringify([...world.tally])}`, { cause: error })
  }
}

const seeds = Array.from({ length: amount(2, 40, 'CRASHES') }, (_, n) => n + 1)

describe('two processes', () => {
  test.each(seeds)('that are left alone, seed %i', (seed) => trial({ seed, happenings: [] }))

  test.each(seeds)('that are killed and lose answers, seed %i', (seed) =>
    trial({
      seed,
      happenings: [
        { type: 'kill', isCarriedOut: seed % 2 === 0 },
        { type: 'answer lost' },
        { type: 'kill', isCarriedOut: seed % 2 === 1 },
        { type: 'not sent' },
        { type: 'refuse', errorCode: 51 },
        { type: 'leave' },
      ],
    }),
  )

  test.each(seeds)('that cannot tell whether right records were committed, seed %i', (seed) =>
    trial({
      seed,
      isLeftFirst: true,
      happenings: [
        { type: 'not sent' },
        { type: 'answer lost' },
        { type: 'not sent' },
        { type: 'answer lost' },
      ],
    }),
  )
})
