/** Closing: what is in flight is answered or fails, nothing is left behind, and a process that only has a connection ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ClosedError } from '../../src/core/errors.ts'
import { apiVersions } from '../../src/protocol/messages/generated/api-versions.ts'
import { fetch } from '../../src/protocol/messages/generated/fetch.ts'
import { metadata } from '../../src/protocol/messages/generated/metadata.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { anyMetadata, atEnd, clientOf, connectTo, errorOf, fakeBroker } from './tcp-fixture.ts'

test('waits for what is in flight, refuses what comes after, and lets go of every socket', async () => {
  const broker = await fakeBroker()
  const connection = connectTo(broker.url)
  let release = () => {}
  broker.once(metadata, async ({ forward }) => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return forward()
  })
  const asked = connection.exchange(metadata, anyMetadata)
  await broker.until(() => broker.requests(metadata).length === 1)
  let isClosed = false
  const closing = connection.close().then(() => {
    isClosed = true
  })
  expect(await errorOf(connection.exchange(metadata, anyMetadata))).toBeInstanceOf(ClosedError)
  await nextTurn()
  expect(isClosed).toBe(false)
  release()
  expect((await asked).brokers).toHaveLength(1)
  await closing
  await connection.close()
  await broker.until(() => broker.connections.size === 0)
})

test('does not wait for an answer that was given up', async () => {
  const broker = await fakeBroker()
  const connection = connectTo(broker.url)
  broker.once(metadata, () => new Promise(() => {}))
  const controller = new AbortController()
  const asked = errorOf(connection.exchange(metadata, anyMetadata, { signal: controller.signal }))
  await broker.until(() => broker.requests(metadata).length === 1)
  controller.abort()
  expect((await asked).code).toBe('ABORTED')
  await connection.close()
  await broker.until(() => broker.connections.size === 0)
})

test('ends a connection that is still being made', async () => {
  const broker = await fakeBroker()
  broker.on(apiVersions, () => new Promise(() => {}))
  const connection = connectTo(broker.url)
  const controller = new AbortController()
  const asked = errorOf(connection.exchange(metadata, anyMetadata, { signal: controller.signal }))
  await broker.until(() => broker.received.length === 1)
  controller.abort()
  expect((await asked).code).toBe('ABORTED')
  expect(broker.connections.size).toBe(1)
  await connection.close()
  await broker.until(() => broker.connections.size === 0)
})

test('leaves no timer behind', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  broker.on(metadata, async ({ forward }) => ({ ...(await forward()), throttleTimeMs: 60_000 }))
  await connection.exchange(metadata, anyMetadata)
  await connection.close()
  expect(runtime.pendingTimers).toBe(0)
})

test('a consumer in a long poll closes at once', async () => {
  const broker = await fakeBroker()
  const kafka = clientOf(broker)
  await kafka.produce('t', 'x')
  const consumer = kafka.consumer('t', { fetchMaxWait: '60s' })
  const reading = (async () => {
    for await (const _ of consumer) await broker.until(() => broker.requests(fetch).length >= 2)
  })()
  await broker.until(() => broker.requests(fetch).length >= 2)
  await kafka.close()
  await reading
  await broker.until(() => broker.connections.size === 0)
})

test('sockets that nobody uses are let go: those of a lane soon, the shared ones after minutes', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  const { brokers } = await connection.exchange(metadata, anyMetadata)
  const { nodeId } = brokers[0]!
  await connection.exchange(metadata, anyMetadata, { nodeId, lane: 'poll' })
  expect(broker.connections.size).toBe(2)
  runtime.advance(31_000)
  await broker.until(() => broker.connections.size === 1)
  runtime.advance(540_000)
  await broker.until(() => broker.connections.size === 0)
  await connection.exchange(metadata, anyMetadata)
  expect(broker.connections.size).toBe(1)
})

test('lanes that brokers hang up on leave nothing behind', async () => {
  const broker = await fakeBroker()
  const runtime = new ManualRuntime()
  const connection = connectTo(broker.url, { runtime })
  const { brokers } = await connection.exchange(metadata, anyMetadata)
  const { nodeId } = brokers[0]!
  for (let lane = 0; lane < 10; lane++) {
    await connection.exchange(metadata, anyMetadata, { nodeId, lane: `poll-${lane}` })
  }
  broker.hangUp()
  await broker.until(() => broker.connections.size === 0)
  const before = runtime.pendingTimers
  runtime.advance(31_000)
  expect(runtime.pendingTimers).toBeLessThanOrEqual(before - 10)
})

const program = fileURLToPath(new URL('process-that-ends.js', import.meta.url))

/** How a process that does `what` with a broker ends. It runs what `npm run build` has built. */
async function runProcess(what: string, url: string): Promise<{ code: unknown; output: string }> {
  const child = spawn(process.execPath, [program, what, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  atEnd(async () => void child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  const [code] = await once(child, 'exit')
  return { code, output: output.trim() }
}

test.each(['closesItsClient', 'keepsAnIdleConnection', 'givesUpAnAnswer'])(
  'a process ends by itself: %s',
  async (what) => {
    const broker = await fakeBroker()
    broker.on(fetch, () => new Promise(() => {}))
    expect(await runProcess(what, broker.url)).toEqual({ code: 0, output: 'done' })
  },
)

test('a process ends by itself although no connection came about', async () => {
  // Takes connections and says nothing.
  const mute = createServer().listen(0, '127.0.0.1')
  await once(mute, 'listening')
  atEnd(async () => void mute.close())
  const { port } = mute.address() as { port: number }
  const result = await runProcess('closesBeforeItIsConnected', `kafka://127.0.0.1:${port}`)
  expect(result).toEqual({ code: 0, output: 'done' })
})
