/** One connection: what comes back for a request, whatever the broker does; and what is known of the request then. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AbortedError, DisconnectedError, TimeoutError } from '../../src/core/errors.ts'
import { apiVersions } from '../../src/protocol/messages/generated/api-versions.ts'
import {
  createFindCoordinatorRequest,
  findCoordinator,
} from '../../src/protocol/messages/generated/find-coordinator.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../../src/protocol/messages/generated/metadata.ts'
import { createProduceRequest, produce } from '../../src/protocol/messages/generated/produce.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { silence } from './fake-broker.ts'
import { anyMetadata, connectTo, deadPort, errorOf, fakeBroker } from './tcp-fixture.ts'

const unknown = { retriable: true, outcome: 'unknown', code: 'NETWORK_EXCEPTION' }

describe('requests', () => {
  test('are pipelined, and answered in order', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    await connection.exchange(metadata, anyMetadata)
    let release = () => {}
    broker.once(metadata, async ({ forward }) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return forward()
    })
    const answered: number[] = []
    const asked = [0, 1, 2].map((n) =>
      connection.exchange(metadata, anyMetadata).then(() => answered.push(n)),
    )
    await broker.until(() => broker.requests(metadata).length === 4)
    expect(answered).toEqual([])
    release()
    await Promise.all(asked)
    expect(answered).toEqual([0, 1, 2])
    expect(broker.accepted).toBe(1)
  })

  test('carry the client id, and a correlation id each', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    await Promise.all([1, 2].map(() => connection.exchange(metadata, anyMetadata)))
    expect(broker.received.map(({ clientId }) => clientId)).toEqual(['test', 'test', 'test'])
    expect(broker.received.map(({ correlationId }) => correlationId)).toEqual([0, 1, 2])
  })

  test('may depend on the version in use', async () => {
    const broker = await fakeBroker({ versions: { ApiVersions: 3, Metadata: 7 } })
    const connection = connectTo(broker.url)
    const versions: number[] = []
    const request = (version: number) => {
      versions.push(version)
      return anyMetadata
    }
    await connection.exchange(metadata, request)
    await connection.exchange(metadata, request, { maxVersion: 5 })
    expect(versions).toEqual([7, 5])
  })

  test('of which the broker knows no version are refused, in words that say so', async () => {
    const broker = await fakeBroker({ versions: { ApiVersions: 3, Metadata: 7 } })
    const error = await errorOf(
      connectTo(broker.url).exchange(findCoordinator, createFindCoordinatorRequest()),
    )
    expect(error).toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      retriable: false,
      outcome: 'failed',
    })
    expect(error.message).toMatch(/serves none of FindCoordinator/)
  })

  test('are answered byte by byte', async () => {
    const broker = await fakeBroker()
    broker.on(metadata, async ({ forward, connection, send }) => {
      const answer = await forward()
      connection.setNoDelay(true)
      const write = connection.write.bind(connection)
      connection.write = ((bytes: Uint8Array) => {
        for (const byte of bytes) write(Uint8Array.of(byte))
        return true
      }) as typeof connection.write
      send(answer)
      connection.write = write
      return silence
    })
    const response = await connectTo(broker.url).exchange(metadata, anyMetadata)
    expect(response.brokers).toMatchObject([{ host: '127.0.0.1', port: broker.port }])
  })

  test('without an answer are done once handed over, also when the connection is closed at once', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    await connection.exchange(metadata, anyMetadata)
    const request = createProduceRequest({ acks: 0, timeoutMs: 1000 })
    const sent = Array.from({ length: 1000 }, () =>
      connection.exchange(produce, request, { oneWay: true }),
    )
    await Promise.all([...sent, connection.close()])
    await broker.until(() => broker.connections.size === 0)
    expect(broker.requests(produce)).toHaveLength(1000)
  })

  test('that the caller cancels are given up, and do not hold up others', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    broker.once(metadata, () => new Promise(() => {}))
    const controller = new AbortController()
    const cancelled = connection.exchange(metadata, anyMetadata, { signal: controller.signal })
    await broker.until(() => broker.requests(metadata).length === 1)
    controller.abort()
    await expect(cancelled).rejects.toBeInstanceOf(AbortedError)
    expect((await connection.exchange(metadata, anyMetadata)).brokers).toHaveLength(1)
    const reason = new Error('mine')
    const signal = AbortSignal.abort(reason)
    await expect(connection.exchange(metadata, anyMetadata, { signal })).rejects.toBe(reason)
  })

  test('still get their answers when another is given up', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    let release = () => {}
    broker.once(metadata, async ({ forward }) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return forward()
    })
    const controller = new AbortController()
    const cancelled = connection.exchange(metadata, anyMetadata, { signal: controller.signal })
    const kept = connection.exchange(metadata, anyMetadata)
    await broker.until(() => broker.requests(metadata).length === 2)
    controller.abort()
    await expect(cancelled).rejects.toBeInstanceOf(AbortedError)
    // On a connection of its own, as the first is held up.
    await connection.exchange(metadata, anyMetadata)
    expect(broker.connections.size).toBe(2)
    release()
    expect((await kept).brokers).toHaveLength(1)
    await broker.until(() => broker.connections.size === 1)
  })
})

describe('what may have happened (outcome unknown)', () => {
  test('the broker dies between the request and its answer', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    broker.once(metadata, ({ connection: socket }) => {
      socket.destroy()
      return silence
    })
    const asked = [1, 2, 3].map(() => errorOf(connection.exchange(metadata, anyMetadata)))
    for (const error of await Promise.all(asked)) {
      expect(error).toBeInstanceOf(DisconnectedError)
      expect(error).toMatchObject(unknown)
      expect(error.message).toMatch(
        `The connection to the broker at 127.0.0.1:${broker.port} was lost`,
      )
    }
    // And the next goes over a new connection.
    expect((await connection.exchange(metadata, anyMetadata)).brokers).toHaveLength(1)
    expect(broker.accepted).toBe(2)
  })

  test('answers come out of order', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    broker.once(metadata, () => silence)
    const asked = [1, 2].map(() => errorOf(connection.exchange(metadata, anyMetadata)))
    for (const error of await Promise.all(asked)) {
      expect(error).toMatchObject(unknown)
      expect(error.message).toMatch(/answered request 2, which was not the next one/)
    }
    expect((await connection.exchange(metadata, anyMetadata)).brokers).toHaveLength(1)
  })

  test.each([
    ['text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /the broker closed the connection/],
    ['a negative length', Uint8Array.of(255, 255, 255, 255), /frame of -1 bytes/],
    ['a frame too short to be an answer', Uint8Array.of(0, 0, 0, 2, 0, 0), /cannot be decoded/],
    ['an answer cut off', Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 1, 0, 9), /cannot be decoded/],
    ['an answer to nothing', Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 99), /answered request 99/],
  ])('the answer is garbage: %s', async (_what, bytes, message) => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    broker.once(metadata, ({ connection: socket }) => {
      socket.end(bytes)
      return silence
    })
    const asked = [1, 2].map(() => errorOf(connection.exchange(metadata, anyMetadata)))
    const [first, second] = await Promise.all(asked)
    expect(first).toMatchObject(unknown)
    expect(second).toMatchObject(unknown)
    expect(first!.message).toMatch(message)
    expect((await connection.exchange(metadata, anyMetadata)).brokers).toHaveLength(1)
  })

  test('no answer comes in time', async () => {
    const broker = await fakeBroker()
    const runtime = new ManualRuntime()
    const connection = connectTo(broker.url, { runtime })
    await connection.exchange(metadata, anyMetadata)
    broker.once(metadata, () => new Promise(() => {}))
    const late = errorOf(connection.exchange(metadata, anyMetadata, { timeoutMs: 3000 }))
    const behind = errorOf(connection.exchange(metadata, anyMetadata, { timeoutMs: 60_000 }))
    await broker.until(() => broker.requests(metadata).length === 3)
    runtime.advance(3000)
    expect(await late).toBeInstanceOf(TimeoutError)
    expect(await late).toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      retriable: true,
      outcome: 'unknown',
    })
    // Nothing at all was received: the broker is taken for dead.
    expect(await behind).toMatchObject(unknown)
    expect((await connection.exchange(metadata, anyMetadata)).brokers).toHaveLength(1)
  })

  test('a slow answer is not a dead broker: others are still waited for', async () => {
    const broker = await fakeBroker()
    const runtime = new ManualRuntime()
    const connection = connectTo(broker.url, { runtime })
    await connection.exchange(metadata, anyMetadata)
    let release = () => {}
    broker.once(metadata, async ({ forward }) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return forward()
    })
    const late = errorOf(connection.exchange(metadata, anyMetadata, { timeoutMs: 500 }))
    const behind = connection.exchange(metadata, anyMetadata, { timeoutMs: 60_000 })
    await broker.until(() => broker.requests(metadata).length === 3)
    runtime.advance(500)
    expect(await late).toMatchObject({ outcome: 'unknown' })
    release()
    expect((await behind).brokers).toHaveLength(1)
  })
})

describe('what did not happen (outcome failed)', () => {
  test('nobody listens', async () => {
    const port = await deadPort()
    const error = await errorOf(
      connectTo(`kafka://127.0.0.1:${port}`).exchange(metadata, anyMetadata),
    )
    expect(error).toMatchObject({ retriable: true, outcome: 'failed', code: 'NETWORK_EXCEPTION' })
    expect(error.message).toBe(
      `No connection to a broker at 127.0.0.1:${port}: nothing listens there (ECONNREFUSED). Is the broker running?`,
    )
  })

  test('the broker is gone when the next request comes', async () => {
    const broker = await fakeBroker()
    const connection = connectTo(broker.url)
    await connection.exchange(metadata, anyMetadata)
    await broker.stop()
    const error = await errorOf(connection.exchange(metadata, anyMetadata))
    expect(error).toMatchObject({ retriable: true })
    // The end of the connection may not have been noticed yet: then it was sent for all that is known.
    await nextTurn()
    expect(await errorOf(connection.exchange(metadata, anyMetadata))).toMatchObject({
      retriable: true,
      outcome: 'failed',
    })
  })

  test('the broker takes the connection and says nothing', async () => {
    const broker = await fakeBroker()
    broker.on(apiVersions, () => new Promise(() => {}))
    const runtime = new ManualRuntime()
    const connection = connectTo(broker.url, { runtime, timeoutMs: 60_000 })
    const asked = errorOf(connection.exchange(metadata, anyMetadata))
    for (let attempt = 1; attempt <= 3; attempt++) {
      await broker.until(() => broker.received.length === attempt)
      runtime.advance(10_000)
      await broker.until(() => broker.connections.size === 0)
      while (runtime.pendingTimers < 2 && attempt < 3) await nextTurn()
      runtime.advance(1000)
    }
    const error = await asked
    expect(error).toMatchObject({ retriable: true, outcome: 'failed' })
    expect(error.message).toMatch(/did not say what it serves within 10000 ms; does it require TLS/)
  })

  test('the broker hangs up before anything was agreed on', async () => {
    const broker = await fakeBroker()
    broker.on(apiVersions, ({ connection: socket }) => {
      socket.end()
      return silence
    })
    const error = await errorOf(connectTo(broker.url).exchange(metadata, anyMetadata))
    expect(error).toMatchObject({ retriable: true, outcome: 'failed' })
    expect(error.message).toMatch(
      /was closed before anything was agreed on; does it require TLS \(kafka\+tls:\/\/\) or a user and password/,
    )
  })

  test('the cluster has no such node', async () => {
    const broker = await fakeBroker()
    const error = await errorOf(
      connectTo(broker.url).exchange(metadata, anyMetadata, { nodeId: 77 }),
    )
    expect(error).toMatchObject({ retriable: true, outcome: 'failed' })
    expect(error.message).toBe('The cluster currently has no node 77')
  })

  test('a look for the node that got no answer', async () => {
    const broker = await fakeBroker()
    broker.on(metadata, ({ connection: socket }) => {
      socket.destroy()
      return silence
    })
    const topics = [createMetadataRequestTopic({ name: 't' })]
    const error = await errorOf(
      connectTo(broker.url).exchange(metadata, createMetadataRequest({ topics }), { nodeId: 77 }),
    )
    expect(error).toMatchObject({ retriable: true, outcome: 'failed', code: 'NETWORK_EXCEPTION' })
  })
})
