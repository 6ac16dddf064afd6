/**
 * Crashes a broker at every storage call of a workload that produces, deletes records and lets time pass, and looks at
 * what the next one finds: no record that was said to be deleted is back, none other is missing, and a batch that is
 * sent again is not stored a second time.
 */

import { expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords,
} from '../../src/protocol/messages/generated/delete-records.ts'
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'
import { amount } from '../amount.ts'
import { testContext } from '../broker/test-session.ts'
import { BrokerClient } from './broker-client.ts'
import type { Death } from './lives.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'

const place = { topic: 'orders', partition: 0 }
const settings = { 'segment.bytes': '1024', 'retention.ms': '-1' }
const rounds = amount(3, 20)
const cleanedMs = 20_000
const producer = { producerId: 7n, producerEpoch: 0 }

/** What the application knows when the broker dies. */
class Knowledge {
  isCreated = false
  /** Offsets of the batches that were acknowledged; one record each. */
  acknowledged = 0
  /** Below, everything was said to be deleted. */
  deleted = 0n
  /** Below, everything was asked to be deleted. */
  asked = 0n
}

function batchNumber(n: number): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(1000 + n, null, `${n}:`.padEnd(150))
  return builder.build({ ...producer, baseSequence: n })
}

async function deleteBefore(broker: Broker, offset: bigint): Promise<bigint | undefined> {
  const partitions = [createDeleteRecordsRequestDeleteRecordsPartition({ offset })]
  const topics = [createDeleteRecordsRequestDeleteRecordsTopic({ name: place.topic, partitions })]
  const request = createDeleteRecordsRequest({ topics })
  const { response } = await broker.handle(deleteRecords, request, testContext(2))
  const answer = response.topics[0]!.partitions[0]!
  return answer.errorCode === 0 ? answer.lowWatermark : undefined
}

async function work(
  disk: SimulatedDisk,
  runtime: SimulatedRuntime,
  random: SeededRandom,
  known: Knowledge,
): Promise<void> {
  const broker = await Broker.open({ fileSystem: disk, runtime, config: { diskReserve } })
  const client = new BrokerClient(broker, disk, failTest)
  const created = await client.createTopic(place.topic, 1, settings)
  if (created?.error !== 'NONE') return
  known.isCreated = true
  for (let round = 0; round < rounds && !disk.isDead; round++) {
    for (let count = 1 + random.below(8); count > 0 && !disk.isDead; count--) {
      const answer = await client.produce(place, batchNumber(known.acknowledged), -1)
      if (answer?.error === 'NONE') known.acknowledged++
    }
    if (disk.isDead) return
    const end = BigInt(known.acknowledged)
    const offset = random.chance(0.4) ? -1n : known.asked + BigInt(random.below(4))
    const wanted = offset < 0n || offset > end ? end : offset
    if (wanted > known.asked) known.asked = wanted
    const start = await deleteBefore(broker, offset < 0n ? offset : wanted).catch(() => undefined)
    if (start !== undefined) known.deleted = start
    if (random.chance(0.4))
      await new Promise<void>((resolve) => void runtime.setTimer(cleanedMs, resolve))
  }
}

async function check(disk: SimulatedDisk, random: SeededRandom, known: Knowledge): Promise<void> {
  if (!known.isCreated) return
  const runtime = new SimulatedRuntime({ random })
  const found = async () => {
    const broker = await Broker.open({ fileSystem: disk, runtime, config: { diskReserve } })
    const client = new BrokerClient(broker, disk, failTest)
    const earliest = (await client.offsetAt(place, -2n))!
    expect(earliest).toBeGreaterThanOrEqual(known.deleted)
    expect(earliest <= known.asked || earliest === known.deleted).toBe(true)
    const kept: number[] = []
    const end = BigInt(known.acknowledged)
    for (let offset = earliest; offset < end; ) {
      const fetched = (await client.fetch(place, offset, 100_000))!
      expect(fetched.error).toBe('NONE')
      expect(fetched.nextOffset).toBeGreaterThan(offset)
      for (const record of fetched.records)
        if (record.offset >= offset) kept.push(Number.parseInt(record.value!, 10))
      offset = fetched.nextOffset
    }
    const first = Number(earliest)
    const all = Array.from({ length: known.acknowledged - first }, (_, i) => first + i)
    expect(kept.slice(0, all.length)).toEqual(all)
    if (known.acknowledged > 0) {
      const last = known.acknowledged - 1
      const again = await client.produce(place, batchNumber(last), -1)
      expect(again).toMatchObject({ error: 'NONE', baseOffset: BigInt(last) })
    }
    await broker.close()
  }
  await runtime.runUntil(found())
  runtime.stop()
}

function failTest(problem: string): void {
  throw new Error(problem)
}

async function life(seed: number, crashAtCall: number, death: Death): Promise<number> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk({ random, crashAtCall })
  const runtime = new SimulatedRuntime({ random })
  const known = new Knowledge()
  await runtime.runUntil(work(disk, runtime, random, known).catch(() => undefined))
  runtime.stop()
  const { calls } = disk
  await check(disk.afterDeath(death, { random }), random, known)
  return calls
}

test.each(['power', 'process'] as const)(
  'death by %s at any storage call',
  async (death) => {
    for (const seed of [1, 2]) {
      const calls = await life(seed, Number.POSITIVE_INFINITY, death)
      expect(calls).toBeGreaterThan(100)
      for (let crashAtCall = 1; crashAtCall <= calls; crashAtCall += 2) {
        try {
          await life(seed, crashAtCall, death)
        } catch (error) {
          throw new Error(`seed ${seed}, death by ${death} at call ${crashAtCall}`, {
            cause: error,
          })
        }
      }
    }
  },
  300_000,
)
