/** The memory that all connections of a server share, and what becomes of clients that use it badly. */
import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../src/protocol/messages/generated/api-versions.ts'
import { fetch } from '../../src/protocol/messages/generated/fetch.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../../src/protocol/messages/generated/metadata.ts'
import { produce } from '../../src/protocol/messages/generated/produce.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { batch } from '../broker/test-broker.ts'
import { until } from '../until.ts'
import { RawClient } from './raw-client.ts'
import { toFetch, toProduce } from './raw-requests.ts'
import { testCert, testKey } from './test-certificate.ts'

const mebibyte = 1024 * 1024
const large = batch('y'.repeat(900_000))

let server: Server
let clients: RawClient[] = []
let ca: string | undefined
let warnings: { message: string; fields: { readonly [name: string]: unknown } }[] = []
afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  clients = []
  await server.close()
})

/** With 8 MiB: 2 for requests, 2 for answers, 4 that they share, which is all for requests of more than 256 KiB. */
async function serve(config: Omit<ServerConfig, 'data' | 'port'> = {}): Promise<RawClient> {
  warnings = []
  ca = config.tls && testCert
  const warn = (fields: object, message: string) =>
    void warnings.push({ message, fields: fields as (typeof warnings)[number]['fields'] })
  const ignore = () => undefined
  server = await createServer({
    queuedMaxRequestBytes: 8 * mebibyte,
    slowConnectionGrace: '1h',
    memoryWaitTimeout: '1h',
    requestReceiveTimeout: '1h',
    ...config,
    data: 'memory:',
    port: 0,
    logger: { debug: ignore, info: ignore, error: ignore, warn },
  })
  return open()
}

/** A client that is no stranger. */
async function open(options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> {
  const client = await connect(options)
  client.send(
    metadata,
    9,
    createMetadataRequest({ topics: [createMetadataRequestTopic({ name: 't' })] }),
  )
  await client.until(1)
  client.forget()
  return client
}

async function connect(options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> {
  const client = await RawClient.open(server.port, { ...options, ...(ca && { ca }) })
  clients.push(client)
  return client
}

/** Announces a produce of so many bytes and sends the first of them. */
function begin(client: RawClient, size: number, sent: number): void {
  const frame = Buffer.alloc(sent)
  frame.set(client.encode(produce, 9, toProduce(1)).subarray(0, Math.min(sent, 60)))
  frame.writeInt32BE(size)
  client.socket.write(frame)
}

function total(name: string, label?: string): number {
  const values = server.metrics().find((metric) => metric.name === name)?.values ?? []
  return values
    .filter(({ labels }) => label === undefined || Object.values(labels).includes(label))
    .reduce((sum, { value }) => sum + value, 0)
}

const held = (kind?: string) => total('kafkado_queued_bytes', kind)
const waiting = (kind?: string) => total('kafkado_memory_waiters', kind)
const reached = (limit: string) => total('kafkado_limits_reached_total', limit)

test('a request that has begun and does not end closes its connection; the log says so', async () => {
  const client = await serve({ requestReceiveTimeout: 50 })
  const short = await open()
  const other = await open()
  begin(client, 3 * mebibyte, 100_000)
  // A length that is not whole has begun, too.
  short.socket.write(Uint8Array.of(0, 0))
  await Promise.all([client.closed(), short.closed()])
  expect(warnings.map(({ message }) => message)).toEqual(
    Array(2).fill('a connection is closed: its request did not arrive in full'),
  )
  expect(reached('requestReceiveTimeout')).toBe(2)
  expect(held()).toBe(0)
  other.send(produce, 9, toProduce(1))
  await other.until(1)
})

describe('the first request of a connection', () => {
  test('is refused by name when it is long', async () => {
    await serve({ maxFirstRequestBytes: 100_000 })
    const stranger = await connect()
    stranger.send(produce, 9, toProduce(1, 't', large))
    await stranger.closed()
    expect(String(warnings[0]?.fields.err)).toMatch(
      /first request of a connection has 9\d{5} bytes.*maxFirstRequestBytes/,
    )
    expect(reached('maxFirstRequestBytes')).toBe(1)
    expect(held()).toBe(0)
  })

  test('may be long right behind a short one, without a wait for its answer', async () => {
    await serve({ maxFirstRequestBytes: 100_000 })
    const client = await connect()
    const all = [
      client.encode(apiVersions, 0, createApiVersionsRequest()),
      client.encode(produce, 9, toProduce(1, 't', large)),
      client.encode(produce, 9, toProduce(1, 't', large)),
    ]
    client.socket.write(Buffer.concat(all))
    await client.until(3)
    expect(client.answered).toEqual([0, 1, 2])
    expect(warnings).toEqual([])
  })
})

test.each([
  ['more than the shared half of the memory', {}, 'half of queuedMaxRequestBytes'],
  [
    'more than the limit of one',
    { socketRequestMaxBytes: mebibyte },
    'at most 1048576 are allowed',
  ],
])('a request of %s is refused by name, before it has come', async (_, config, reason) => {
  const client = await serve(config)
  begin(client, 4 * mebibyte + 1, 60)
  await client.closed()
  expect(String(warnings[0]?.fields.err)).toContain(`A request of ${4 * mebibyte + 1} bytes`)
  expect(String(warnings[0]?.fields.err)).toContain(reason)
  expect(reached('socketRequestMaxBytes')).toBe(1)
})

test('what becomes objects when it is decoded is shorter than a produce may be', async () => {
  const client = await serve()
  const topics = Array.from({ length: 50_000 }, () => createMetadataRequestTopic({ name: 'x' }))
  client.send(metadata, 8, createMetadataRequest({ topics }))
  await client.closed()
  expect(String(warnings[0]?.fields.err)).toMatch(
    /A Metadata request of 1500\d\d bytes .* half of queuedMaxRequestBytes/,
  )
  expect(reached('queuedMaxRequestBytes')).toBe(1)
})

test('a long request that is not served is refused before it has come', async () => {
  const client = await serve()
  const frame = Buffer.alloc(20_000)
  frame.writeInt32BE(3 * mebibyte)
  frame.writeInt16BE(999, 4)
  client.socket.write(frame)
  await client.closed()
  expect(String(warnings[0]?.fields.err)).toContain('does not serve the API with key 999')
})

test.each([0, 3])('a request of %d bytes is none', async (size) => {
  const client = await serve()
  const frame = Buffer.alloc(4 + size)
  frame.writeInt32BE(size)
  client.socket.write(frame)
  await client.closed()
  expect(warnings).toHaveLength(1)
  expect(held()).toBe(0)
})

describe('while a request holds the memory of large ones', () => {
  let holder: RawClient
  async function occupied(config: Omit<ServerConfig, 'data' | 'port'> = {}): Promise<RawClient> {
    holder = await serve(config)
    const client = await open()
    begin(holder, 4 * mebibyte, 100_000)
    await until(() => held('large_request') === 4 * mebibyte)
    return client
  }

  test('another waits, its socket is not read, and short requests of others go on', async () => {
    const client = await occupied()
    client.send(produce, 9, toProduce(1, 't', large))
    await until(() => waiting('large_request') === 1)
    // Behind it in its connection: nothing overtakes.
    client.send(metadata, 9, createMetadataRequest({ topics: [] }))
    const received = total('kafkado_received_bytes_total')
    const other = await open()
    for (let n = 1; n <= 20; n++) {
      other.send(produce, 9, toProduce(-1, 't', batch('z'.repeat(100_000))))
      await other.until(n)
    }
    expect(total('kafkado_received_bytes_total') - received).toBeLessThan(2_100_000)
    expect(client.frames).toHaveLength(0)
    // A peer that resets in the middle gives its memory back.
    holder.socket.resetAndDestroy()
    await client.until(2)
    expect(client.answered).toEqual([0, 1])
    expect(held()).toBe(0)
  })

  test('who waited too long is closed, and the log says why', async () => {
    const client = await occupied({ memoryWaitTimeout: 50 })
    client.send(produce, 9, toProduce(1, 't', large))
    await client.closed()
    expect(warnings).toEqual([
      expect.objectContaining({
        message: 'a connection is closed: its request waited too long for memory',
      }),
    ])
    expect(reached('memoryWaitTimeout')).toBe(1)
    expect([waiting(), held('request')]).toEqual([0, 0])
  })

  test('who stands still is closed for the one who waits', async () => {
    const client = await occupied({ slowConnectionGrace: 50 })
    client.send(produce, 9, toProduce(1, 't', large))
    await Promise.all([client.until(1), holder.closed()])
    expect(reached('slowConnectionGrace')).toBe(1)
    expect(warnings[0]?.message).toContain('other requests wait for memory')
    expect(held()).toBe(0)
  })

  test('one that goes away while it waits leaves nothing behind', async () => {
    const client = await occupied()
    client.send(produce, 9, toProduce(1, 't', large))
    await until(() => waiting() === 1)
    client.socket.resetAndDestroy()
    holder.socket.resetAndDestroy()
    await until(() => held() === 0 && server.connections === 0)
    expect(waiting()).toBe(0)
  })

  test('a client that has ended its side is answered when its turn comes', async () => {
    await occupied()
    const halfClosed = await open({ allowHalfOpen: true })
    halfClosed.socket.end(halfClosed.encode(produce, 9, toProduce(-1, 't', large)))
    await until(() => waiting() === 1)
    holder.socket.destroy()
    await halfClosed.until(1)
    await halfClosed.closed()
  })

  test('close does not wait for it', async () => {
    const client = await occupied({ closeTimeout: 50 })
    client.send(produce, 9, toProduce(1, 't', large))
    await until(() => waiting() === 1)
    await server.close()
    await Promise.all([client.closed(), holder.closed()])
    expect([waiting(), held()]).toEqual([0, 0])
  })
})

const tls = { cert: testCert, key: testKey }

describe.each([
  ['plain', {}],
  ['over TLS', { tls }],
])('readers that do not read, %s', (_, listener) => {
  /** So many of them, each with an answer that does not leave. */
  async function stuckReaders(count: number, config: Omit<ServerConfig, 'data' | 'port'> = {}) {
    const client = await serve({ ...config, ...listener })
    for (let n = 0; n < 8; n++) client.send(produce, 9, toProduce(-1, 't', large))
    await client.until(8)
    const readers: RawClient[] = []
    for (let n = 0; n < count; n++) {
      const reader = await open()
      reader.socket.pause()
      // Until the operating system takes no more of it.
      for (let i = 0; i < 20; i++) reader.send(fetch, 11, toFetch(0))
      readers.push(reader)
    }
    client.forget()
    return { client, readers }
  }

  test('hold one answer each, and others are served', async () => {
    const { client, readers } = await stuckReaders(3)
    await until(() => held('answer') >= 3 * 900_000)
    for (let n = 1; n <= 50; n++) {
      client.send(metadata, 9, createMetadataRequest({ topics: [] }))
      client.send(produce, 9, toProduce(-1))
      await client.until(2 * n)
    }
    expect(held('answer')).toBeLessThan(3 * 1.1 * mebibyte)
    for (const { socket } of readers) socket.resume()
    await Promise.all(readers.map((reader) => reader.until(20)))
    for (const reader of readers) {
      const first = reader.decode(fetch, 11, 0).responses[0]!.partitions[0]!
      expect(first.records!.length).toBeGreaterThan(900_000)
    }
    await until(() => held() === 0)
  })

  test('that fill the memory make another wait, and the slowest goes when that lasts', async () => {
    const { client } = await stuckReaders(9, { slowConnectionGrace: 100 })
    client.send(fetch, 11, toFetch(0))
    await client.until(1)
    const { records } = client.decode(fetch, 11, 0).responses[0]!.partitions[0]!
    expect(records!.length).toBeGreaterThan(900_000)
    expect(reached('slowConnectionGrace')).toBeGreaterThan(0)
    expect(warnings[0]?.message).toContain('does not read its responses')
  })

  test('that fill the memory: a fetch that waited too long is answered without records', async () => {
    const { client } = await stuckReaders(9, { memoryWaitTimeout: 50 })
    client.send(fetch, 11, toFetch(60_000))
    await client.until(1)
    const { records, errorCode } = client.decode(fetch, 11, 0).responses[0]!.partitions[0]!
    expect([records!.length, errorCode]).toEqual([0, 0])
    expect(warnings[0]?.message).toContain('a fetch is answered without records')
    expect(reached('memoryWaitTimeout')).toBeGreaterThan(0)
    for (const { socket } of clients) socket.destroy()
    await until(() => held() === 0)
  })

  test('do not keep the server from closing', async () => {
    const { readers } = await stuckReaders(9, { closeTimeout: 50 })
    await until(() => waiting('answer') > 0)
    await server.close()
    for (const { socket } of readers) socket.resume()
    await Promise.all(readers.map((reader) => reader.closed()))
    expect([waiting(), held()]).toEqual([0, 0])
  })
})

test('who reads gets larger and larger answers, from one batch on', async () => {
  const client = await serve({ queuedMaxRequestBytes: 256 * mebibyte })
  for (let n = 0; n < 8; n++) client.send(produce, 9, toProduce(-1, 't', large))
  await client.until(8)
  const batches: number[] = []
  for (let n = 8; n < 14; n++) {
    client.send(fetch, 11, toFetch(0))
    await client.until(n + 1)
    const { records } = client.decode(fetch, 11, n).responses[0]!.partitions[0]!
    batches.push(Math.round(records!.length / large.length))
  }
  expect(batches[0]).toBe(1)
  expect(batches.at(-1)).toBe(8)
})

test('fetches that wait hold nothing, also when there is something already', async () => {
  const client = await serve()
  client.send(produce, 9, toProduce(-1, 't', large))
  await client.until(1)
  const pollers = await Promise.all([open(), open(), open()])
  const received = total('kafkado_received_bytes_total')
  for (const poller of pollers) poller.send(fetch, 11, toFetch(60_000, 0n, 50_000_000, 1_000_000))
  await until(() => total('kafkado_received_bytes_total') >= received + 3 * 60)
  // They have looked by the time that others were answered.
  await Promise.all([open(), open()])
  expect(held()).toBe(0)
  client.send(produce, 9, toProduce(-1, 't', large))
  await Promise.all(pollers.map((poller) => poller.until(1)))
  for (const poller of pollers) {
    const { records } = poller.decode(fetch, 11, 0).responses[0]!.partitions[0]!
    expect(records!.length).toBeGreaterThan(900_000)
  }
})

test('what a fetch has found is sent when its time is over, though it is too little', async () => {
  const client = await serve()
  client.send(produce, 9, toProduce(-1))
  await client.until(1)
  client.send(fetch, 11, toFetch(50, 0n, 50_000_000, 1_000_000))
  await client.until(2)
  expect(client.decode(fetch, 11, 1).responses[0]!.partitions[0]!.records!.length).toBe(
    batch('x').length,
  )
})

test('a request over TLS that does not end gives its memory back', async () => {
  const client = await serve({ tls, requestReceiveTimeout: 50 })
  begin(client, 3 * mebibyte, 500_000)
  await until(() => held() === 3 * mebibyte)
  await client.closed()
  expect(held()).toBe(0)
})

test('a client of the package reads and writes within a small budget', async () => {
  await serve()
  await using kafka = new Client(server.url)
  const values = Array.from({ length: 40 }, (_, n) => `${n} ${'x'.repeat(500_000)}`)
  await Promise.all(values.map((value) => kafka.produce('big', value)))
  const records = await kafka.consumer('big').take(40).toArray()
  expect(records.map(({ value }) => value).sort()).toEqual([...values].sort())
  expect(warnings).toEqual([])
})
