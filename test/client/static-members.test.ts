/** Members with a name of their own (KIP-345), which come back without a round of the group. */
import { expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { HeldConnection } from './held-connection.ts'
import { turns } from './slow-connection.ts'

test('what a member was giving up when it died goes to another, though it comes back without a round', async () => {
  const runtime = new ManualRuntime()
  const broker = Broker.open({ fileSystem: createMemoryFileSystem(), runtime })
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      runtime.advance(250)
      await turns(4)
    }
  }
  const open = () => {
    const embedded = new EmbeddedConnection('memory:', 'test', runtime, () => broker)
    const connection = new HeldConnection(embedded, runtime)
    const kafka = new BaseClient(resolveClientConfig({ url: 'memory:', runtime }, {}), connection)
    return { kafka, connection }
  }
  const seen: number[] = []
  const consume = (kafka: BaseClient, groupInstanceId: string) => {
    const config = { group: 'g', groupInstanceId, assignor: 'cooperative-sticky' } as const
    kafka.consume<number>('numbers', config, ({ value }) => void seen.push(value)).catch(() => 0)
  }
  const outside = open()
  await outside.kafka.admin.createTopic('numbers', { partitions: 2 })
  const send = async (value: number) => {
    const partitions = [0, 1]
    const sent = partitions.map((partition) =>
      outside.kafka.produce('numbers', value, { partition }),
    )
    await pass(1000)
    await Promise.all(sent)
  }
  const first = open()
  consume(first.kafka, 'a')
  await send(1)
  expect(seen).toEqual([1, 1])

  // It dies once it has given a partition up for the second, before it has said so.
  const joins = first.connection.count('JoinGroup')
  first.connection.isHeld = () => first.connection.count('JoinGroup') > joins + 1
  const second = open()
  consume(second.kafka, 'b')
  await pass(6000)
  expect(first.connection.count('JoinGroup')).toBe(joins + 2)
  const again = open()
  consume(again.kafka, 'a')
  await pass(1000)
  await send(2)
  expect(seen).toEqual([1, 1, 2])
  await pass(40_000)
  expect(seen).toEqual([1, 1, 2, 2])
  const closed = Promise.all([again, second, outside].map(({ kafka }) => kafka.close()))
  await pass(5000)
  await closed
})
