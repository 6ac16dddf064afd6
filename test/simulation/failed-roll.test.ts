/**
 * A segment that could not be begun is taken back, and the one before it goes on past its first offset. A loss of power
 * must not bring it back, for records would then stand behind its beginning where no reader finds them.
 */
import { expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'
import { BrokerClient } from './broker-client.ts'
import { SeededRandom } from './random.ts'
import { diskReserve, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'

const place = { topic: 'orders', partition: 0 }
const settings = { 'segment.bytes': '1024', 'retention.ms': '-1' }
const secondSegment = /^open orders-0\/0{17}\d{3}\.log$/
const secondSegmentFile = /^orders-0\/0{19}4\.log$/
const checkpointWritten = /^rename recovery-point/
const flushedMs = 120_000
const images = 40

function batchNumber(n: number, valueBytes: number): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(1000 + n, null, `${n}:`.padEnd(valueBytes))
  return builder.build({ producerId: -1n, producerEpoch: -1, baseSequence: -1 })
}

function failTest(problem: string): void {
  throw new Error(problem)
}

/** Fills a segment, lets the next fail to begin, and appends to the first again: each is acknowledged but the one that failed. */
async function produceAround(
  disk: SimulatedDisk,
  runtime: SimulatedRuntime,
  client: BrokerClient,
  failedRemovals: number,
): Promise<number> {
  expect(await client.createTopic(place.topic, 1, settings)).toMatchObject({ error: 'NONE' })
  let stored = 0
  for (; stored < 4; stored++)
    expect(await client.produce(place, batchNumber(stored, 130), -1)).toMatchObject({
      error: 'NONE',
    })
  disk.failNext('write', /^orders-0\/.*index$/, 'STORAGE_FULL')
  for (let i = 0; i < failedRemovals; i++) disk.failNext('remove', secondSegmentFile, 'STORAGE_IO')
  const refused = await client.produce(place, batchNumber(stored, 700), -1)
  expect(refused?.error).not.toBe('NONE')
  expect(disk.trace.some((call) => secondSegment.test(call))).toBe(true)
  for (let i = 1; i < failedRemovals; i++) {
    const again = await client.produce(place, batchNumber(stored, 1), -1)
    expect(again).toMatchObject({ error: 'KAFKA_STORAGE_ERROR' })
    expect(await client.offsetAt(place, -1n)).toBe(BigInt(stored))
  }
  expect(await client.produce(place, batchNumber(stored, 1), -1)).toMatchObject({ error: 'NONE' })
  // How far each partition is stored is written down now and then.
  await new Promise<void>((resolve) => void runtime.setTimer(flushedMs, resolve))
  expect(disk.trace.some((call) => checkpointWritten.test(call))).toBe(true)
  return stored + 1
}

async function valuesOn(disk: SimulatedDisk, random: SeededRandom): Promise<(number | string)[]> {
  const runtime = new SimulatedRuntime({ random })
  const read = async () => {
    const broker = await Broker.open({ fileSystem: disk, runtime, config: { diskReserve } })
    const client = new BrokerClient(broker, disk, failTest)
    const end = (await client.offsetAt(place, -1n))!
    const values: (number | string)[] = []
    for (let offset = 0n; offset < end; ) {
      const fetched = (await client.fetch(place, offset, 100_000))!
      if (fetched.error !== 'NONE') return [...values, fetched.error]
      for (const { value } of fetched.records) values.push(Number.parseInt(value!, 10))
      offset = fetched.nextOffset
    }
    await broker.close()
    return values
  }
  const values = await runtime.runUntil(read())
  runtime.stop()
  return values
}

const cases = [0, 1, 3].flatMap((failedRemovals) => [
  { name: 'at once', isClosed: false, failedRemovals },
  { name: 'after a clean stop', isClosed: true, failedRemovals },
])

test.each(cases)(
  'what follows a segment that could not be begun is there when the power fails $name; failed removals: $failedRemovals',
  async ({ isClosed, failedRemovals }) => {
    for (let seed = 1; seed <= images; seed++) {
      const random = new SeededRandom(seed)
      const disk = new SimulatedDisk({ random })
      const runtime = new SimulatedRuntime({ random })
      const work = async () => {
        const broker = await Broker.open({ fileSystem: disk, runtime, config: { diskReserve } })
        const stored = await produceAround(
          disk,
          runtime,
          new BrokerClient(broker, disk, failTest),
          failedRemovals,
        )
        if (isClosed) await broker.close()
        return stored
      }
      const stored = await runtime.runUntil(work())
      runtime.stop()
      const due = Array.from({ length: stored }, (_, i) => i)
      const image = disk.imageAfterPowerFailure({ random })
      expect(await valuesOn(image, random), `seed ${seed}`).toEqual(due)
    }
  },
)
