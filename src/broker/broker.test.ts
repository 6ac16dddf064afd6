import { describe, expect, test } from 'vitest'
import { runAll } from '../../test/broker/settled.ts'
import {
  batch,
  createTopic,
  fetchFrom,
  metadataOf,
  openTestBroker,
  produceTo,
} from '../../test/broker/test-broker.ts'
import { testContext } from '../../test/broker/test-session.ts'
import { ClosedError, DataFolderLockedError } from '../core/errors.ts'
import { createHeartbeatRequest, heartbeat } from '../protocol/messages/generated/heartbeat.ts'
import { createProduceRequest, produce } from '../protocol/messages/generated/produce.ts'
import { saslHandshake } from '../protocol/messages/generated/sasl-handshake.ts'
import { Broker } from './broker.ts'

test('what is produced can be fetched', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  expect(await produceTo(broker, 'orders', batch('a', 'b'), { partition: 1 })).toMatchObject({
    error: 'NONE',
    baseOffset: 0n,
  })
  const fetched = await fetchFrom(broker, 'orders', 0n, { partition: 1 })
  expect(fetched).toMatchObject({ error: 'NONE', highWatermark: 2n, values: ['a', 'b'] })
})

test('topics, settings, records and the cluster id survive a restart', async () => {
  const first = await openTestBroker()
  const topicId = await createTopic(first, 'orders', 3, { 'retention.ms': '-1' })
  await produceTo(first, 'orders', batch('a'), { partition: 2 })
  const second = await first.restart()
  expect(second.broker.clusterId).toBe(first.broker.clusterId)
  const [topic] = await metadataOf(second, ['orders'])
  expect(topic).toMatchObject({ error: 'NONE', topicId })
  expect(topic!.partitions).toHaveLength(3)
  expect(await fetchFrom(second, 'orders', 0n, { partition: 2 })).toMatchObject({ values: ['a'] })
})

describe('versions', () => {
  test('one that is not served is refused with UNSUPPORTED_VERSION', async () => {
    const { broker } = await openTestBroker()
    const asked = broker.handle(produce, createProduceRequest(), testContext(2))
    await expect(asked).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION' })
  })

  test('an API that is not served is refused by its name', async () => {
    const { broker } = await openTestBroker()
    expect(broker.servedApi(saslHandshake.key)).toBeUndefined()
    expect(broker.servedApi(produce.key)?.accepted).toEqual({ minVersion: 3, maxVersion: 13 })
    const asked = broker.handle(saslHandshake, { mechanism: 'PLAIN' }, testContext(1))
    await expect(asked).rejects.toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      message: 'This broker does not serve SaslHandshake',
    })
  })
})

describe('closing', () => {
  test('is idempotent, and refuses what comes after', async () => {
    const { broker } = await openTestBroker()
    await Promise.all([broker.close(), broker.close()])
    await broker.close()
    const request = createHeartbeatRequest({ groupId: 'g' })
    const asked = broker.handle(heartbeat, request, testContext(0))
    await expect(asked).rejects.toBeInstanceOf(ClosedError)
    await expect(asked).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
  })

  test('lets what is in flight finish first', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    broker.fileSystem.holdSyncs()
    const answer = produceTo(broker, 'orders', batch('a'))
    await runAll()
    const closed = broker.broker.close()
    broker.fileSystem.releaseSyncs()
    expect(await answer).toMatchObject({ error: 'NONE' })
    await closed
    expect(await fetchFrom(await broker.restart(), 'orders')).toMatchObject({ values: ['a'] })
  })

  test('lets a topic that is being created be finished', async () => {
    const broker = await openTestBroker()
    const created = createTopic(broker, 'orders')
    await broker.broker.close()
    await created
    expect(await metadataOf(await broker.restart(), ['orders'])).toMatchObject([{ error: 'NONE' }])
  })

  test('leaves no timer behind', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('a'))
    await broker.broker.close()
    expect(broker.runtime.pendingTimers).toBe(0)
  })

  test('keeps what acks=1 has acknowledged', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('a'), { acks: 1 })
    expect(await fetchFrom(await broker.restart(), 'orders')).toMatchObject({ values: ['a'] })
  })
})

describe('opening', () => {
  test('a folder that another broker has is refused, and the first goes on', async () => {
    const first = await openTestBroker()
    await createTopic(first, 'orders')
    const { fileSystem, runtime } = first
    await expect(Broker.open({ fileSystem, runtime })).rejects.toBeInstanceOf(DataFolderLockedError)
    expect(await produceTo(first, 'orders', batch('a'))).toMatchObject({ error: 'NONE' })
  })

  test('a start that fails lets go of the folder', async () => {
    const first = await openTestBroker()
    const { fileSystem, runtime } = first
    await first.broker.close()
    fileSystem.failWrites = 'STORAGE_FULL'
    fileSystem.remove('__consumer_offsets-0')
    await expect(Broker.open({ fileSystem, runtime })).rejects.toMatchObject({
      code: 'STORAGE_FULL',
    })
    fileSystem.failWrites = undefined
    await (await Broker.open({ fileSystem, runtime })).close()
  })

  test('an unknown config key is an error that names it', async () => {
    const { fileSystem, runtime } = await openTestBroker()
    const opened = Broker.open({ fileSystem, runtime, config: { segmentByts: 1 } as never })
    await expect(opened).rejects.toThrow(/segmentByts.*Did you mean 'segmentBytes'/)
  })
})
