/** One trial of the crash simulation: a world is made, works while things happen to it, calms down, and is checked. */
import { isDeepStrictEqual } from 'node:util'
import { expect, vi } from 'vitest'
import {
  DisconnectedError,
  json,
  type SendOptions,
  type Serializer,
  string,
  topic,
} from '../../src/index.ts'
// Loaded before the clock of a trial goes: loading takes real time.
import '../../src/streams/state-dir/level-engine.ts'
import { StateDir } from '../../src/streams/state-dir/state-dir.ts'
import type { StreamsConfig } from '../../src/streams/streams-config.ts'
import { readTopic } from '../../src/testing/read-topic.ts'
import type { Death } from '../simulation/lives.ts'
import { SeededRandom } from '../simulation/random.ts'
import {
  build,
  changelogOf,
  expectedOf,
  type Input,
  isOrdered,
  keyOf,
  lastOf,
  onErrorOf,
  partitionsOf,
  randomScenario,
  repartitionOf,
  type Scenario,
  type Seen,
  windowKey,
  windowMs,
} from './crash-scenarios.ts'
import { randomWork, type Work } from './crash-works.ts'
import { allRefusals, refusable } from './process-connection.ts'
import { openSimulated } from './simulated-files.ts'
import { app, type Happening, World, type WorldEvent } from './simulated-world.ts'

export interface TrialOptions {
  readonly seed: number
  readonly processes: number
  readonly guarantee?: 'exactly-once' | 'at-least-once'
  readonly isEmbedded?: boolean
  /** The broker's disk fails so. */
  readonly death?: Death
  readonly scenario?: Partial<Scenario>
  readonly offsetsOutside?: boolean
  /** Copies of state, names and files that survive restarts, requests that come late, more refusals, joins and tables: at random. */
  readonly isVaried?: boolean
  /** Instead of a scenario. */
  readonly work?: Work
  /** Which of them happen. */
  readonly happenings?: readonly Happening['type'][]
}

const keys = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gus']
const transactionTimeoutMax = 10_000
const start = 1_700_000_000_000

export async function runTrial(options: TrialOptions): Promise<World> {
  const random = new SeededRandom(options.seed)
  const scenario = { ...randomScenario(random), ...options.scenario }
  const variety = options.isVaried ? randomVariety(options.seed, random) : {}
  const work = options.work ?? variety.work
  const world = makeWorld(options, { scenario, work, variety }, random)
  const dirs = vi
    .spyOn(StateDir, 'open')
    .mockImplementation((given) => openStateDir({ ...given, openEngine: openSimulated }))
  try {
    await world.drive(live(world, { scenario, work, variety }, random), 3_600_000)
    const checked = work
      ? checkWork(world, work)
      : check(world, scenario, options.guarantee ?? 'exactly-once')
    await world.drive(checked)
    await world.drive(world.close(), 600_000)
    expect(world.failures).toEqual([])
  } catch (error) {
    const what = JSON.stringify(work ? work.name : scenario)
    const varied = JSON.stringify({ ...variety, work: undefined })
    throw new Error(
      `seed ${options.seed}, ${what}, ${varied}, ${JSON.stringify([...world.tally])}, ${world.failures.map(String)}`,
      { cause: error },
    )
  } finally {
    dirs.mockRestore()
  }
  return world
}

const openStateDir = StateDir.open.bind(StateDir)

interface Variety {
  readonly work?: Work | undefined
  readonly config?: Partial<StreamsConfig>
  readonly isStatic?: boolean
  readonly hasFiles?: boolean
  /** The application's own topics, and the broker's, have small segments, which are compacted soon. */
  readonly isCompacted?: boolean
  /** What is read was written in transactions, some of which were aborted. */
  readonly hasTransactions?: boolean
  readonly isOldProtocol?: boolean
}

const smallSegments = { 'segment.bytes': '1024', 'min.cleanable.dirty.ratio': '0.01' }
const compactingBroker = {
  offsetsTopicSegmentBytes: 1024,
  transactionStateLogSegmentBytes: 1024,
  logCleanerMinCleanableRatio: 0.01,
  logCleanerBackoff: 500,
}

function randomVariety(seed: number, random: SeededRandom): Variety {
  const isCompacted = random.chance(0.4)
  return {
    work: random.chance(0.6) ? randomWork(random) : undefined,
    isCompacted,
    hasTransactions: random.chance(0.3),
    config: {
      ...(isCompacted && {
        internalTopics: { changelog: smallSegments, repartition: { 'segment.bytes': '1024' } },
      }),
      standbys: [0, 0, 1, 2][random.below(4)]!,
      maxLag: [0, 3, 10_000][random.below(3)]!,
      maxTaskIdle: [0, 0, 150][random.below(3)]!,
    },
    isOldProtocol: seed % 10 >= 7,
    isStatic: random.chance(0.3),
    hasFiles: random.chance(0.4),
  }
}

interface Plot {
  readonly scenario: Scenario
  readonly work: Work | undefined
  readonly variety: Variety
}

function makeWorld(
  options: TrialOptions,
  { scenario, work, variety }: Plot,
  random: SeededRandom,
): World {
  const { processes, death, isEmbedded = false, offsetsOutside = false } = options
  const config: StreamsConfig = {
    guarantee: options.guarantee,
    commitInterval: [1, 20, 100][random.below(3)]!,
    sessionTimeout: 6000,
    heartbeatInterval: 500,
    rebalanceTimeout: 8000,
    transactionTimeout: [2000, transactionTimeoutMax][random.below(2)]!,
    onError: work ? 'stop' : onErrorOf(scenario),
    ...variety.config,
  } as StreamsConfig
  return new World({
    random,
    processes,
    isEmbedded,
    config,
    broker: variety.isCompacted ? compactingBroker : {},
    isOldProtocol: variety.isOldProtocol,
    isStatic: variety.isStatic,
    hasFiles: variety.hasFiles,
    build: (streams, process) => (work ? work.build(streams) : build(scenario, streams, process)),
    events: eventsOf(options, variety, random),
    offsetsOutside,
    disk: death && {
      death,
      crashAtCalls: Array.from({ length: 4 }, () => 1 + random.below(250)),
    },
  })
}

const targets = [
  ...['Produce', 'InitProducerId', 'TxnOffsetCommit', 'EndTxn', 'EndTxn', 'OffsetFetch'],
  ...['JoinGroup', 'SyncGroup', 'ListOffsets', 'Fetch', 'Heartbeat', 'OffsetCommit', 'LeaveGroup'],
]
const oldTargets = ['AddPartitionsToTxn', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn']
const refusals = [14, 15, 16, 51]

function eventsOf(
  { happenings, isVaried }: TrialOptions,
  { isOldProtocol }: Variety,
  random: SeededRandom,
): WorldEvent[] {
  const aimed = isOldProtocol ? [...targets, ...oldTargets] : targets
  const events: WorldEvent[] = []
  let atExchange = random.below(60)
  const count = 3 + random.below(8)
  const types: readonly Happening['type'][] = happenings ?? [
    ...(['kill', 'kill', 'kill', 'leave', 'add', 'freeze', 'hold', 'hold'] as const),
    ...(['not sent', 'answer lost', 'answer lost', 'refuse'] as const),
    ...(isVaried ? (['late', 'late', 'late', 'refuse'] as const) : []),
  ]
  for (let n = 0; n < count && types.length > 0; n++) {
    atExchange += random.below([10, 40, 120][random.below(3)]!)
    const type = types[random.below(types.length)]!
    if (isVaried && type === 'refuse') {
      const [api, codes] = [...allRefusals][random.below(allRefusals.size)]!
      events.push({
        atExchange,
        api,
        what: { type, errorCode: codes[random.below(codes.length)]! },
      })
      continue
    }
    const what = happeningOf(type, random)
    const api =
      what.type === 'refuse'
        ? refusable[random.below(refusable.length)]!
        : random.chance(0.6)
          ? aimed[random.below(aimed.length)]!
          : undefined
    events.push({ atExchange, api, what })
  }
  return events
}

function happeningOf(type: Happening['type'], random: SeededRandom): Happening {
  const forMs = [100, 3000, 9000, 15_000][random.below(4)]!
  switch (type) {
    case 'kill':
      return { type, isCarriedOut: random.chance(0.5) }
    case 'freeze':
    case 'late':
      return { type, forMs }
    case 'hold':
      return { type, forMs, apis: ['Heartbeat', ...(random.chance(0.5) ? ['EndTxn'] : [])] }
    case 'refuse':
      return { type, errorCode: refusals[random.below(refusals.length)]! }
    default:
      return { type } as Happening
  }
}

async function live(
  world: World,
  { scenario, work, variety }: Plot,
  random: SeededRandom,
): Promise<void> {
  await world.openBroker()
  const { admin } = world.sound
  const sources = work?.sources ?? sourcesOf(scenario)
  const partitions = work ? 3 : partitionsOf(scenario)
  for (const name of [...sources, 'out', 'dead']) await admin.createTopic(name, { partitions })
  world.arm()
  const { hasTransactions } = variety
  const feeding = feed(world, sources, random, { ...work, hasTransactions })
  for (let n = 0; n < world.options.processes; n++) world.startProcess()
  await feeding
  // What is due to happen happens while there is work, or soon.
  for (let waits = 0; waits < 60 && world.options.events.length > 0; waits++) await world.later(500)
  world.calm()
  await until(world, async () => {
    const { processes } = world.options
    while (world.processes.size < processes && !world.disk?.isDead) world.startProcess()
    const repartition = work ? undefined : repartitionOf(scenario)
    return isDone(world, sources, repartition).catch((error: unknown) => {
      // The broker may be away.
      if (error instanceof DisconnectedError) return false
      throw error
    })
  })
  // Transactions that the dead have left open hide what came after them.
  await world.later(transactionTimeoutMax + 2000)
}

interface FeedOptions {
  readonly hasTombstones?: boolean | undefined
  readonly hasTransactions?: boolean | undefined
}

async function feed(
  world: World,
  sources: readonly string[],
  random: SeededRandom,
  { hasTombstones, hasTransactions }: FeedOptions,
): Promise<void> {
  let id = 0
  let timestamp = start
  const next = (): [value: Input | null, options: SendOptions<string>] => {
    timestamp += random.below(120)
    const value: Input = { id: ++id, other: keys[random.below(keys.length)]! }
    // Some come late.
    const at = timestamp - (random.chance(0.2) ? random.below(2500) : 0)
    const isDeleted = hasTombstones && random.chance(0.2)
    const key = keys[random.below(keys.length)]!
    return [isDeleted ? null : value, { key, timestamp: new Date(at) }]
  }
  const chunks = 6 + random.below(6)
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (const source of sources) {
      const records = Array.from({ length: 1 + random.below(12) }, next)
      if (hasTransactions && random.chance(0.6)) {
        await feedAtOnce(world, source, records, random.chance(0.4))
      } else {
        const sent = records.map(([value, options]) => world.sound.produce(source, value, options))
        await Promise.all(sent)
      }
    }
    await world.later(random.below(400))
  }
}

/** In a transaction. Whether it counts in the end, the log says. */
async function feedAtOnce(
  world: World,
  source: string,
  records: readonly (readonly [Input | null, SendOptions<string>])[],
  isAborted: boolean,
): Promise<void> {
  const written = world.sound.transaction(source, { timeout: 5000 }, async (tx) => {
    await Promise.all(records.map(([value, options]) => tx.send(value, options)))
    if (isAborted) throw new Error('aborted')
  })
  await written.catch(() => undefined)
}

async function until(world: World, isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; ; tries++) {
    if (world.failures.length > 0) throw world.failures[0]
    if (await isTrue()) return
    if (tries > 3000) throw new Error('the application does not come to its end')
    await world.later(100)
  }
}

/** Everything that was read is committed, and so is what was made of it. */
async function isDone(
  world: World,
  sources: readonly string[],
  repartition: string | undefined,
): Promise<boolean> {
  const committed = await committedOffsets(world)
  const topics = await world.sound.admin.listTopics()
  const between = topics
    .map(({ name }) => name)
    .filter((name) => name.startsWith(`${app}-`) && !name.endsWith('-changelog'))
  if (repartition && !between.includes(repartition)) return false
  for (const name of [...sources, ...between]) {
    for (const records of await read(world, name, bytes, bytes as Serializer<unknown>)) {
      const last = records.at(-1)
      if (!last) continue
      const at = committed.get(`${name}-${last.partition}`) ?? 0n
      if (at <= last.offset) return false
    }
  }
  return [...world.processes].some(({ running }) => running?.state === 'running')
}

async function committedOffsets(world: World): Promise<Map<string, bigint>> {
  try {
    const { partitions } = await world.sound.admin.describeGroup(app)
    return new Map(partitions.map((one) => [`${one.topic}-${one.partition}`, one.committed ?? 0n]))
  } catch {
    return new Map()
  }
}

const bytes: Serializer<string> = {
  name: 'latin1',
  serialize: latin1Bytes,
  deserialize: latin1Text,
}

/** By partition, what readers of committed records see. */
async function read(
  world: World,
  name: string,
  key: Serializer<string> = string,
  value: Serializer<unknown> = json(),
): Promise<Seen[][]> {
  const typed = topic(name, { key, value })
  const seen: Seen[][] = [[], [], []]
  for (const one of await readTopic(world.soundConnection, typed)) {
    const { partition, offset, key, value, timestamp } = one
    seen[partition]!.push({ partition, offset, key, value, timestampMs: timestamp.getTime() })
  }
  return seen
}

function latin1Text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function latin1Bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

async function check(
  world: World,
  scenario: Scenario,
  guarantee: 'exactly-once' | 'at-least-once',
): Promise<void> {
  const sources = sourcesOf(scenario)
  const inputs = await Promise.all(sources.map((name) => read(world, name)))
  const repartition = repartitionOf(scenario)
  const isExact = guarantee === 'exactly-once'
  const all = inputs.flat(2)
  if (repartition && isExact) checkRepartition(all, (await read(world, repartition)).flat())
  const outputs = byKey(scenario, (await read(world, 'out')).flat())
  if (!isExact) return checkAtLeastOnce(scenario, all, outputs)
  const expected = isOrdered(scenario) ? expectedOf(scenario, inputs[0]!) : undefined
  if (expected) expect(sorted(outputs)).toEqual(sorted(expected.outputs))
  else checkInterleaved(scenario, inputs, outputs)
  if (scenario.failures === 'deadLetter' && expected) {
    const dead = (await read(world, 'dead')).flat().map(({ value }) => (value as Input).id)
    expect(dead.sort((a, b) => a - b)).toEqual(expected.failed.sort((a, b) => a - b))
  }
  await checkStores(world, scenario, expected?.totals)
}

function sourcesOf({ sources }: Scenario): string[] {
  return sources === 'one' ? ['in'] : ['in', 'in2']
}

async function checkWork(world: World, work: Work): Promise<void> {
  const inputs = await Promise.all(work.sources.map((name) => read(world, name)))
  work.check(inputs, (await read(world, 'out')).flat())
  const totals = work.totals?.(inputs)
  if (totals) {
    const scenario = { state: 'total' } as Scenario
    await checkStores(world, scenario, totals)
  }
}

/** In a repartition each record is once at most; those that were handed over in memory are not. */
function checkRepartition(inputs: readonly Seen[], behind: readonly Seen[]): void {
  const ids = behind.map(({ value }) => (value as Input).id)
  const wanted = inputs.map(({ value }) => (value as Input).id)
  expect(ids.length).toBe(new Set(ids).size)
  expect(wanted).toEqual(expect.arrayContaining(ids))
}

/** What comes of several partitions comes in an order that is not known before: each record once, those of a partition in order. */
function checkInterleaved(
  scenario: Scenario,
  inputs: readonly Seen[][][],
  outputs: Map<string, unknown[]>,
): void {
  const isFailing = (id: number) =>
    expectedOf(scenario, [
      [{ partition: 0, offset: 0n, key: '', value: { id, other: '' }, timestampMs: 0 }],
    ]).outputs.size === 0
  for (const key of keys) {
    const list = outputs.get(key) ?? []
    const ids =
      scenario.state === 'none' ? (list as number[]) : list.map((total) => lastOf(total as string))
    const every = new Set<number>()
    for (const ofPartition of inputs.flat()) {
      const wanted = ofPartition
        .filter((one) => keyOf(scenario, one) === key)
        .map(({ value }) => (value as Input).id)
        .filter((id) => !isFailing(id))
      expect(ids.filter((id) => wanted.includes(id))).toEqual(wanted)
      for (const id of wanted) every.add(id)
    }
    expect(ids.filter((id) => !every.has(id))).toEqual([])
    expect(ids.length).toBe(new Set(ids).size)
    if (scenario.state === 'none') continue
    list.forEach((total, n) => {
      expect(total).toBe(ids.slice(0, n + 1).join(','))
    })
  }
}

function checkAtLeastOnce(
  scenario: Scenario,
  all: readonly Seen[],
  outputs: Map<string, unknown[]>,
): void {
  if (scenario.state.startsWith('window')) return
  for (const [key, wanted] of expectedOf(scenario, [all]).outputs) {
    const found = outputs.get(key) ?? []
    if (scenario.state === 'none') {
      expect(new Set(found)).toEqual(new Set(wanted))
      if (scenario.sources === 'one') expect(firstOnes(found)).toEqual(wanted)
    } else {
      const last = (found.at(-1) as string).split(',').map(Number)
      for (const total of wanted) expect(last, key).toContain(lastOf(total as string))
    }
  }
}

/** Without repeats. A record that is repeated brings those behind it again. */
function firstOnes(list: readonly unknown[]): unknown[] {
  return [...new Set(list)]
}

/** How often it is looked whether a process has heard what became of its tasks; ten times in a second. */
const looksMax = 300

/** What the stores of all processes have. */
async function storedIn(world: World, scenario: Scenario): Promise<Map<string, unknown>> {
  const stored = new Map<string, unknown>()
  for (const { running } of world.processes) {
    for await (const [key, value] of running!.store('totals').entries()) {
      if (scenario.state === 'total') stored.set(key, value)
      else {
        const { key: of, start } = key as unknown as { key: string; start: Date }
        stored.set(windowKey(of, start.getTime()), value)
      }
    }
  }
  return stored
}

async function checkStores(
  world: World,
  scenario: Scenario,
  totals: ReadonlyMap<string, unknown> | undefined,
): Promise<void> {
  const changelog = changelogOf(scenario)
  if (!changelog) return
  const folded = new Map<string, unknown>()
  for (const { key, value } of (await read(world, changelog, bytes)).flat()) {
    const name = scenario.state === 'total' ? utf8(key!) : windowOf(key!)
    if (value === null) folded.delete(name)
    else folded.set(name, value)
  }
  let stored = new Map<string, unknown>()
  let looks = 0
  await until(world, async () => {
    const isRunning = [...world.processes].every(({ running }) => running?.state === 'running')
    if (isRunning) stored = await storedIn(world, scenario)
    // One that was frozen hears a little later that its tasks have gone to others.
    const isFresh = [...stored].every(([key, value]) => isDeepStrictEqual(folded.get(key), value))
    // A process that came late gets tasks, which for a moment are nobody's: given up, and not yet taken.
    const isWhole = scenario.state !== 'total' || stored.size === folded.size
    return isRunning && ((isFresh && isWhole) || ++looks > looksMax)
  })
  for (const [key, value] of stored) expect(folded.get(key), key).toEqual(value)
  if (scenario.state === 'total') expect(sorted(stored)).toEqual(sorted(folded))
  if (!totals) return
  for (const [key, value] of stored) expect(value, key).toEqual(totals.get(key))
  if (scenario.state === 'total') expect(sorted(stored)).toEqual(sorted(totals))
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString()
}

function windowOf(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1')
  const at = bytes.length - 12
  return windowKey(bytes.subarray(0, at).toString(), Number(bytes.readBigInt64BE(at)))
}

function byKey({ state }: Scenario, records: readonly Seen[]): Map<string, unknown[]> {
  const lists = new Map<string, unknown[]>()
  for (const { key, value } of records) {
    const name = state.startsWith('window') ? nameOfWindow(key!) : key!
    const list = lists.get(name)
    if (list) list.push(value)
    else lists.set(name, [value])
  }
  return lists
}

function nameOfWindow(key: string): string {
  const { key: of, start } = JSON.parse(key) as { key: string; start: string | number }
  return windowKey(of, new Date(start).getTime())
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

export { windowMs }
