/**
 * The broker behind its doors, given requests that decode but mean harm: `Broker.handle` answers every one, throws
 * nothing that was not foreseen, and what somebody else keeps in it stays as it was, also after a restart.
 */
import { afterEach, expect, test } from 'vitest'
import type { Logger } from '../../src/core/runtime.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { runAll } from '../broker/settled.ts'
import {
  batch,
  commitOffset,
  committedOffset,
  createTopic,
  fetchFrom,
  metadataOf,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../broker/test-broker.ts'
import { testContext } from '../broker/test-session.ts'
import { SeededRandom } from '../simulation/random.ts'
import { fuzzCases, fuzzSeed, repeatable } from './fuzz-settings.ts'
import { type HostileRequest, hostileRequest, targetTopics } from './hostile-requests.ts'

/** Faults of the broker's own: what its log calls an error. */
let faults: { readonly message: string; readonly fields: object }[] = []
const logger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (fields, message) => faults.push({ message, fields }),
}
const hourMs = 3_600_000
const open: TestBroker[] = []
afterEach(async () => {
  for (const broker of open.splice(0)) await broker.broker.close()
  faults = []
})

async function openBroker(): Promise<TestBroker> {
  const broker = await openTestBroker({
    runtime: new ManualRuntime(logger),
    config: { autoCreateTopics: false, maxPartitionsPerTopic: 8, groupMaxSize: 20 },
  })
  open.push(broker)
  await createTopic(broker, 'steady', 1, { 'retention.ms': '-1' })
  return broker
}

/** Creates what hostile requests have deleted; gives the topics' ids. */
async function restoreTargets(broker: TestBroker): Promise<string[]> {
  const topics = await metadataOf(broker, [...targetTopics])
  const ids: string[] = []
  for (const { name, topicId, error } of topics) {
    const configs = { 'cleanup.policy': 'compact', 'segment.bytes': '2000' }
    const isCompacted = name === 'target-compacted'
    if (error === 'NONE') ids.push(topicId)
    else ids.push(await createTopic(broker, name!, 2, isCompacted ? configs : {}))
  }
  return ids
}

/** Encodes and decodes both ways, as the listener would. */
async function exchange(
  broker: TestBroker,
  { api, version, request }: HostileRequest,
): Promise<unknown> {
  const sent = new ByteWriter()
  api.encodeRequest(sent, request, version)
  const received = api.decodeRequest(new ByteReader(sent.finish()), version)
  const context = testContext(version, 'hostile')
  const { response: answer } = await broker.broker.handle(api, received, context)
  const answered = new ByteWriter()
  api.encodeResponse(answered, answer, version)
  return api.decodeResponse(new ByteReader(answered.finish()), version)
}

/** What is found in answers: how often each error, and the ids that members were given. */
class Findings {
  readonly errors = new Map<string, number>()
  readonly memberIds: string[] = []
  readonly producerIds: bigint[] = []
  /** APIs of which something has succeeded. */
  readonly succeeded = new Set<string>()

  note(api: string, answer: unknown, property = ''): void {
    if (Array.isArray(answer)) for (const one of answer) this.note(api, one, property)
    else if (typeof answer === 'object' && answer !== null && !(answer instanceof Uint8Array)) {
      for (const [name, value] of Object.entries(answer)) this.note(api, value, name)
    } else if (property === 'errorCode') this.#error(api, errorName(Number(answer)))
    else if (property === 'memberId' && String(answer).length > 30)
      remember(this.memberIds, String(answer))
    else if (property === 'producerId' && typeof answer === 'bigint')
      remember(this.producerIds, answer)
  }

  #error(api: string, error: string): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1)
    if (error === 'NONE') this.succeeded.add(api)
  }
}

/** The newest few. */
function remember<T>(known: T[], one: T): void {
  if (!known.includes(one)) known.push(one)
  if (known.length > 6) known.shift()
}

test('requests: hostile ones of every API in every version', async () => {
  const cases = fuzzCases(1500, 40_000)
  let broker = await openBroker()
  let topicIds: string[] = []
  const steady: string[] = []
  const findings = new Findings()
  const waiting = new Set<Promise<void>>()
  let longestWait = 0

  /** Lets time pass until all but `atMost` requests are answered. */
  const answered = async (atMost: number) => {
    let waitedMs = 0
    for (
      let stepMs = 1000;
      waiting.size > atMost;
      stepMs = Math.min(stepMs * 2, 10 * 24 * hourMs)
    ) {
      broker.runtime.advance(stepMs)
      waitedMs += stepMs
      for (let turn = 0; turn < 5; turn++) await runAll()
      // A member may ask for a rebalance of 25 days; nothing may take longer.
      if (waitedMs > 100 * 24 * hourMs) throw new Error(`${waiting.size} requests have no answer`)
    }
    longestWait = Math.max(longestWait, waitedMs)
  }
  /** Someone else's records, offsets and writing go on. */
  const undisturbed = async () => {
    const value = `value ${steady.length}`
    const produced = produceTo(broker, 'steady', batch(value))
    await runAll()
    expect((await produced).error).toBe('NONE')
    steady.push(value)
    const committed = commitOffset(broker, 'steady', BigInt(steady.length))
    expect(await committed).toBe('NONE')
    const fetched = await fetchFrom(broker, 'steady')
    expect(fetched.values).toEqual(steady)
    expect(await committedOffset(broker, 'steady')).toBe(BigInt(steady.length))
  }

  for (let i = 0; i < cases; i++) {
    const seed = fuzzSeed * 1_000_003 + i
    const random = new SeededRandom(seed)
    if (i % 20 === 0) topicIds = await restoreTargets(broker)
    const request = await hostileRequest(random, { topicIds, ...findings })
    const what = () => `${request.api.name} v${request.version} ${show(request.request)}`
    let failure: unknown
    const running: Promise<void> = exchange(broker, request)
      .then((answer) => findings.note(request.api.name, answer))
      .catch((error: unknown) => {
        failure = error
      })
      .finally(() => waiting.delete(running))
    waiting.add(running)
    await runAll()
    await repeatable(seed, what(), async () => {
      if (failure) throw failure
      if (waiting.size > 20) await answered(10)
      if (i % 50 === 0) await undisturbed()
      expect(faults).toEqual([])
    })
    if (i % 1000 === 999) {
      await answered(0)
      open.splice(0)
      broker = await broker.restart()
      open.push(broker)
    }
  }
  await answered(0)
  await undisturbed()
  expect(faults).toEqual([])
  const errors = [...findings.errors].sort(([, a], [, b]) => b - a)
  const counts = errors.map(([name, count]) => `${name} ${count}`).join(', ')
  console.log(
    `requests: ${cases} cases from seed ${fuzzSeed}, longest wait ${longestWait / 1000} s; ${counts}`,
  )
  expect(findings.errors.has('UNKNOWN_SERVER_ERROR')).toBe(false)
  // Requests that are all refused at once would show nothing.
  expect(findings.succeeded.size).toBeGreaterThan(25)
  expect(findings.errors.size).toBeGreaterThan(25)
})

function show(request: object): string {
  const text = JSON.stringify(request, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex').slice(0, 400) : value
  })
  return text.slice(0, 2000)
}
