/** When tasks of one process begin to hand records over: not before all that is in the topics between them was processed. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { resolveConsumerConfig } from '../../src/client/consumer/consumer-config.ts'
import { PartitionReader } from '../../src/client/consumer/partition-reader.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { HandOver } from '../../src/streams/runtime/hand-over.ts'
import type { Plan } from '../../src/streams/runtime/plan.ts'
import type { RunningTask } from '../../src/streams/runtime/running-task.ts'
import { TaskInput } from '../../src/streams/runtime/task-input.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { HeldConnection } from '../client/held-connection.ts'
import { turns } from '../client/slow-connection.ts'

let connection: HeldConnection
let client: BaseClient
let reader: PartitionReader
let input: TaskInput
let handOver: HandOver
let runtime: ManualRuntime
/** Reads what others write. */
const upper = { inputs: [{ isInternal: false }], isDirty: false } as unknown as RunningTask
let lower: RunningTask

beforeEach(async () => {
  runtime = new ManualRuntime()
  const embedded = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime }),
  )
  connection = new HeldConnection(embedded, runtime)
  const config = resolveClientConfig({ url: 'memory:', runtime }, {})
  client = new BaseClient(config, connection)
  await client.admin.createTopic('between', { partitions: 1 })
  await client.produce('between', 'first')
  const cluster = new Cluster(connection, config)
  const events = { news: () => undefined, failed: () => undefined }
  reader = new PartitionReader(cluster, resolveConsumerConfig({}), events)
  const [consumption] = reader.add([{ topic: 'between', partition: 0, from: 0n }])
  input = new TaskInput(consumption!, { committed: 0n, isInternal: true })
  lower = { inputs: [input], isDirty: false } as unknown as RunningTask
  const tasks = [upper, lower]
  const plan = { hasInternal: true, tasks: [{}, {}], partitionsOf: () => 1 } as unknown as Plan
  handOver = new HandOver(cluster, () => ({ plan, tasks, opening: 0 }))
  await handOver.consider()
  expect(handOver.isOn).toBe(false)
})
afterEach(async () => {
  reader.close()
  await client.close()
})

async function untilThereIsOne(): Promise<void> {
  while (!input.head) {
    reader.pump()
    await turns(1)
  }
}

test('not while a record has been looked at, but not processed', async () => {
  await untilThereIsOne()
  await handOver.consider()
  expect(handOver.isOn).toBe(false)
  input.shift()
  expect(input.head).toBeUndefined()
  await handOver.consider()
  expect(handOver.isOn).toBe(true)
})

test('not while there is a record that has not been fetched', async () => {
  await untilThereIsOne()
  // Fetches that begin from here on have no answer.
  connection.isHeld = ({ api }) => api === 'Fetch'
  reader.interrupt()
  input.shift()
  expect(input.head).toBeUndefined()
  await client.produce('between', 'second')
  await handOver.consider()
  expect(handOver.isOn).toBe(false)
  connection.isHeld = () => false
  reader.interrupt()
  await untilThereIsOne()
  input.shift()
  expect(input.head).toBeUndefined()
  await handOver.consider()
  expect(handOver.isOn).toBe(true)
})

test('and tasks that would write more rest until then, but not for long', async () => {
  expect([upper, lower].map((task) => handOver.rests(task))).toEqual([true, false])
  await untilThereIsOne()
  input.shift()
  expect(input.head).toBeUndefined()
  await handOver.consider()
  expect(handOver.isOn).toBe(true)
  expect(handOver.rests(upper)).toBe(false)

  handOver.end()
  input.rewind()
  handOver.tasksCame()
  await handOver.consider()
  expect(handOver.rests(upper)).toBe(true)
  runtime.advance(1000)
  expect([handOver.rests(upper), handOver.restsFor()]).toEqual([false, 0])
  // Where that was too short: again, once there may be less.
  await handOver.consider()
  expect(handOver.rests(upper)).toBe(false)
  runtime.advance(30_000)
  await handOver.consider()
  expect(handOver.rests(upper)).toBe(true)
})
