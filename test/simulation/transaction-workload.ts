/**
 * A workload of transactions over two topics, with offsets of a group, by a producer of the older protocol (explicit partitions)
 * or one of the newer; and the check of what the next broker shows to readers of committed records: each transaction whole or
 * not at all, those that were acknowledged as committed whole, those that were aborted not at all; the group's offset where the
 * last committed transaction put it. And nothing hangs: once transactions have timed out, the stable offset is the end.
 */
import { expect } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { Offset } from '../../src/client/consumer/offset.ts'
import type { ConsumerRecord } from '../../src/client/consumer/record.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import {
  type ApiVersionsResponse,
  apiVersions,
} from '../../src/protocol/messages/generated/api-versions.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import type { SeededRandom } from './random.ts'
import { diskReserve, type SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedRuntime } from './simulated-runtime.ts'

const topics = ['left', 'right'] as const
const settings = { 'segment.bytes': '1024' }
/** The broker's own logs are cut in small segments, and compacted soon after. */
const brokerConfig = {
  offsetsTopicSegmentBytes: 1024,
  transactionStateLogSegmentBytes: 1024,
  logCleanerMinCleanableRatio: 0.01,
}
/** Longer than it takes until a segment that was closed is looked at. */
const compactedMs = 1500
const transactions = 14
const timeoutMs = 30_000

export type Fate = 'committed' | 'aborted' | 'unknown'

/** What the application knows when the broker dies: by the number of the transaction. */
export type Knowledge = Map<number, Fate>

export interface Totals {
  crashes: number
  committed: number
  aborted: number
  unknown: number
  /** Unknown ones that the next broker has carried out, or not. */
  completed: number
  vanished: number
  /** Segments of the broker's own logs that were replaced by compacted ones. */
  compactedOffsets: number
  compactedStates: number
}

function open(
  fileSystem: FileSystem,
  runtime: SimulatedRuntime,
  isOldProtocol: boolean,
  onBroker: (broker: Broker) => void = () => undefined,
): BaseClient {
  const config = resolveClientConfig({ url: 'memory:', runtime, retries: 0, timeout: '2s' }, {})
  const connection = new EmbeddedConnection('memory:', 'simulation', runtime, async () => {
    const broker = await Broker.open({
      fileSystem,
      runtime,
      config: { ...brokerConfig, diskReserve },
    })
    onBroker(broker)
    return broker
  })
  return new BaseClient(config, isOldProtocol ? withoutFeatures(connection) : connection)
}

/** A broker that seems not to know `transaction.version` 2. */
function withoutFeatures(inner: Connection): Connection {
  return {
    url: inner.url,
    releaseLane: (lane) => inner.releaseLane(lane),
    close: () => inner.close(),
    async exchange(api, request, options) {
      const response = await inner.exchange(api, request, options)
      if (api.key !== apiVersions.key) return response
      return { ...(response as ApiVersionsResponse), finalizedFeatures: [] } as typeof response
    },
  }
}

export async function work(
  disk: SimulatedDisk,
  runtime: SimulatedRuntime,
  random: SeededRandom,
  isOldProtocol: boolean,
  known: Knowledge,
  onBroker?: (broker: Broker) => void,
): Promise<void> {
  const kafka = open(disk, runtime, isOldProtocol, onBroker)
  for (const topic of [...topics, 'input'])
    await kafka.admin.createTopic(topic, { configs: settings })
  const numbers = Array.from({ length: transactions }, (_, n) => n)
  await kafka.producer<number>('input').sendBatch(numbers)
  // A disk that is dead does not come back in this life.
  const config = { group: 'copy', autoCommit: false, giveUpAfter: '10s' }
  const input = kafka.consumer<number>('input', config)
  for await (const record of input) {
    const n = record.value
    const aborts = random.chance(0.3)
    known.set(n, 'unknown')
    try {
      await kafka.transaction('left', { id: 'copier', timeout: timeoutMs }, async (tx) => {
        for (const topic of topics) {
          for (let part = 0; part < 2; part++) await tx.send(`${n}`.padEnd(60), { topic })
        }
        await tx.commitOffsets(record as ConsumerRecord)
        if (aborts) throw new Error('abort')
      })
      known.set(n, 'committed')
    } catch (error) {
      // What an abort is asked for is never committed, however the abort itself goes.
      if (aborts) known.set(n, 'aborted')
      if (disk.isDead) return
      if (!aborts) throw error
    }
    if (random.chance(0.2))
      await new Promise<void>((resolve) => void runtime.setTimer(compactedMs, resolve))
    if (n === transactions - 1) break
  }
  await kafka.close()
}

export async function check(
  disk: FileSystem,
  runtime: SimulatedRuntime,
  known: Knowledge,
  totals: Totals,
): Promise<void> {
  const kafka = open(disk, runtime, false)
  const existing = (await kafka.admin.listTopics()).map(({ name }) => name)
  // Whatever was under way is aborted then, so that a reader gets to the end.
  await new Promise<void>((resolve) => void runtime.setTimer(2 * timeoutMs, resolve))
  const seen = new Map<string, number[]>()
  for (const topic of topics)
    seen.set(topic, existing.includes(topic) ? await read(kafka, topic) : [])
  let last = -1
  for (const [n, fate] of known) {
    const counts = topics.map((topic) => seen.get(topic)!.filter((value) => value === n).length)
    expect(counts[0], `transaction ${n} (${fate}) is half there: ${counts}`).toBe(counts[1])
    const isThere = counts[0] === 2
    expect(counts[0] === 0 || isThere, `transaction ${n} (${fate}): ${counts}`).toBe(true)
    if (fate === 'committed') expect(isThere, `transaction ${n} was committed`).toBe(true)
    if (fate === 'aborted') expect(isThere, `transaction ${n} was aborted`).toBe(false)
    if (isThere) last = n
    totals[fate]++
    if (fate === 'unknown') totals[isThere ? 'completed' : 'vanished']++
  }
  for (const topic of topics) {
    const values = seen.get(topic)!
    expect(
      values.filter((n) => !known.has(n)),
      `${topic} has only what was sent`,
    ).toEqual([])
    expect(values, `${topic} is in order`).toEqual([...values].sort((a, b) => a - b))
  }
  const groups = (await kafka.admin.listGroups()).map(({ group }) => group)
  const committed = groups.includes('copy')
    ? (await kafka.admin.describeGroup('copy')).partitions.find(({ topic }) => topic === 'input')
        ?.committed
    : undefined
  expect(Number(committed ?? 0n), 'the offset moved exactly with the transactions').toBe(last + 1)
  await kafka.close()
}

/** All that a reader of committed records gets before a last record. */
async function read(kafka: BaseClient, topic: string): Promise<number[]> {
  await kafka.produce(topic, 'end')
  const values: number[] = []
  for await (const { value } of kafka.consumer<string>(topic, { offset: Offset.earliest })) {
    if (value === 'end') break
    values.push(Number(value))
  }
  return values
}
