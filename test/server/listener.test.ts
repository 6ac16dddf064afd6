import { afterEach, expect, test } from 'vitest'
import { KafkaError } from '../../src/index.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
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

interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: { readonly [name: string]: unknown }
}

let server: Server
let clients: RawClient[] = []
let log: LogLine[] = []
afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  clients = []
  await server.close()
})

/** A server with a topic `t` of one partition, and a connection to it. */
async function serve(config: Omit<ServerConfig, 'data' | 'port'> = {}): Promise<RawClient> {
  log = []
  const at = (level: string) => (fields: object, message: string) =>
    void log.push({ level, message, fields: fields as LogLine['fields'] })
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  server = await createServer({ ...config, data: 'memory:', port: 0, logger })
  const client = await connect()
  client.send(
    metadata,
    9,
    createMetadataRequest({ topics: [createMetadataRequestTopic({ name: 't' })] }),
  )
  await client.until(1)
  client.forget()
  return client
}

async function connect(options?: { allowHalfOpen?: boolean }): Promise<RawClient> {
  const client = await RawClient.open(server.port, options)
  clients.push(client)
  return client
}

const warnings = () => log.filter(({ level }) => level === 'warn').map(({ message }) => message)

test('requests that are pipelined are answered in order, a fetch that waits before what came after it', async () => {
  const client = await serve()
  const requests = [
    client.encode(produce, 9, toProduce(-1)),
    client.encode(metadata, 9, createMetadataRequest({ topics: null })),
    client.encode(fetch, 11, toFetch(300, 1n)),
    client.encode(produce, 9, toProduce(1)),
    client.encode(produce, 9, toProduce(-1)),
  ]
  client.socket.write(Buffer.concat(requests))
  await client.until(5)
  expect(client.answered).toEqual([0, 1, 2, 3, 4])
  const offsets = [0, 3, 4].map((index) => {
    const { responses } = client.decode(produce, 9, index)
    return responses[0]!.partitionResponses[0]!.baseOffset
  })
  expect(offsets).toEqual([0n, 1n, 2n])
})

test('a request that comes a byte at a time is a request', async () => {
  const client = await serve()
  for (const byte of client.encode(metadata, 9, createMetadataRequest({ topics: null }))) {
    client.socket.write(Uint8Array.of(byte))
  }
  await client.until(1)
  expect(client.decode(metadata, 9, 0).topics.map(({ name }) => name)).toContain('t')
})

test('ApiVersions in a version that is too new is answered in the oldest, with what is served', async () => {
  const client = await serve()
  const request = client.encode(
    apiVersions,
    4,
    createApiVersionsRequest({ clientSoftwareName: 'a', clientSoftwareVersion: '1' }),
  )
  new DataView(request.buffer, request.byteOffset).setInt16(6, 99)
  client.socket.write(request)
  await client.until(1)
  const answer = client.decode(apiVersions, 0, 0)
  expect(errorName(answer.errorCode)).toBe('UNSUPPORTED_VERSION')
  expect(answer.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key)?.maxVersion).toBe(4)
})

test.each<[string, number, number, string]>([
  ['an API that is not served', 36, 0, 'This broker does not serve SaslAuthenticate'],
  ['an API that nobody knows', 999, 0, 'This broker does not serve the API with key 999'],
  [
    'a version that is not served',
    metadata.key,
    99,
    'This broker serves Metadata in versions 0 to 13, not in version 99',
  ],
])(
  '%s ends the connection, after earlier answers, and the log says why',
  async (_, key, version, reason) => {
    const client = await serve()
    const good = client.encode(metadata, 9, createMetadataRequest({ topics: [] }))
    const bad = client.encode(metadata, 9, createMetadataRequest({ topics: [] }))
    const view = new DataView(bad.buffer, bad.byteOffset)
    view.setInt16(4, key)
    view.setInt16(6, version)
    client.socket.write(Buffer.concat([good, bad]))
    await client.closed()
    expect(client.answered).toEqual([0])
    expect(String(log.find(({ level }) => level === 'warn')?.fields.err)).toContain(reason)
  },
)

test('a request that cannot be decoded ends its connection and no other', async () => {
  const client = await serve()
  const other = await connect()
  client.socket.write(
    client.encode(metadata, 9, createMetadataRequest()).map((byte, i) => (i > 14 ? 255 : byte)),
  )
  await client.closed()
  expect(warnings()).toHaveLength(1)
  other.send(metadata, 9, createMetadataRequest({ topics: [] }))
  await other.until(1)
})

test('acks=0 has no answer; when it fails, the end of the connection is one', async () => {
  const client = await serve()
  client.send(produce, 9, toProduce(0))
  client.send(metadata, 9, createMetadataRequest({ topics: [] }))
  await client.until(1)
  expect(client.answered).toEqual([1])
  client.send(produce, 9, toProduce(0, 'nowhere'))
  await client.closed()
  expect(client.frames).toHaveLength(1)
})

test('a frame over the limit, or of negative length, ends the connection', async () => {
  const client = await serve({ socketRequestMaxBytes: 2000 })
  client.socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]))
  await client.closed()
  const other = await connect()
  other.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
  await other.closed()
  expect(warnings()).toHaveLength(2)
})

test('more connections than the limit are turned away', async () => {
  const first = await serve({ maxConnections: 2 })
  const all = [first, ...(await Promise.all([connect(), connect(), connect()]))]
  const turnedAway = () => all.filter(({ isClosed }) => isClosed).length
  await Promise.race(all.map((client) => client.closed()))
  await until(() => turnedAway() >= 2)
  expect(warnings().every((message) => message.includes('was refused: maxConnections'))).toBe(true)
  const left = all.find(({ isClosed }) => !isClosed)!
  left.send(metadata, 9, createMetadataRequest({ topics: [] }))
  await left.until(1)
})

test('HTTP and TLS at the plain port are named in the log; HTTP gets a readable answer', async () => {
  await serve()
  const http = await connect()
  http.socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
  await http.closed()
  expect(Buffer.concat(http.received).toString()).toContain("speaks Kafka's protocol, not HTTP")
  const tls = await connect()
  tls.socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]))
  await tls.closed()
  expect(warnings()).toEqual([
    expect.stringContaining('speaks HTTP'),
    expect.stringContaining('speaks TLS'),
  ])
})

test('a client that has ended its side still gets its answers', async () => {
  await serve()
  const client = await connect({ allowHalfOpen: true })
  client.socket.end(client.encode(produce, 9, toProduce(-1)))
  await client.until(1)
  await client.closed()
})

test('a client that asks nothing is let go; one that waits for an answer is not', async () => {
  const idle = await serve({ connectionsMaxIdle: 150 })
  const waiting = await connect()
  waiting.send(fetch, 11, toFetch(600))
  await idle.closed()
  await waiting.until(1)
  await waiting.closed()
  expect(log.filter(({ message }) => message.includes('idle'))).toHaveLength(2)
})

test('a reader that does not read holds back its own requests, not the memory of the server', async () => {
  const client = await serve({ maxUnsentBytes: 100_000 })
  const record = 'y'.repeat(900_000)
  for (let n = 0; n < 8; n++) client.send(produce, 9, toProduce(1, 't', batch(record)))
  await client.until(8)
  client.socket.pause()
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 40; n++) client.send(fetch, 11, toFetch(0, 0n, 8_000_000))
  const other = await connect()
  for (let n = 0; n < 50; n++) {
    other.send(metadata, 9, createMetadataRequest({ topics: [] }))
    await other.until(n + 1)
  }
  // Forty answers of 7 MB would be 280 MB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  client.socket.resume()
  await client.until(48)
  expect(client.answered).toEqual(Array.from({ length: 48 }, (_, n) => n))
})

test('close answers what is in flight, also what waits, and lets the port go', async () => {
  const client = await serve()
  const waiting = await connect()
  waiting.send(fetch, 11, toFetch(300_000))
  client.send(produce, 9, toProduce(-1))
  client.send(produce, 9, toProduce(-1))
  await client.until(1)
  const closing = server.close()
  await Promise.all([client.closed(), waiting.closed()])
  await closing
  expect(waiting.frames).toHaveLength(1)
  const again = await createServer({ data: 'memory:', port: server.port })
  await again.close()
})

test('a port that is taken, and an address that is not ours, are errors that say what to do', async () => {
  await serve()
  const taken = createServer({ data: 'memory:', port: server.port })
  await expect(taken).rejects.toThrow(KafkaError)
  await expect(taken).rejects.toThrow(/another process listens there; choose another port/)
  await expect(
    createServer({ data: 'memory:', port: 0, host: '192.0.2.1', allowAnonymous: true }),
  ).rejects.toThrow(/no such address/)
  await expect(createServer({ prot: 1 } as never)).rejects.toThrow(/Did you mean 'port'/)
})

test('clients are told the advertised address', async () => {
  const client = await serve({ advertisedHost: 'events.example.com', advertisedPort: 443 }).catch(
    () => connect(),
  )
  client.send(
    metadata,
    9,
    createMetadataRequest({ topics: [createMetadataRequestTopic({ name: 'x' })] }),
  )
  await client.until(1)
  expect(client.decode(metadata, 9, 0).brokers).toEqual([
    expect.objectContaining({ host: 'events.example.com', port: 443 }),
  ])
  expect(server.url).toBe('kafka://events.example.com:443')
})
