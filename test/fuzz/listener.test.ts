/**
 * Hostile connections at a Kafka listener in a process of its own. The server lives; every connection is answered or
 * ended in bounded time, with a reason in the log where the server ends it; memory comes back; and somebody else's
 * client is not disturbed.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SeededRandom } from '../simulation/random.ts'
import { attackNames, attackOf, socketRequestMaxBytes } from './attacks.ts'
import { fuzzCases, fuzzSeed, repeatable } from './fuzz-settings.ts'
import { FuzzedServer, type Memory } from './fuzzed-server.ts'
import { attackServer } from './hostile-connection.ts'
import { targetTopics } from './hostile-requests.ts'
import { SteadyClient } from './steady-client.ts'

const rounds = 6
const atATime = 48
const mebibyte = 1024 * 1024
/** What the heap and buffers may grow between the second round and the last, garbage collected. */
const growthMax = 24 * mebibyte
/** The most that the process may ever take. */
const rssMax = 640 * mebibyte

let server: FuzzedServer
let steady: SteadyClient
beforeAll(async () => {
  server = await FuzzedServer.start({
    socketRequestMaxBytes,
    maxInFlightRequests: 20,
    maxUnsentBytes: 64 * 1024,
    connectionsMaxIdle: 750,
    closeTimeout: 500,
    broker: {
      autoCreateTopics: false,
      maxPartitionsPerTopic: 8,
      messageMaxBytes: 100_000,
      fetchMaxWait: 200,
      groupMinSessionTimeout: 1,
      groupMaxSessionTimeout: 1000,
      groupMaxSize: 20,
      transactionMaxTimeout: 1000,
    },
  })
  steady = new SteadyClient(server.url)
})
afterAll(async () => {
  await steady?.close()
  await server?.stop()
})

/** The topics that may be harmed, new and empty. */
async function freshTargets(): Promise<string[]> {
  const { admin } = steady.client
  const ids: string[] = []
  // Attacks delete topics too.
  const existing = (await admin.listTopics()).map(({ name }) => name)
  for (const name of targetTopics) {
    if (existing.includes(name)) await admin.deleteTopic(name)
    const configs = { 'cleanup.policy': 'compact', 'segment.bytes': 10_000 }
    await admin.createTopic(name, {
      partitions: 2,
      ...(name === 'target-compacted' && { configs }),
    })
    ids.push((await admin.describeTopic(name)).id)
  }
  return ids
}

/** Runs `cases` with at most `atATime` under way. */
async function inParallel(cases: readonly number[], run: (seed: number) => Promise<void>) {
  const left = [...cases]
  const workers = Array.from({ length: atATime }, async () => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) await run(seed)
  })
  await Promise.all(workers)
}

test('hostile connections', { timeout: 24 * 3_600_000 }, async () => {
  const cases = fuzzCases(80)
  const outcomes = new Map<string, number>()
  const memories: Memory[] = []
  await steady.start()
  const startedAt = performance.now()

  for (let round = 0; round < rounds; round++) {
    const topicIds = await freshTargets()
    const options = { topicIds, memberIds: [], producerIds: [0n, 1n, 2n, 3n] }
    const first = fuzzSeed * 1_000_003 + round * Math.ceil(cases / rounds)
    const seeds = Array.from({ length: Math.ceil(cases / rounds) }, (_, i) => first + i)
    await inParallel(seeds, async (seed) => {
      const name = attackNames[seed % attackNames.length]!
      await repeatable(seed, name, async () => {
        const attack = await attackOf(new SeededRandom(seed), name, options)
        const [outcome] = await Promise.all([attackServer(server, attack), steady.step()])
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      })
    })
    // Only those of the steady client are left.
    await expect.poll(() => server.connections(), { timeout: 20_000, interval: 50 }).toBeLessThan(4)
    memories.push(await server.memory())
  }
  const seconds = (performance.now() - startedAt) / 1000
  await steady.finish()

  const used = memories.map(({ heapUsed, arrayBuffers }) => heapUsed + arrayBuffers)
  const inMebibytes = (bytes: number) => Math.round((bytes / mebibyte) * 10) / 10
  console.log(
    [
      `${cases} hostile connections from seed ${fuzzSeed} in ${seconds.toFixed(1)} s:`,
      ...[...outcomes].map(([outcome, count]) => `${count} ${outcome},`),
      `the steady client stored and read ${steady.produced} records, the slowest in ${Math.round(steady.slowestMs)} ms;`,
      `heap and buffers after each round ${used.map(inMebibytes).join(', ')} MiB,`,
      `most ever resident ${inMebibytes(memories.at(-1)!.rssMax)} MiB`,
      ...[...server.messages].map(([message, count]) => `\n  ${count} × ${message}`),
    ].join(' '),
  )
  expect(server.errors).toEqual([])
  expect(used.at(-1)! - used[1]!).toBeLessThan(growthMax)
  expect(memories.at(-1)!.rssMax).toBeLessThan(rssMax)
  for (const outcome of ['answered', 'closed', 'ended']) {
    expect(outcomes.get(outcome), outcome).toBeGreaterThan(cases / 20)
  }
})
